"""The published experiment (Usama & Koutsopoulos, arXiv:2510.03121) on a line like theirs: one command makes the table.

    python benchmarks/blue_line.py --out blue-line [--without-network] [--epochs 12] [--config settings.toml]

50 replications of a weekday afternoon (`headway_prediction.simulate.blue_line`), split by replication: 40 to train on (the
last 4 of them to stop early), 10 to judge on that nothing has seen. The terminal departures are planned, observed (oracle,
as in the paper) or unknown, for training and judging alike. Scored are the cells of 15:30 to 18:00. Every stage leaves its
result in the folder: stopped and started again with the same options, it goes on.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import xarray as xr
from horizons import HORIZONS, horizon_metrics, horizon_sums, origins_for
from stages import check_settings, stage, write_json

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
    options = read_options()
    options.out.mkdir(parents=True, exist_ok=True)
    keep_settings(options)
    history = read_history(stage(options.out / "grid.zarr", lambda path: make_grid(path, options)))
    rows: dict[tuple[str, str], xr.DataArray] = {}
    for kind in PlanKind:
        variant = with_plan(history, kind)
        for method, make in methods_of(variant, kind, options):
            path = options.out / f"{method}-{kind}.json"
            stage(path, lambda path, make=make, variant=variant: score(path, variant, make(), options))
            label = "–" if method == "persistence" else PLANS[kind]
            rows[method, label] = read_sums(path)
    print(markdown(rows, options.test))


def methods_of(
    variant: LineHistory, kind: PlanKind, options: argparse.Namespace
) -> Iterator[tuple[str, Callable[[], Forecaster]]]:
    """Yield each method's name and how it is made when its scores are not there yet."""
    training = variant.service_dates[: -options.test]
    if kind is PlanKind.PLANNED:
        yield "persistence", lambda: Persistence(leads=MINS)  # it knows no plan: one row is enough
    yield "propagation", lambda: Propagation(Propagation.fit(variant.select(training)).runs, leads=MINS)
    yield "trip-propagation", lambda: TripPropagation(fit_prior(variant.select(training)), leads=MINS)
    if not options.without_network:
        yield "st-convnet", lambda: trained_network(variant, options.out / f"bundle-{kind}", options)


def trained_network(variant: LineHistory, path: Path, options: argparse.Namespace) -> Forecaster:
    """Train the ST-ConvNet on this variant, or read it, and let it feed its forecasts back to 60 minutes."""
    from headway_prediction.bundle.bundle import Bundle
    from headway_prediction.config import LINE_DEFAULTS, AppConfig
    from headway_prediction.training.train_line import train_line

    config = AppConfig.load(
        options.config, base=LINE_DEFAULTS, epochs=options.epochs, seed=options.seed,
        validation_days=options.validation, test_days=options.test,
    )  # fmt: skip
    run_dir = path.with_name(f"{path.name}.run")
    stage(path, lambda path: train_line(variant, config, run_dir).save(path))
    return Bundle.load(path).method("st-convnet-60")


def make_grid(path: Path, options: argparse.Namespace) -> None:
    """Simulate the replications, consecutive weekdays, and build their grid."""
    weeks, rest = divmod(options.replications, 5)  # the scenario starts on a Monday and rests at weekends
    files = write_simulation(options.out, blue_line(), days=7 * weeks + rest, seed=options.seed)
    write_history(read_line_files(*files), path)


def score(path: Path, variant: LineHistory, method: Forecaster, options: argparse.Namespace) -> None:
    """Forecast the replications that nothing has seen, and write the sums of their errors."""
    origins = origins_for(PEAK_MINS, step=options.origin_step)
    days = variant.service_dates[-options.test :]
    sums = horizon_sums(variant, (method.forecast(variant, day, origins) for day in days), PEAK_MINS)
    write_json(path, sums.to_dict())


def read_sums(path: Path) -> xr.DataArray:
    return xr.DataArray.from_dict(json.loads(path.read_text(encoding="utf-8")))


def keep_settings(options: argparse.Namespace) -> None:
    """Keep what the folder's results depend on; refuse to mix them with those of other settings."""
    own = {name: getattr(options, name) for name in ("replications", "test", "seed", "origin_step")}
    check_settings(options.out / "settings.json", own | {"line": line_settings()})
    if not options.without_network:
        config = options.config.read_text(encoding="utf-8") if options.config else None
        network = {"epochs": options.epochs, "validation": options.validation, "config": config}
        check_settings(options.out / "network.json", network)


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
        f"RMSE in seconds / R² at 15, 30, 45 and 60 min over {replications} replications never seen; the target's standard",
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
    parser.add_argument("--out", type=Path, required=True, help="folder for every stage's result")
    parser.add_argument("--replications", type=int, default=50)
    parser.add_argument("--test", type=int, default=10, help="replications never seen, the last ones")
    parser.add_argument("--validation", type=int, default=4, help="of the others, those to stop early on")
    parser.add_argument(
        "--origin-step", type=int, default=1, help="minutes between the origins that are scored"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--without-network", action="store_true", help="persistence and propagation alone")
    parser.add_argument("--epochs", type=int, help="most epochs to train")
    parser.add_argument("--config", type=Path, help="TOML file of AppConfig fields")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        main()
    except HeadwayError as error:
        sys.exit(f"blue_line: {error}")
