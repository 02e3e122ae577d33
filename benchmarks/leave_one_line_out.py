"""Leave one line out: networks trained on all lines but one forecast that one, beside its own simple methods.

    python benchmarks/leave_one_line_out.py a.zarr b.zarr c.zarr --out leave-one-out [--epochs 5] [--seed 0] [--only b]

For every line (or those of `--only`, by the name of the grid's file): `headway train --lines` on all days of the others,
then `headway backtest` of its newest days (2; 14 of a line with more than 60), then a table. What is fitted for the line
(climatology, running times, trips) comes from its own days before each date. Every bundle and every forecast stays in the
folder: stopped and started again with the same options, it goes on, and `headway evaluate` tells more of the forecasts.
"""

import argparse
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from stages import check_settings, stage

from headway_prediction.bundle.multi_line_bundle import LinesBundle
from headway_prediction.config import LINE_DEFAULTS, AppConfig
from headway_prediction.errors import HeadwayError
from headway_prediction.evaluation.backtest import backtest
from headway_prediction.evaluation.compare import score_methods
from headway_prediction.forecasters.base import Forecast
from headway_prediction.forecasters.parquet import read_forecasts, write_forecasts
from headway_prediction.grid.history import LineHistory
from headway_prediction.grid.store import read_history
from headway_prediction.reporting.score_tables import markdown_scores

ADAPTATION_DAYS, OF_MANY = 2, 14
MANY_DAYS = 60


def main() -> None:
    options = read_options()
    grids = named(options.grids)
    config = AppConfig.load(
        options.config, base=LINE_DEFAULTS, epochs=options.epochs, seed=options.seed, test_days=0
    )
    options.out.mkdir(parents=True, exist_ok=True)
    check_settings(options.out / "settings.json", {"grids": sorted(grids)} | config.to_dict())
    for name in options.only or grids:
        print(f"\n{name}, never seen\n\n{left_out(name, grids, config, options)}", flush=True)


def named(paths: list[Path]) -> dict[str, Path]:
    """Return the grids by the names of their files."""
    grids = {path.stem: path for path in paths}
    if len(grids) < len(paths) or len(grids) < 2:
        raise HeadwayError(
            f"the grids are {', '.join(map(str, paths))}", "two or more, of different names", "give others"
        )
    return grids


def left_out(name: str, grids: dict[str, Path], config: AppConfig, options: argparse.Namespace) -> str:
    """Return the table of one line under networks of the others."""
    history = read_history(grids[name])
    others = [path for other, path in grids.items() if other != name]
    bundle = trained(options.out / name / "bundle", others, config)
    dates = bundle.select_test_dates(history, options.dates or newest_dates(history))
    methods = dict(forecasts(options.out / name, bundle, history, dates))
    scores, *_ = markdown_scores(score_methods(history, dates, methods)).split("\n\n")
    return scores


def newest_dates(history: LineHistory) -> list[date]:
    dates = history.service_dates
    return dates[-(OF_MANY if len(dates) > MANY_DAYS else ADAPTATION_DAYS) :]


def trained(path: Path, grids: list[Path], config: AppConfig) -> LinesBundle:
    """Train on the grids, or read what an earlier run trained."""
    from headway_prediction.bundle.bundle import Bundle
    from headway_prediction.training.train_lines import train_lines

    def make(path: Path) -> None:
        histories = [read_history(grid) for grid in grids]
        train_lines(histories, config, path.with_name(f"{path.name}.run")).save(path)

    return Bundle.load(stage(path, make))


def forecasts(
    out: Path, bundle: LinesBundle, history: LineHistory, dates: list[date]
) -> Iterator[tuple[str, dict[date, Forecast]]]:
    """Yield each method's name and its forecasts, by date; those that lie there are read."""
    folder = out / f"{dates[0]}_{dates[-1]}"
    folder.mkdir(parents=True, exist_ok=True)
    check_settings(folder / "dates.json", {"dates": [day.isoformat() for day in dates]})
    for name in bundle.methods_on(history):

        def make(path: Path, name: str = name) -> None:
            write_forecasts(path, name, history.line, backtest(history, bundle.method(name), dates))

        yield read_forecasts(stage(folder / f"{name}.parquet", make), history.line)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("grids", type=Path, nargs="+", help="grids that `headway grid` wrote, two or more")
    parser.add_argument("--out", type=Path, required=True, help="folder for every stage's result")
    parser.add_argument("--only", nargs="+", help="lines to leave out, by the names of their files")
    parser.add_argument("--dates", type=date.fromisoformat, nargs="+", help="service dates to forecast")
    parser.add_argument("--epochs", type=int, help="most epochs to train")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--config", type=Path, help="TOML file of AppConfig fields")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        main()
    except HeadwayError as error:
        sys.exit(f"leave_one_line_out: {error}")
