"""backtest: forecasts of test days with every method of a bundle."""

from pathlib import Path
from typing import Annotated

import typer

from headway_prediction.cli.common import parse_date, say


def backtest(
    grid: Annotated[Path, typer.Option(help="Grid that holds the days to forecast.")],
    bundle: Annotated[Path, typer.Option(help="Bundle with the network and the fitted simple methods.")],
    out: Annotated[Path, typer.Option(help="Folder for one Parquet file per method.")],
    method: Annotated[list[str] | None, typer.Option(help="Method to run; repeatable. Default: all.")] = None,
    date: Annotated[
        list[str] | None,
        typer.Option(
            help="Service date to forecast; repeatable. Default: all dates that the bundle was not trained or validated "
            "on; with a multi-line bundle, all but the first of a line that it was not trained on."
        ),
    ] = None,
) -> None:
    """Forecast test days with every method.

    Forecasts every scored origin of the test days, into one Parquet file per method. A multi-line bundle forecasts lines
    that it was not trained on; it fits line statistics on the line's own days before each date.

    Forecasts from a grid whose plan holds the observed departures are labelled oracle, in the file and in its name.

    \b
    Example:
      headway backtest --grid line/grid.zarr --bundle line/bundle --out line/forecasts
    """
    from headway_prediction.bundle.bundle import Bundle
    from headway_prediction.evaluation.backtest import backtest as forecasts_of
    from headway_prediction.forecasters.parquet import write_forecasts
    from headway_prediction.grid.plan_variants import method_label
    from headway_prediction.grid.store import read_history

    wanted = None if date is None else [day for text in date if (day := parse_date(text))]
    loaded, history = Bundle.load(bundle), read_history(grid)
    loaded.check_fits(history)
    test_dates = loaded.select_test_dates(history, wanted)
    say(f"{len(test_dates)} test days, {test_dates[0]} to {test_dates[-1]}")
    for name in method or loaded.methods_on(history):
        forecaster, label = loaded.method(name), method_label(history, name)
        path = out / f"{label}.parquet"
        rows = write_forecasts(path, label, history.line, forecasts_of(history, forecaster, test_dates))
        say(f"wrote {path}: {rows:,} rows")
