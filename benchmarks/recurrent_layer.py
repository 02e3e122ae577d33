"""Where a minute of the second ConvLSTM layer spends its time: each operation alone, beside the ceilings of the machine.

    python benchmarks/recurrent_layer.py [--stations 66] [--batch 32] [--repeats 50]

TensorFlow alone. A minute of training is a convolution of the hidden states, its two gradients, and the gates elementwise,
forwards and backwards. The ceilings are one large matrix product and one pass over a large array.
"""

import argparse
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from common import fastest, print_figure

FILTERS, WIDTH = 32, 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stations", type=int, default=66)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=50)
    args = parser.parse_args()
    lanes = 2 * args.batch
    flops = 2 * lanes * args.stations * WIDTH * FILTERS * 4 * FILTERS
    for name, work in minute(lanes, args.stations).items():
        seconds = fastest(work, args.repeats)
        if "gates" not in name:
            print(f"{name}: {flops / seconds / 1e9:.0f} GFLOP/s")
        print_figure(f"recurrent layer, a minute's {name}", 1000 * seconds, "ms")
    size = 2048
    square, many = random(size, size), random(2**25)
    product, addition = tf.function(tf.matmul), tf.function(tf.add)
    seconds = fastest(lambda: product(square, square), 10)
    print_figure("TensorFlow on the CPU, ceiling of a matrix product", 2 * size**3 / seconds / 1e9, "GFLOP/s")
    seconds = fastest(lambda: addition(many, 1.0), 10)
    print_figure("TensorFlow on the CPU, ceiling of a pass over memory", 8 * 2**25 / seconds / 1e9, "GB/s")


def minute(lanes: int, stations: int) -> dict[str, Callable[[], object]]:
    """Return the operations of a minute of training, each ready to run."""
    hidden, gates = random(lanes, stations, 1, FILTERS), random(lanes, stations, 1, 4 * FILTERS)
    kernel, cell = random(WIDTH, 1, FILTERS, 4 * FILTERS), random(lanes, stations, 1, FILTERS)

    @tf.function
    def convolution() -> tf.Tensor:
        return tf.nn.conv2d(hidden, kernel, 1, "SAME")

    @tf.function
    def kernel_gradient() -> tf.Tensor:
        return tf.raw_ops.Conv2DBackpropFilter(
            input=hidden, filter_sizes=kernel.shape, out_backprop=gates, strides=[1] * 4, padding="SAME"
        )

    @tf.function
    def input_gradient() -> tf.Tensor:
        return tf.raw_ops.Conv2DBackpropInput(
            input_sizes=hidden.shape, filter=kernel, out_backprop=gates, strides=[1] * 4, padding="SAME"
        )

    def elementwise(gates: tf.Tensor, cell: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        enter, keep, candidate, show = tf.split(gates, 4, axis=-1)
        cell = tf.sigmoid(keep) * cell + tf.sigmoid(enter) * tf.tanh(candidate)
        return tf.sigmoid(show) * tf.tanh(cell), cell

    @tf.function
    def gates_forwards() -> tuple[tf.Tensor, tf.Tensor]:
        return elementwise(gates, cell)

    @tf.function
    def gates_both_ways() -> list[tf.Tensor]:
        return tf.gradients(elementwise(gates, cell), [gates, cell])

    return {
        "convolution": convolution,
        "gradient of the kernel": kernel_gradient,
        "gradient of the input": input_gradient,
        "gates, forwards": gates_forwards,
        "gates, forwards and backwards": gates_both_ways,
    }


def random(*shape: int) -> tf.Tensor:
    return tf.constant(np.random.default_rng(0).random(shape, dtype=np.float32))


if __name__ == "__main__":
    main()
