"""evaluate: the scores of exported forecasts, as a table, JSON and an HTML report."""

from collections.abc import Iterable
from operator import attrgetter
from pathlib import Path
from typing import Annotated

import typer

from headway_prediction.cli.common import say
from headway_prediction.errors import HeadwayError

MAIN_METHOD = "st-convnet"


def evaluate(
    forecasts: Annotated[
        list[Path], typer.Argument(help="Forecast files, or folders of them, one file per method.")
    ],
    grid: Annotated[Path, typer.Option(help="Grid that holds the observed headways.")],
    report: Annotated[Path | None, typer.Option(help="HTML report to write.")] = None,
    scores: Annotated[Path | None, typer.Option(help="JSON file of all scores to write.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the table as Markdown.")] = False,
    main: Annotated[
        str, typer.Option(help="Method that the report is about, when it is among the files.")
    ] = MAIN_METHOD,
) -> None:
    """Score any number of methods on the same rows.

    The rows are the scored origins of every service date that any of the files holds; a forecast that a file lacks counts
    as 10 minutes. The typical headway, against which trains are bunched or gapped and periods disturbed, is the median of
    the grid's days before the first of these dates; where they have none, it is the planned headway.

    \b
    Example:
      headway evaluate --grid line/grid.zarr line/forecasts --report line/report.html
    """
    from rich.console import Console

    from headway_prediction.evaluation.compare import score_methods
    from headway_prediction.files import atomic_path
    from headway_prediction.forecasters.parquet import read_forecasts
    from headway_prediction.grid.store import read_history
    from headway_prediction.reporting.score_tables import markdown_scores, terminal_scores
    from headway_prediction.reporting.scores_json import scores_json

    history = read_history(grid)
    methods = dict(read_forecasts(path, history.line) for path in _files(forecasts))
    result = score_methods(history, sorted({day for days in methods.values() for day in days}), methods)
    if markdown:
        print(markdown_scores(result))
    else:
        Console(width=132).print(terminal_scores(result))
    if scores is not None:
        with atomic_path(scores) as fresh:
            fresh.write_text(scores_json(result), encoding="utf-8")
        say(f"wrote {scores}")
    if report is not None:
        from headway_prediction.reporting.score_report import write_report

        write_report(report, history, result, methods, main if main in methods else next(iter(methods)))
        say(f"wrote {report}")


def _files(paths: Iterable[Path]) -> list[Path]:
    """The files themselves and those in the folders: the simple methods first, the network last."""
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
