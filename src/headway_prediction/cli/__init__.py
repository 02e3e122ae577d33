"""The command line: verbs are stages. A user's mistake ends with one sentence and status 2, anything unforeseen with 1.

Each verb imports what it needs when it runs, so that `headway --help` starts at once.
"""

import sys

import typer

from headway_prediction.cli import (
    backtest_evaluate,
    check,
    demo,
    forecast,
    import_,
    leakage_check,
    line,
    passings,
    record,
    replay,
    retrain,
    serve,
    simulate_grid,
    train,
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
        simulate_grid.simulate,
        line.line,
        replay.feed,
        record.record,
        replay.replay,
        passings.passings,
        import_.archive,
        check.check,
        simulate_grid.grid,
        train.train,
        forecast.forecast,
        what_if.what_if,
        backtest_evaluate.backtest,
        backtest_evaluate.evaluate,
        leakage_check.canary,
        forecast.info,
        demo.demo,
        serve.serve,
        retrain.retrain,
        watch.watch,
    )
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
