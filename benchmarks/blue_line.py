"""The published experiment (Usama & Koutsopoulos, arXiv:2510.03121) on a similar simulated line.

    python benchmarks/blue_line.py --out blue-line [--without-network] [--epochs 12] [--config settings.toml]

Simulates 50 replications of a weekday afternoon (`headway_prediction.simulate.blue_line`) and prints RMSE and R² at 15, 30,
45 and 60 minutes. 40 replications are for training (the last 4 of them for early stopping), 10 for testing. Terminal
departures are planned, observed (oracle, as in the paper) or unknown, in training and testing alike. The cells of 15:30 to
18:00 are scored. Every stage writes its result to the folder: started again with the same options, the benchmark continues.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import xarray as xr
from common import refuse_other_settings, stage, write_json
from horizons import HORIZONS, horizon_metrics, horizon_sums, origins_for

from headway_prediction.errors import HeadwayError
from headway_prediction.forecasters.base import Forecaster
from headway_prediction.forecasters.baselines import Persistence
from headway_prediction.forecasters.physics.fit_prior import fit_prior
from headway_prediction.forecasters.propagation import Propagation
from headway_prediction.forecasters.trip_propagation import TripPropagation
from headway_prediction.grid.build import read_line_files
from headway_prediction.grid.history import LineHistory
from headway_prediction.grid.plan_variants import PlanKind, with_plan
from headway_prediction.grid.store import read_history, write_history
from headway_prediction.simulate import blue_line, write_simulation
from headway_prediction.simulate.blue_line import PEAK_MINS

MINS = max(HORIZONS)
PLANS = {PlanKind.PLANNED: "planned", PlanKind.ORACLE: "observed (oracle)", PlanKind.NONE: "none"}
DIRECTIONS = {0: "northbound", 1: "southbound"}
PUBLISHED = {
    "northbound": "55 / .95 | 72 / .91 | 94 / .86 | 110 / .79",
    "southbound": "47 / .98 | 70 / .93 | 86 / .87 | 100 / .82",
}


def main() -> None:
    args = read_options()
    args.out.mkdir(parents=True, exist_ok=True)
    check_settings(args)
    history = read_history(stage(args.out / "grid.zarr", lambda path: make_grid(path, args)))
    rows: dict[tuple[str, str], xr.DataArray] = {}
    for kind in PlanKind:
        variant = with_plan(history, kind)
        for method, make in methods_of(variant, kind, args):
            path = args.out / f"{method}-{kind}.json"
            stage(path, lambda path, make=make, variant=variant: score(path, variant, make(), args))
            label = "–" if method == "persistence" else PLANS[kind]
            rows[method, label] = read_sums(path)
    print(markdown(rows, args.test))


def methods_of(
    variant: LineHistory, kind: PlanKind, args: argparse.Namespace
) -> Iterator[tuple[str, Callable[[], Forecaster]]]:
    """Yield each method's name and a function that makes it, called unless an earlier run scored it."""
    training = variant.service_dates[: -args.test]
    if kind is PlanKind.PLANNED:
        yield "persistence", lambda: Persistence(leads=MINS)  # it uses no plan: one row is enough
    yield "propagation", lambda: Propagation(Propagation.fit(variant.select(training)).runs, leads=MINS)
    yield "trip-propagation", lambda: TripPropagation(fit_prior(variant.select(training)), leads=MINS)
    if not args.without_network:
        yield "st-convnet", lambda: trained_network(variant, args.out / f"bundle-{kind}", args)


def trained_network(variant: LineHistory, path: Path, args: argparse.Namespace) -> Forecaster:
    """Return the 60-minute rollout of the ST-ConvNet, trained on this variant here or by an earlier run."""
    from headway_prediction.bundle.bundle import Bundle
    from headway_prediction.config import LINE_DEFAULTS, AppConfig
    from headway_prediction.training.train import train_line

    config = AppConfig.load(
        args.config, base=LINE_DEFAULTS, epochs=args.epochs, seed=args.seed,
        validation_days=args.validation, test_days=args.test,
    )  # fmt: skip
    run_dir = path.with_name(f"{path.name}.run")
    stage(path, lambda path: train_line(variant, config, run_dir).save(path))
    return Bundle.load(path).method("st-convnet-60")


def make_grid(path: Path, args: argparse.Namespace) -> None:
    """Simulate the replications, consecutive weekdays, and build their grid."""
    weeks, rest = divmod(
        args.replications, 5
    )  # the scenario starts on a Monday and has no service at weekends
    files = write_simulation(args.out, blue_line(), days=7 * weeks + rest, seed=args.seed)
    write_history(read_line_files(*files), path)


def score(path: Path, variant: LineHistory, method: Forecaster, args: argparse.Namespace) -> None:
    """Forecast the test replications, and write the sums of their errors."""
    origins = origins_for(PEAK_MINS, step=args.origin_step)
    days = variant.service_dates[-args.test :]
    sums = horizon_sums(variant, (method.forecast(variant, day, origins) for day in days), PEAK_MINS)
    write_json(path, sums.to_dict())


def read_sums(path: Path) -> xr.DataArray:
    return xr.DataArray.from_dict(json.loads(path.read_text(encoding="utf-8")))


def check_settings(args: argparse.Namespace) -> None:
    """Write the settings that the folder's results depend on; refuse to mix them with results of other settings."""
    own = {name: getattr(args, name) for name in ("replications", "test", "seed", "origin_step")}
    refuse_other_settings(args.out / "settings.json", own | {"line": line_settings()})
    if not args.without_network:
        config = args.config.read_text(encoding="utf-8") if args.config else None
        network = {"epochs": args.epochs, "validation": args.validation, "config": config}
        refuse_other_settings(args.out / "network.json", network)


def line_settings() -> str:
    return json.dumps(
        asdict(blue_line()),
        default=lambda value: sorted(value) if isinstance(value, frozenset) else str(value),
    )


def markdown(rows: dict[tuple[str, str], xr.DataArray], replications: int) -> str:
    """Return the table: RMSE in seconds / R² by horizon, a block of columns per direction."""
    spread = float(horizon_metrics(next(iter(rows.values())))["spread_secs"].mean())
    columns = [f"{name} {horizon}" for name in DIRECTIONS.values() for horizon in HORIZONS]
    lines = [
        f"RMSE in seconds / R² at 15, 30, 45 and 60 min over {replications} test replications; the target's standard",
        f"deviation is {spread:.0f} s.",
        "",
        f"| method | terminal headways | {' | '.join(columns)} |",
        f"| --- | --- |{' ---: |' * len(columns)}",
        *(f"| {method} | {plan} | {' | '.join(cells(sums))} |" for (method, plan), sums in rows.items()),
        f"| *published, their line* | *observed* | {' | '.join(PUBLISHED.values())} |",
    ]
    return "\n".join(lines)


def cells(sums: xr.DataArray) -> list[str]:
    scores = horizon_metrics(sums)
    places = [
        {"direction": direction, "horizon": horizon} for direction in DIRECTIONS for horizon in HORIZONS
    ]
    found = [scores.sel(place) for place in places]
    return [f"{float(at['rmse_secs']):.0f} / {float(at['r2']):.2f}".replace("0.", ".") for at in found]


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for the result of every stage")
    parser.add_argument("--replications", type=int, default=50)
    parser.add_argument("--test", type=int, default=10, help="test replications, the last ones")
    parser.add_argument(
        "--validation", type=int, default=4, help="validation replications, for early stopping"
    )
    parser.add_argument(
        "--origin-step", type=int, default=1, help="minutes between the origins that are scored"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--without-network", action="store_true", help="only persistence and propagation")
    parser.add_argument("--epochs", type=int, help="maximum number of epochs")
    parser.add_argument("--config", type=Path, help="TOML file of AppConfig fields")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        main()
    except HeadwayError as error:
        sys.exit(f"blue_line: {error}")
