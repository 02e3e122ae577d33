"""demo: every stage on a simulated line, up to the table of scores."""

from pathlib import Path
from typing import Annotated

import typer

from headway_prediction.cli.common import say


def demo(
    out: Annotated[Path, typer.Option(help="Folder for everything the demo makes.")] = Path("demo"),
    days: Annotated[int, typer.Option(min=6, help="Service days to simulate.")] = 12,
    stations: Annotated[int, typer.Option(min=3, help="Stations of the line.")] = 12,
    epochs: Annotated[int, typer.Option(min=1, help="Largest number of epochs.")] = 4,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the line and of the training.")] = 0,
) -> None:
    """Run every stage on a simulated line.

    Simulates, builds the grid, trains, backtests and scores every method, in a few minutes.

    \b
    Example:
      headway demo --out demo
    """
    from headway_prediction.cli.backtest import backtest
    from headway_prediction.cli.evaluate import evaluate
    from headway_prediction.cli.grid import grid
    from headway_prediction.cli.simulate import simulate
    from headway_prediction.cli.train import train
    from headway_prediction.nn.framework import check_framework

    check_framework()
    log, schedule, cells = out / "arrivals.parquet", out / "gtfs.zip", out / "grid.zarr"
    bundle, forecasts, report = out / "bundle", out / "forecasts", out / "report.html"
    say("1/5 simulating a line")
    simulate(out, days, stations, seed)
    say("2/5 building the headway grid")
    grid(log, cells, gtfs=schedule)
    say("3/5 training the ST-ConvNet")
    train(bundle, [cells], epochs=epochs, seed=seed)
    say("4/5 forecasting the test days with every method")
    backtest(cells, bundle, forecasts)
    say("5/5 scoring every method on the same rows")
    evaluate([forecasts], cells, report=report, scores=out / "scores.json")
    say(f"bundle: {bundle}\nreport: {report}")
    say(f"next: headway forecast --bundle {bundle} --arrivals {log}")
