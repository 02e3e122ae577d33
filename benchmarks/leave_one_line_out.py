"""Zero-shot scores: networks trained on all lines but one forecast that one, beside simple methods fitted on it.

    python benchmarks/leave_one_line_out.py a.zarr b.zarr c.zarr --out leave-one-out [--epochs 5] [--seed 0] [--only b]

For every line (or those of `--only`, by the stem of the grid's file name): train a multi-line bundle on all days of the
others, backtest the line's latest days (2; 14 of a line with more than 60), and print a table. Statistics of the line
(climatology, running times, trips) are fitted on its own days before each date. Every bundle and forecast stays in the
folder: started again with the same options, the benchmark continues, and `headway evaluate` scores the forecasts in detail.
"""

import argparse
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from common import refuse_other_settings, stage

from headway_prediction.bundle.bundle import Bundle
from headway_prediction.config import LINE_DEFAULTS, AppConfig
from headway_prediction.errors import HeadwayError
from headway_prediction.evaluation.backtest import backtest
from headway_prediction.evaluation.compare import score_methods
from headway_prediction.forecasters.base import Forecast
from headway_prediction.forecasters.parquet import read_forecasts, write_forecasts
from headway_prediction.grid.history import LineHistory
from headway_prediction.grid.store import read_history
from headway_prediction.reporting.score_tables import markdown_scores

TEST_DAYS, TEST_DAYS_OF_LONG = 2, 14
LONG_HISTORY_DAYS = 60


def main() -> None:
    args = read_options()
    grids = named(args.grids)
    config = AppConfig.load(args.config, base=LINE_DEFAULTS, epochs=args.epochs, seed=args.seed, test_days=0)
    args.out.mkdir(parents=True, exist_ok=True)
    refuse_other_settings(args.out / "settings.json", {"grids": sorted(grids)} | config.to_dict())
    for name in args.only or grids:
        print(f"\n{name}, zero-shot\n\n{zero_shot_scores(name, grids, config, args)}", flush=True)


def named(paths: list[Path]) -> dict[str, Path]:
    """Return the grids by the names of their files."""
    grids = {path.stem: path for path in paths}
    if len(grids) < len(paths) or len(grids) < 2:
        raise HeadwayError(
            f"the grids are {', '.join(map(str, paths))}",
            "two or more, with different names",
            "rename or add one",
        )
    return grids


def zero_shot_scores(name: str, grids: dict[str, Path], config: AppConfig, args: argparse.Namespace) -> str:
    """Return the table of one line under networks of the others."""
    history = read_history(grids[name])
    others = [path for other, path in grids.items() if other != name]
    bundle = trained(args.out / name / "bundle", others, config)
    dates = bundle.select_test_dates(history, args.dates or latest_dates(history))
    methods = dict(forecasts(args.out / name, bundle, history, dates))
    scores, *_ = markdown_scores(score_methods(history, dates, methods)).split("\n\n")
    return scores


def latest_dates(history: LineHistory) -> list[date]:
    dates = history.service_dates
    return dates[-(TEST_DAYS_OF_LONG if len(dates) > LONG_HISTORY_DAYS else TEST_DAYS) :]


def trained(path: Path, grids: list[Path], config: AppConfig) -> Bundle:
    """Train on the grids, or read what an earlier run trained."""
    from headway_prediction.bundle.bundle import Bundle
    from headway_prediction.training.train import train_lines

    def make(path: Path) -> None:
        histories = [read_history(grid) for grid in grids]
        train_lines(histories, config, path.with_name(f"{path.name}.run")).save(path)

    return Bundle.load(stage(path, make))


def forecasts(
    out: Path, bundle: Bundle, history: LineHistory, dates: list[date]
) -> Iterator[tuple[str, dict[date, Forecast]]]:
    """Yield each method's name and its forecasts, by date; those of an earlier run are read."""
    folder = out / f"{dates[0]}_{dates[-1]}"
    folder.mkdir(parents=True, exist_ok=True)
    refuse_other_settings(folder / "dates.json", {"dates": [day.isoformat() for day in dates]})
    for name in bundle.methods_on(history):

        def make(path: Path, name: str = name) -> None:
            write_forecasts(path, name, history.line, backtest(history, bundle.method(name), dates))

        yield read_forecasts(stage(folder / f"{name}.parquet", make), history.line)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("grids", type=Path, nargs="+", help="grids that `headway grid` wrote, two or more")
    parser.add_argument("--out", type=Path, required=True, help="folder for every stage's result")
    parser.add_argument("--only", nargs="+", help="lines to forecast, by the stems of their file names")
    parser.add_argument("--dates", type=date.fromisoformat, nargs="+", help="service dates to forecast")
    parser.add_argument("--epochs", type=int, help="maximum number of epochs")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--config", type=Path, help="TOML file of AppConfig fields")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        main()
    except HeadwayError as error:
        sys.exit(f"leave_one_line_out: {error}")
