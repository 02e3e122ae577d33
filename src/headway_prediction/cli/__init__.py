"""The command line: verbs are stages. A user's mistake ends with one sentence and status 2, anything unforeseen with 1.

Each verb imports what it needs when it runs, so that `headway --help` starts at once.
"""

import sys

import typer

from headway_prediction.cli import (
    archive,
    canary,
    check,
    data,
    demo,
    feed,
    judge,
    learn,
    line,
    live,
    now,
    record,
    retrain,
    serve,
    watch,
    what_if,
)
from headway_prediction.errors import HeadwayError


def build_app() -> typer.Typer:
    """Assemble the verbs in the order of the stages."""
    app = typer.Typer(
        help="Forecast, minute by minute, how far apart the trains of a metro line will be.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    verbs = (
        data.simulate, line.line, serve.feed, record.record, serve.replay, feed.passings, archive.archive, check.check,
        data.grid, learn.train, now.forecast, what_if.what_if, judge.backtest, judge.evaluate, canary.canary, now.info,
        demo.demo, live.serve, retrain.retrain, watch.watch,
    )  # fmt: skip
    for verb in verbs:
        app.command()(verb)
    return app


def main(arguments: list[str] | None = None) -> int:
    """Run one command line; return the exit status."""
    try:
        build_app()(args=arguments)
    except HeadwayError as error:
        print(f"headway: {error}", file=sys.stderr)
        return 2
    return 0
