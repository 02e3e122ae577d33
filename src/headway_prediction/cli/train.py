"""train: from a grid to a bundle."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headway_prediction.cli.common import say
from headway_prediction.cli.framework import load_framework
from headway_prediction.errors import HeadwayError

if TYPE_CHECKING:
    from headway_prediction.bundle.bundle import Bundle
    from headway_prediction.bundle.multi_line_bundle import LinesBundle
    from headway_prediction.config import AppConfig


def train(
    out: Annotated[Path, typer.Option(help="Bundle to write (a folder).")],
    grid: Annotated[Path | None, typer.Option(help="Grid that `headway grid` wrote.")] = None,
    lines: Annotated[
        str | None,
        typer.Option(help="Grids of several lines, with commas, instead: networks for lines never seen."),
    ] = None,
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
    extra: Annotated[
        list[str] | None, typer.Option("--with", help="Slower method to fit as well: lightgbm.")
    ] = None,
    quiet: Annotated[bool, typer.Option(help="Print nothing while training.")] = False,
) -> None:
    """Train the ST-ConvNet and write a bundle.

    The simple methods are fitted on the same days and come along. Killed and started again with the same command,
    training goes on where it was: its state lies in the folder OUT.run, with logs for TensorBoard. `--with lightgbm` (an
    extra of the installation) adds boosted trees that the network has to beat; they take some minutes more.

    A bundle of several lines forecasts any line; what simple methods and the network need to know of it comes from its own
    days before.

    \b
    Example:
      headway train --grid line/grid.zarr --out line/bundle
      headway train --lines a.zarr,b.zarr,c.zarr --out bundle
    """
    from headway_prediction.config import LINE_DEFAULTS, AppConfig

    grids = _grids(grid, lines, extra)
    own = {"epochs": epochs, "seed": seed, "validation_days": validation_days, "test_days": test_days}
    settings, run_dir = AppConfig.load(config, base=LINE_DEFAULTS, **own), out.with_name(f"{out.name}.run")
    if lines is None:
        bundle = _train_line(grids[0], settings, run_dir, quiet, extra or [])
    else:
        bundle = _train_lines(grids, settings, run_dir, quiet)
    bundle.save(out)
    say(f"wrote {out}; on its validation days: {_listed(bundle.details['validation_scores'])}")


def _train_line(grid: Path, settings: "AppConfig", run_dir: Path, quiet: bool, extra: list[str]) -> "Bundle":
    load_framework()
    from headway_prediction.forecasters.registry import extra_methods
    from headway_prediction.grid.store import read_history
    from headway_prediction.training.train_line import train_line

    methods = extra_methods(extra)
    return train_line(read_history(grid), settings, run_dir, quiet, methods)


def _train_lines(grids: list[Path], settings: "AppConfig", run_dir: Path, quiet: bool) -> "LinesBundle":
    load_framework()
    from headway_prediction.grid.store import read_history
    from headway_prediction.training.train_lines import train_lines

    return train_lines([read_history(path) for path in grids], settings, run_dir, quiet)


def _listed(scores: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in scores.items())


def _grids(grid: Path | None, lines: str | None, extra: list[str] | None) -> list[Path]:
    if (grid is None) == (lines is None):
        raise HeadwayError(
            "neither --grid nor --lines was given" if grid is None else "both --grid and --lines were given",
            "one of them: the grid of one line, or those of several with commas",
            "give --grid line.zarr or --lines a.zarr,b.zarr",
        )
    if lines is not None and extra:
        raise HeadwayError(
            f"--with {extra[0]} was given with --lines",
            "nothing that is fitted on one line: a bundle of several lines holds networks alone",
            "leave it out, or train on --grid",
        )
    return [grid] if grid is not None else [Path(part.strip()) for part in lines.split(",")]
