"""The command line: one file per command.

A mistake of the user ends with one sentence and status 2, an unforeseen error with a traceback and status 1.

Each command imports what it needs when it runs, so that `headway --help` starts at once.
"""

import sys
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from headway_prediction.cli import (
    arrivals,
    backtest,
    check,
    demo,
    evaluate,
    forecast,
    grid,
    import_,
    info,
    leakage_check,
    line,
    record,
    replay,
    retrain,
    serve,
    simulate,
    simulate_feed,
    train,
    watch,
    what_if,
)
from headway_prediction.errors import HeadwayError

GROUPS: Mapping[str, Mapping[str, Callable[..., None]]] = {
    "Data": {
        "record": record.record,
        "replay": replay.replay,
        "arrivals": arrivals.arrivals,
        "import": import_.import_,
        "line": line.line,
        "check": check.check,
        "grid": grid.grid,
        "simulate": simulate.simulate,
        "simulate-feed": simulate_feed.simulate_feed,
        "info": info.info,
    },
    "Train and judge": {
        "train": train.train,
        "backtest": backtest.backtest,
        "evaluate": evaluate.evaluate,
        "leakage-check": leakage_check.leakage_check,
        "demo": demo.demo,
    },
    "Live": {
        "forecast": forecast.forecast,
        "what-if": what_if.what_if,
        "serve": serve.serve,
        "watch": watch.watch,
        "retrain": retrain.retrain,
    },
}


class GroupedCommands(TyperGroup):
    """Lists the commands of the help under the titles of GROUPS."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write one section per group (`ctx` and `formatter` have no public types in Typer)."""
        for title, commands in GROUPS.items():
            with formatter.section(title):
                found = [(name, self.get_command(ctx, name)) for name in commands]
                formatter.write_dl(
                    [(name, command.get_short_help_str(limit=70)) for name, command in found if command]
                )


def build_app() -> typer.Typer:
    """Return the application with all commands."""
    app = typer.Typer(
        cls=GroupedCommands,
        help="Forecast, minute by minute, how far apart the trains of a line will be.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    app.callback()(_options)
    for commands in GROUPS.values():
        for name, command in commands.items():
            app.command(name)(command)
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        from headway_prediction import __version__

        print(f"headway {__version__}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    """Forecast, minute by minute, how far apart the trains of a line will be."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command line; return the exit status."""
    try:
        build_app()(args=arguments)
    except HeadwayError as error:
        print(f"headway: {error}", file=sys.stderr)
        return 2
    return 0
