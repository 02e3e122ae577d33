"""Training on an accelerator: correct first, then its rates beside the ceilings of the device, all in one run.

    KERAS_BACKEND=jax python benchmarks/gpu.py [--stations 12] [--batch 16] [--steps 5]

Without an accelerator the device is the CPU. Correct means: the loss and the forecasts of one batch equal those computed on
the CPU within TOLERANCE, and the loss falls over the steps. The FLOPs and bytes of a step are counted by `recurrent_work`:
XLA counts the body of a loop over time once. The ceilings are a large matrix product and the copy of a large array.
"""

import argparse
import os
from collections.abc import Callable

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax
import jax.numpy as jnp
import keras
import numpy as np
from common import fastest, print_figure

from headway_prediction.config import AppConfig
from headway_prediction.model import STConvNet
from headway_prediction.nn.losses import PointLoss

PLAN_CHANNELS = 6
TOLERANCE = 5e-3
"""Largest relative difference: accelerators multiply matrices at a lower precision than CPUs."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stations", type=int, default=12)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=5)
    args = parser.parse_args()
    if keras.backend.backend() != "jax":
        raise SystemExit(
            "found KERAS_BACKEND other than jax; run: KERAS_BACKEND=jax python benchmarks/gpu.py"
        )
    network, inputs, target = untrained(args.stations, args.batch)
    device = jax.devices()[0]
    print(f"device: {device.device_kind}; {args.stations} stations, batch {args.batch}")
    loss_and_gradient = step_of(network, inputs, target)
    # Copies: training gives the network's own buffers away.
    weights = [jnp.array(variable.value, copy=True) for variable in network.trainable_variables]
    difference = difference_from_cpu(loss_and_gradient, weights, device)
    print(f"step on {device.platform} and on cpu: relative difference at most {difference:.1e}")
    network.compile("adam", PointLoss())
    losses = [float(network.train_on_batch(inputs, target)) for _ in range(max(args.steps, 5))]
    print(f"loss {losses[0]:.4f} … {losses[-1]:.4f}")
    if difference > TOLERANCE or losses[-1] >= losses[0]:
        raise SystemExit("the training step is wrong: no rates are measured")
    seconds = fastest(lambda: network.train_on_batch(inputs, target), args.steps)
    compiled = jax.jit(loss_and_gradient).lower(weights).compile()
    step_secs = fastest(lambda: jax.block_until_ready(compiled(weights)), args.steps)
    report(device.platform, args.batch / seconds, recurrent_work(args.stations, args.batch), step_secs)


def untrained(stations: int, batch: int) -> tuple[STConvNet, tuple[np.ndarray, np.ndarray], np.ndarray]:
    config = AppConfig(batch_size=batch, dropout=0.0)
    shapes = (config.lookback_mins, stations, 2, 4), (config.forecast_mins, 2, PLAN_CHANNELS)
    generator = np.random.default_rng(0)
    inputs = tuple(generator.random((batch, *shape), np.float32) for shape in shapes)
    target = generator.random((batch, config.forecast_mins, stations, 2, 1), np.float32)
    network = STConvNet(config, *shapes)
    network(inputs)
    # The last layer starts at zero, where most gradients vanish.
    for variable in network.trainable_variables:
        variable.assign(variable + 0.05 * generator.standard_normal(variable.shape).astype("float32"))
    return network, inputs, target


def step_of(network: STConvNet, inputs: tuple, target: np.ndarray) -> Callable:
    """Return the loss and its gradient as a function of the trainable weights."""
    fixed = [jnp.array(variable.value, copy=True) for variable in network.non_trainable_variables]
    loss = PointLoss()

    def loss_of(weights: list) -> jax.Array:
        forecast, _ = network.stateless_call(weights, fixed, inputs)
        return loss(target, forecast)

    return jax.value_and_grad(loss_of)


def difference_from_cpu(step: Callable, weights: list, device: jax.Device) -> float:
    """Return the largest difference of loss and gradients, relative to the largest entry of each array."""
    results = []
    for place in (device, jax.devices("cpu")[0]):
        with jax.default_device(place):
            results.append(jax.tree.leaves(jax.jit(step)(jax.device_put(weights, place))))
    pairs = [(np.asarray(a), np.asarray(b)) for a, b in zip(*results, strict=True)]
    return max(float(np.abs(a - b).max() / (np.abs(b).max() + 1e-12)) for a, b in pairs)


def recurrent_work(stations: int, batch: int) -> tuple[float, float]:
    """Return the FLOPs of the recurrent layers' products in a step, and the least bytes that their gates move.

    A gradient takes two products of the size of the forward one. The gates of each minute are written and read once
    forwards and once backwards.
    """
    config = AppConfig()
    cells = batch * 2 * stations * (config.lookback_mins // config.encoder_step_mins)
    flops = moved = 0
    channels = 4
    for filters in config.encoder_filters:
        flops += 3 * 2 * cells * 3 * (channels + filters) * 4 * filters
        moved += 4 * cells * 4 * filters * 4
        channels = filters
    return float(flops), float(moved)


def report(platform: str, rate: float, work: tuple[float, float], step_secs: float) -> None:
    """Print the rates of the step beside the ceilings of the device."""
    size = 2048
    square = jnp.ones((size, size), jnp.float32)
    product, copy = jax.jit(jnp.matmul), jax.jit(lambda array: array + 1)
    many = jnp.ones(2**25, jnp.float32)
    flops = 2 * size**3 / fastest(lambda: product(square, square).block_until_ready(), 5)
    moved = 2 * many.nbytes / fastest(lambda: copy(many).block_until_ready(), 5)
    print_figure(f"JAX on {platform}, training", rate, "windows/s")
    print_figure(f"JAX on {platform}, loss and gradient", work[0] / step_secs / 1e9, "GFLOP/s")
    print_figure(f"JAX on {platform}, ceiling of a matrix product", flops / 1e9, "GFLOP/s")
    print_figure(f"JAX on {platform}, loss and gradient, bytes", work[1] / step_secs / 1e9, "GB/s")
    print_figure(f"JAX on {platform}, ceiling of a copy", moved / 1e9, "GB/s")


if __name__ == "__main__":
    main()
