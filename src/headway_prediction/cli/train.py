"""train: from one grid, or several, to a bundle."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headway_prediction.cli.common import say
from headway_prediction.errors import HeadwayError

if TYPE_CHECKING:
    from headway_prediction.bundle.bundle import Bundle
    from headway_prediction.config import AppConfig


def train(
    out: Annotated[Path, typer.Option(help="Bundle to write (a folder).")],
    grid: Annotated[
        list[Path],
        typer.Option(
            help="Grid that `headway grid` wrote; repeat it to train a multi-line bundle, for lines that have no training "
            "days of their own."
        ),
    ],
    config: Annotated[
        Path | None,
        typer.Option(
            help="TOML file of AppConfig settings; they override the packaged line_defaults.toml, which overrides AppConfig."
        ),
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Largest number of epochs.")] = None,
    seed: Annotated[
        int | None, typer.Option(help="Seed of the weights and of the order of the windows.")
    ] = None,
    validation_days: Annotated[
        int | None,
        typer.Option(
            help="Newest service days before the test days to validate on; with ensemble_members = 1 alone."
        ),
    ] = None,
    test_days: Annotated[
        int | None, typer.Option(help="Newest service days, excluded from training, for `headway backtest`.")
    ] = None,
    extra_model: Annotated[
        list[str] | None, typer.Option(help="Slower method to fit as well: lightgbm. Repeatable.")
    ] = None,
    start_from: Annotated[
        Path | None,
        typer.Option(
            help="Bundle whose networks to start from in place of random weights; fewer --epochs will do then, at a "
            "lower learning_rate."
        ),
    ] = None,
    processes: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Networks that train at the same time, each in a process of about 1.5 GB; one per processor unless given.",
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option(help="Print no progress while training.")] = False,
) -> None:
    """Train the ST-ConvNet and write a bundle.

    Fits the simple methods on the same days and puts them into the bundle. Killed and started again with the same command,
    training resumes: its state is in the folder OUT.run, with logs for TensorBoard. `--extra-model lightgbm` adds
    boosted trees, the strongest baseline (an extra of the installation); they take some minutes more.

    `--start-from` continues the training of a bundle, on newer days for instance: every network validates on days that it
    was not trained on, and days that the bundle used are refused as test days.

    A multi-line bundle forecasts any line; the line statistics that it needs are fitted on the days before each date.

    \b
    Example:
      headway train --grid line/grid.zarr --out line/bundle
      headway train --grid a.zarr --grid b.zarr --grid c.zarr --out bundle
    """
    from headway_prediction.config import LINE_DEFAULTS, AppConfig
    from headway_prediction.nn.framework import check_framework

    settings = AppConfig.load(
        config,
        base=LINE_DEFAULTS,
        epochs=epochs,
        seed=seed,
        validation_days=validation_days,
        test_days=test_days,
    )
    check_framework()
    bundle = _trained(
        grid, settings, out.with_name(f"{out.name}.run"), quiet, extra_model or [], processes, start_from
    )
    bundle.save(out)
    scores = ", ".join(f"{name} {value:.3f}" for name, value in bundle.details["validation_scores"].items())
    say(f"wrote {out}; on its validation days: {scores}")


def _trained(
    grids: list[Path],
    settings: "AppConfig",
    run_dir: Path,
    quiet: bool,
    extra_models: list[str],
    processes: int | None,
    start_from: Path | None,
) -> "Bundle":
    from headway_prediction.forecasters.registry import extra_methods
    from headway_prediction.grid.store import read_history
    from headway_prediction.training.train import train_line, train_lines
    from headway_prediction.training.warm_start import WarmStart

    start = None if start_from is None else WarmStart.read(start_from, settings)
    if len(grids) == 1:
        extra = extra_methods(extra_models)
        return train_line(read_history(grids[0]), settings, run_dir, quiet, extra, processes, start)
    _refuse_extra_models(extra_models)
    return train_lines([read_history(path) for path in grids], settings, run_dir, quiet, processes, start)


def _refuse_extra_models(extra_models: list[str]) -> None:
    if extra_models:
        raise HeadwayError(
            f"--extra-model {extra_models[0]} was given with several grids",
            "networks alone, since a multi-line bundle holds nothing that is fitted on one line",
            "leave it out, or train on one --grid",
        )
