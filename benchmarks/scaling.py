"""How the cost grows with stations, batch and days: times at 1x, 2x and 4x of a size, and the exponent of a log-log fit.

    python benchmarks/scaling.py [--repeats 5] [--plot docs/scaling.svg]

Stations and batch: a training step of STConvNet with the packaged settings; days: reading a log and building its grid.
Each time is the fastest of the repeats, which alternate between the sizes: other load of the machine affects all of them.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from common import print_figure

from headway_prediction.config import LINE_DEFAULTS, AppConfig
from headway_prediction.grid.build import read_line_files
from headway_prediction.model import STConvNet
from headway_prediction.nn.losses import PointLoss
from headway_prediction.simulate import Scenario, write_simulation

FACTORS = (1, 2, 4)
STATIONS, BATCH, DAYS = 96, 32, 12
PLAN_CHANNELS = 6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--plot", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measured = {
            "training step, exponent against stations": fastest(by_stations(), args.repeats),
            "training step, exponent against batch": fastest(by_batch(), args.repeats),
            "grid, exponent against days": fastest(by_days(Path(folder)), args.repeats),
        }
    for name, seconds in measured.items():
        print(f"{name}: " + ", ".join(f"{1000 * one:.1f} ms" for one in seconds))
        print_figure(name, exponent(seconds), "")
    if args.plot:
        args.plot.write_text(plot(measured), encoding="utf-8")


def exponent(seconds: list[float]) -> float:
    """Return the slope of log seconds against log size at the sizes FACTORS."""
    return float(np.polyfit(np.log(FACTORS), np.log(seconds), 1)[0])


def fastest(works: list[Callable[[], object]], repeats: int) -> list[float]:
    """Return the shortest time of each work, after one call that is not timed."""
    for work in works:
        work()
    times = [[timed(work) for work in works] for _ in range(repeats)]
    return [min(column) for column in zip(*times, strict=True)]


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def by_stations() -> list[Callable[[], object]]:
    return [training_step(STATIONS * factor, BATCH) for factor in FACTORS]


def by_batch() -> list[Callable[[], object]]:
    return [training_step(STATIONS, BATCH * factor) for factor in FACTORS]


def by_days(folder: Path) -> list[Callable[[], object]]:
    works = []
    for factor in FACTORS:
        scenario = Scenario.of_size(STATIONS)
        arrivals, gtfs = write_simulation(folder / str(factor), scenario, days=DAYS * factor, seed=0)
        works.append(lambda arrivals=arrivals, gtfs=gtfs: read_line_files(arrivals, gtfs=gtfs))
    return works


def training_step(stations: int, batch: int) -> Callable[[], object]:
    """Return a call that trains a fresh network on one random batch."""
    config = AppConfig.load(base=LINE_DEFAULTS, batch_size=batch)
    shapes = (config.lookback_mins, stations, 2, 4), (config.forecast_mins, 2, PLAN_CHANNELS)
    generator = np.random.default_rng(0)
    inputs = tuple(generator.random((batch, *shape), np.float32) for shape in shapes)
    target = generator.random((batch, config.forecast_mins, stations, 2, 1), np.float32)
    network = STConvNet(config, *shapes)
    network.compile("adam", PointLoss())
    return lambda: network.train_on_batch(inputs, target)


def plot(measured: dict[str, list[float]]) -> str:
    """Return an SVG of cost against size, both relative to 1x and on logarithmic axes, beside the line of exponent 1."""
    colors = ("#0b6e99", "#b5482a", "#3a7d34")
    lines = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 520 260" font-family="sans-serif" font-size="11">',
             '<rect width="520" height="260" fill="white"/>',
             polyline(FACTORS, "#999", 'stroke-dasharray="4"')]  # fmt: skip
    for row, ((name, seconds), color) in enumerate(zip(measured.items(), colors, strict=True)):
        lines.append(polyline([one / seconds[0] for one in seconds], color))
        label = f"{name}: {exponent(seconds):.2f}"
        lines.append(f'<text x="265" y="{40 + 18 * row}" fill="{color}">{label}</text>')
    lines.append('<text x="265" y="94" fill="#666">dashed: exponent 1</text>')
    for factor in FACTORS:
        at = 100 * np.log2(factor)
        lines.append(f'<text x="{40 + at:.0f}" y="245" text-anchor="middle">{factor}x size</text>')
        lines.append(f'<text x="4" y="{224 - at:.0f}">{factor}x</text>')
    return "\n".join([*lines, "</svg>", ""])


def polyline(costs: list[float] | tuple[int, ...], color: str, more: str = "") -> str:
    points = " ".join(
        f"{40 + 100 * np.log2(factor):.1f},{220 - 100 * np.log2(cost):.1f}"
        for factor, cost in zip(FACTORS, costs, strict=True)
    )
    return f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="2" {more}/>'


if __name__ == "__main__":
    main()
