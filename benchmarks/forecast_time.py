"""Seconds per forecast as in the live service: a single origin, from the passings known then to the forecast.

    python benchmarks/forecast_time.py [--grid line.zarr --bundle bundle] [--stations 33] [--origins 60]

Without a grid and a bundle, a line of `--stations` stations is simulated and four networks of the default size are trained
briefly: their accuracy does not change their speed. `as of` builds the grid of the day from the passings known at the
origin, `15 min` is the ST-ConvNet, `60 min` its rollout. Last comes one window of 66 stations through one network, in ONNX
Runtime and in Keras.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from common import describe_machine, print_figure

from headway_prediction.bundle.bundle import Bundle
from headway_prediction.config import LINE_DEFAULTS, AppConfig
from headway_prediction.evaluation.backtest import scored_origins
from headway_prediction.forecasters.onnx_network import OnnxNetwork
from headway_prediction.grid.build import read_line_files
from headway_prediction.grid.history import LineHistory
from headway_prediction.grid.matrices import SCHEDULE_CHANNELS
from headway_prediction.grid.store import read_history
from headway_prediction.model import ProbabilisticSTConvNet
from headway_prediction.nn.prior_channels import prior_width
from headway_prediction.simulate import Scenario, write_simulation
from headway_prediction.training.onnx_export import export_onnx
from headway_prediction.training.train import train_line


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--grid", type=Path)
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--stations", type=int, default=33)
    parser.add_argument("--origins", type=int, default=60)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if args.grid:
            history, bundle = read_history(args.grid), Bundle.load(args.bundle)
        else:
            history, bundle = simulated(Path(folder), args.stations)
        print(describe_machine())
        platforms = history.line.platforms().height
        print(f"{platforms} platforms, {len(bundle.network_paths)} networks")
        for name, seconds in measure(history, bundle, args.origins).items():
            percentile = np.percentile(seconds, 95)
            print(
                f"{name}: median {statistics.median(seconds) * 1000:.0f} ms, 95 % under {percentile * 1000:.0f} ms"
            )
            print_figure(
                f"forecast, {platforms} platforms, {name}, median", 1000 * statistics.median(seconds), "ms"
            )

    measure_network(66)


def measure_network(stations: int, repeats: int = 30) -> float:
    """Return the seconds of ONNX Runtime over those of TensorFlow for one window, each the fastest of alternating runs."""
    import tensorflow as tf

    config = AppConfig.load(base=LINE_DEFAULTS)
    shapes = (config.lookback_mins, None, 2, 4), (config.forecast_mins, 2, len(SCHEDULE_CHANNELS))
    keras_network = ProbabilisticSTConvNet(config, *shapes)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.keras"
        keras_network.save(path)
        onnx_network = OnnxNetwork.load(export_onnx(path))
    sizes = (1, 30, stations, 2, 4), (1, *shapes[1]), (1, stations, 2, prior_width(config.forecast_mins))
    inputs = [np.random.default_rng(0).random(size, np.float32) for size in sizes]
    compiled = tf.function(lambda *given: keras_network(given, training=False))
    onnx_secs: list[float] = []
    keras_secs: list[float] = []
    for _ in range(repeats):
        timed(onnx_secs, lambda: onnx_network.run(inputs))
        timed(keras_secs, lambda: compiled(*inputs).numpy())
    print_figure(f"one network, {stations} stations, ONNX Runtime, fastest", 1000 * min(onnx_secs), "ms")
    print_figure(f"one network, {stations} stations, TensorFlow, fastest", 1000 * min(keras_secs), "ms")
    return min(onnx_secs) / min(keras_secs)


def simulated(folder: Path, stations: int) -> tuple[LineHistory, Bundle]:
    arrivals, gtfs = write_simulation(folder, Scenario.of_size(stations), days=9, seed=0)
    history = read_line_files(arrivals, gtfs=gtfs)
    settings = AppConfig.load(base=LINE_DEFAULTS, epochs=1, epoch_windows=64)
    bundle = train_line(history, settings, folder / "run", quiet=True)
    bundle.save(folder / "bundle")
    return history, Bundle.load(folder / "bundle")


def measure(history: LineHistory, bundle: Bundle, count: int) -> dict[str, list[float]]:
    day = history.service_dates[-1]
    whole, origins = history.select([day]), scored_origins(history, day)
    quarter, hour = bundle.method("st-convnet"), bundle.method("st-convnet-60")
    hour.forecast(whole, day, origins[:1])
    seconds: dict[str, list[float]] = {"as of": [], "15 min": [], "60 min": []}
    for t0 in np.resize(origins, count).tolist():
        known = timed(seconds["as of"], lambda t0=t0: whole.as_of(day, t0))
        for name, method in (("15 min", quarter), ("60 min", hour)):
            timed(seconds[name], lambda m=method, known=known, t0=t0: m.forecast(known, day, np.array([t0])))
    return seconds


def timed(seconds: list[float], work: Callable[[], object]) -> object:
    began = time.perf_counter()
    result = work()
    seconds.append(time.perf_counter() - began)
    return result


if __name__ == "__main__":
    main()
