"""backtest and evaluate: forecasts of held-back days, and what they were worth."""

from collections.abc import Iterable
from datetime import date
from operator import attrgetter
from pathlib import Path
from typing import Annotated

import typer

from headway_prediction.cli.common import say
from headway_prediction.cli.framework import load_framework
from headway_prediction.errors import HeadwayError

MAIN_METHOD = "st-convnet"


def backtest(
    grid: Annotated[Path, typer.Option(help="Grid that holds the days to forecast.")],
    bundle: Annotated[Path, typer.Option(help="Bundle with the network and the fitted simple methods.")],
    out: Annotated[Path, typer.Option(help="Folder for one Parquet file per method.")],
    method: Annotated[
        list[str] | None, typer.Option(help="Method to run; may be repeated. Default: all.")
    ] = None,
    dates: Annotated[
        str | None,
        typer.Option(
            help="Service dates, with commas. Default: all the bundle never saw; of a line never seen, all but the first."
        ),
    ] = None,
) -> None:
    """Forecast held-back days with every method.

    From every scored origin of days that the bundle was neither trained nor validated on, into one Parquet file per method.
    A bundle of several lines forecasts lines that it has never seen; what is fitted then comes from the line's own days
    before each date.

    What is made from a grid with observed departures as its plan is called so, in the file and by its name.

    \b
    Example:
      headway backtest --grid line/grid.zarr --bundle line/bundle --out line/forecasts
    """
    load_framework()
    from headway_prediction.bundle.bundle import Bundle
    from headway_prediction.evaluation.backtest import backtest as forecasts_of
    from headway_prediction.forecasters.parquet import write_forecasts
    from headway_prediction.grid.plan_variants import method_label
    from headway_prediction.grid.store import read_history

    loaded, history = Bundle.load(bundle), read_history(grid)
    loaded.check_fits(history)
    held_back = loaded.select_test_dates(history, _dates(dates))
    say(f"{len(held_back)} held-back service days, {held_back[0]} to {held_back[-1]}")
    for name in method or loaded.methods_on(history):
        forecaster, label = loaded.method(name), method_label(history, name)
        path = out / f"{label}.parquet"
        rows = write_forecasts(path, label, history.line, forecasts_of(history, forecaster, held_back))
        say(f"wrote {path}: {rows:,} rows")


def evaluate(
    forecasts: Annotated[
        list[Path], typer.Argument(help="Forecast files, or folders of them, one file per method.")
    ],
    grid: Annotated[Path, typer.Option(help="Grid that holds what really happened.")],
    report: Annotated[Path | None, typer.Option(help="HTML report to write.")] = None,
    scores: Annotated[Path | None, typer.Option(help="JSON file of all scores to write.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the table as Markdown.")] = False,
    main: Annotated[
        str, typer.Option(help="The method that the report is about, when it is there.")
    ] = MAIN_METHOD,
) -> None:
    """Score any number of methods on the same rows.

    The rows are the scored origins of every service date that any of the files holds; a forecast that a file lacks counts
    as 10 minutes. Days of the grid before the first of these dates say which headways are usual, and so which trains came
    bunched or gapped and which periods were disturbed; where they do not, the plan does.

    \b
    Example:
      headway evaluate --grid line/grid.zarr line/forecasts --report line/report.html
    """
    from rich.console import Console

    from headway_prediction.evaluation.compare import score_methods
    from headway_prediction.files import atomic_path
    from headway_prediction.forecasters.parquet import read_forecasts
    from headway_prediction.grid.store import read_history
    from headway_prediction.reporting.scores_json import scores_json
    from headway_prediction.reporting.table import markdown_table, terminal_table

    history = read_history(grid)
    methods = dict(read_forecasts(path, history.line) for path in _files(forecasts))
    result = score_methods(history, sorted({day for days in methods.values() for day in days}), methods)
    if markdown:
        print(markdown_table(result))
    else:
        Console(width=132).print(terminal_table(result))
    if scores is not None:
        with atomic_path(scores) as fresh:
            fresh.write_text(scores_json(result), encoding="utf-8")
        say(f"wrote {scores}")
    if report is not None:
        from headway_prediction.reporting.report import write_report

        write_report(report, history, result, methods, main if main in methods else next(iter(methods)))
        say(f"wrote {report}")


def _dates(text: str | None) -> list[date] | None:
    try:
        return None if text is None else [date.fromisoformat(part.strip()) for part in text.split(",")]
    except ValueError as error:
        raise HeadwayError(
            f"--dates is {text!r}", "dates such as 2025-10-06,2025-10-07", "correct it"
        ) from error


def _files(paths: Iterable[Path]) -> list[Path]:
    """The files themselves, and those in the folders; the simple methods first, the network last, as they were learned."""
    by_name = attrgetter("stem")
    found = (sorted(path.glob("*.parquet"), key=by_name) if path.is_dir() else [path] for path in paths)
    files = [file for in_path in found for file in in_path]
    if not files:
        raise HeadwayError(
            "there is no forecast file",
            "Parquet files that `headway backtest` wrote",
            "run `headway backtest` first",
        )
    order = ["persistence", "climatology", "schedule", "propagation", "trip-propagation"]
    return sorted(files, key=lambda path: order.index(path.stem) if path.stem in order else len(order))
