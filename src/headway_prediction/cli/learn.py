"""train: from a grid to a bundle."""

from pathlib import Path
from typing import Annotated

import typer

from headway_prediction.cli.framework import load_framework
from headway_prediction.cli.say import say


def train(
    grid: Annotated[Path, typer.Option(help="Grid that `headway grid` wrote.")],
    out: Annotated[Path, typer.Option(help="Bundle to write (a folder).")],
    config: Annotated[
        Path | None, typer.Option(help="TOML file of AppConfig fields, over the packaged line_defaults.toml.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Most epochs to train.")] = None,
    seed: Annotated[
        int | None, typer.Option(help="Seed of the weights and of the order of the windows.")
    ] = None,
    validation_days: Annotated[int | None, typer.Option(help="Service days to stop early on.")] = None,
    test_days: Annotated[
        int | None, typer.Option(help="Newest service days to hold back for `backtest`.")
    ] = None,
    quiet: Annotated[bool, typer.Option(help="Print nothing while training.")] = False,
) -> None:
    """Train the ST-ConvNet and write a bundle.

    The simple methods are fitted on the same days and come along. Killed and started again with the same command,
    training goes on where it was: its state lies in the folder OUT.run, with logs for TensorBoard.

    \b
    Example:
      headway train --grid line/grid.zarr --out line/bundle
    """
    load_framework()
    from headway_prediction.config import LINE_DEFAULTS, AppConfig
    from headway_prediction.grid.store import read_history
    from headway_prediction.train_line import train_line

    settings = AppConfig.load(
        config,
        base=LINE_DEFAULTS,
        epochs=epochs,
        seed=seed,
        validation_days=validation_days,
        test_days=test_days,
    )
    bundle = train_line(read_history(grid), settings, out.with_name(f"{out.name}.run"), quiet)
    bundle.save(out)
    scores = ", ".join(f"{name} {value:.3f}" for name, value in bundle.details["validation_scores"].items())
    say(f"wrote {out}; on its validation days: {scores}")
