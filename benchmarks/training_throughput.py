"""Windows per second in training: STConvNet beside the same network with the stock ConvLSTM2D, in pairs.

    python benchmarks/training_throughput.py [--pairs 5] [--stations 66] [--batch 32]

History 30 x stations x 2 x 4 channels, 15 minutes out. The networks alternate within one run, so that other load of the
machine affects both; the result is the medians.
"""

import argparse
import json
import statistics
import time

import keras
import numpy as np
from common import print_figure

from headway_prediction.config import AppConfig
from headway_prediction.model import KERNEL, STConvNet
from headway_prediction.nn.losses import PointLoss

PLAN_CHANNELS = 6
STEPS = 2


class StockConvNet(STConvNet):
    """The same network with keras.layers.ConvLSTM2D in its encoder."""

    def encoder_layer(self, filters: int, return_sequences: bool, seed: int, name: str) -> keras.layers.Layer:
        return keras.layers.ConvLSTM2D(
            filters, KERNEL, padding="same", return_sequences=return_sequences, seed=seed, name=name
        )


def windows_per_second(network: STConvNet, batch: tuple) -> float:
    """Return the rate of a few training steps."""
    began = time.perf_counter()
    for _ in range(STEPS):
        network.train_on_batch(*batch)
    return STEPS * len(batch[1]) / (time.perf_counter() - began)


def random_batch(config: AppConfig, *shapes: tuple[int, ...]) -> tuple:
    generator = np.random.default_rng(0)
    headway, schedule = (generator.random((config.batch_size, *shape), dtype=np.float32) for shape in shapes)
    target = generator.random((config.batch_size, config.forecast_mins, *shapes[0][1:3], 1), np.float32)
    return (headway, schedule), target


def measure(pairs: int, stations: int, batch_size: int) -> dict[str, object]:
    config = AppConfig(batch_size=batch_size)
    shapes = (config.lookback_mins, stations, 2, 4), (config.forecast_mins, 2, PLAN_CHANNELS)
    networks = {"STConvNet": STConvNet(config, *shapes), "stock ConvLSTM2D": StockConvNet(config, *shapes)}
    batch = random_batch(config, *shapes)
    for network in networks.values():
        network.compile("adam", PointLoss(), jit_compile=keras.backend.backend() == "jax")
        network.train_on_batch(*batch)
    rates = {name: [] for name in networks}
    for _ in range(pairs):
        for name, network in networks.items():
            rates[name].append(windows_per_second(network, batch))
    ours, stock = rates.values()
    return {
        "backend": keras.backend.backend(),
        "stations": stations,
        "batch": batch_size,
        "windows_per_second": {name: round(statistics.median(rate), 1) for name, rate in rates.items()},
        "ratio": round(statistics.median(a / b for a, b in zip(ours, stock, strict=True)), 2),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--stations", type=int, default=66)
    parser.add_argument("--batch", type=int, default=32)
    args = parser.parse_args()
    measured = measure(args.pairs, args.stations, args.batch)
    print(json.dumps(measured, indent=2))
    for name, rate in measured["windows_per_second"].items():
        print_figure(f"training of {name}, {args.stations} stations, batch {args.batch}", rate, "windows/s")
    print_figure("training step, ours / ConvLSTM2D", measured["ratio"], "")
