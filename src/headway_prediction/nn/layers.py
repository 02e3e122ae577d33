"""The recurrent layer of the network: a ConvLSTM over the stations of each direction, in `keras.ops` only."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from headway_prediction.nn.losses import PACKAGE


def run_over_time(step: Callable[[Any, Any], tuple[Any, Any]], state: Any, xs: Any) -> tuple[Any, Any]:
    """Return the last state and the stacked outputs of `(state, output) = step(state, x)` over the first axis of xs.

    TensorFlow runs a written-out loop faster than one over TensorArrays; JAX would take a minute to compile it.
    """
    if keras.backend.backend() == "jax":
        last, stacked = ops.scan(step, state, xs)
        return last, stacked
    outputs = []
    # Unstacked, not indexed: the gradient of an index writes the whole sequence once a minute.
    for x in ops.unstack(xs, xs.shape[0], axis=0):
        state, output = step(state, x)
        outputs.append(output)
    return state, ops.stack(outputs)


@keras.saving.register_keras_serializable(package=PACKAGE)
class StationConvLSTM(keras.layers.Layer):
    """`keras.layers.ConvLSTM2D(filters, (width, 1), padding="same")`, with the same weights, made fast on CPUs.

    Input `(batch, time, stations, directions, channels)`; output `(batch, time, stations, directions, filters)` with
    `return_sequences`, else the last state `(batch, stations, directions, filters)`. Stations mix, directions never.
    Weights: kernel `(width, 1, channels, 4 filters)`, recurrent kernel `(width, 1, filters, 4 filters)` and bias
    `(4 filters,)`, gates in the order input, forget, cell, output.
    """

    def __init__(
        self,
        filters: int,
        width: int = 3,
        return_sequences: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.filters, self.width, self.return_sequences, self.seed = filters, width, return_sequences, seed

    def build(self, input_shape: Sequence[Any]) -> None:
        """Make the weights; forget gates start open (bias 1)."""
        gates = 4 * self.filters
        self.kernel = self.add_weight(
            (self.width, 1, input_shape[-1], gates),
            initializer=keras.initializers.GlorotUniform(self.seed),
            name="kernel",
        )
        self.recurrent_kernel = self.add_weight(
            (self.width, 1, self.filters, gates),
            initializer=keras.initializers.Orthogonal(seed=self.seed),
            name="recurrent_kernel",
        )
        self.bias = self.add_weight((gates,), initializer=self._open_forget_gates, name="bias")

    def _open_forget_gates(self, shape: Sequence[int], dtype: Any = None) -> Any:
        unit = ops.arange(shape[0]) // self.filters
        return ops.cast(unit == 1, dtype)

    def call(self, inputs: Any) -> Any:
        """Run over time; the inputs' convolutions of all minutes happen at once, before the loop."""
        _, mins, stations, directions, channels = ops.shape(inputs)
        lanes = ops.transpose(inputs, (1, 0, 3, 2, 4))  # (time, batch, directions, stations, channels)
        # Directions join the batch, so that one wide convolution serves all gates of both.
        gate_inputs = (
            self._along_stations(ops.reshape(lanes, (-1, stations, channels)), self.kernel) + self.bias
        )
        states = self._states(ops.reshape(gate_inputs, (mins, -1, stations, 4 * self.filters)))
        shape = (directions, stations, self.filters)
        if not self.return_sequences:
            return ops.transpose(ops.reshape(states, (-1, *shape)), (0, 2, 1, 3))
        return ops.transpose(ops.reshape(states, (mins, -1, *shape)), (1, 0, 3, 2, 4))

    def _states(self, gate_inputs: Any) -> Any:
        """Return the hidden states of the gates' input over time, `([time,] batch x directions, stations, filters)`."""

        def minute(state: tuple[Any, Any], inputs_now: Any) -> tuple[tuple[Any, Any], Any]:
            hidden, cell = state
            gates = inputs_now + self._along_stations(hidden, self.recurrent_kernel)
            enter, keep, candidate, show = ops.split(gates, 4, axis=-1)
            cell = ops.sigmoid(keep) * cell + ops.sigmoid(enter) * ops.tanh(candidate)
            hidden = ops.sigmoid(show) * ops.tanh(cell)
            return (hidden, cell), hidden

        empty = ops.zeros_like(gate_inputs[0, ..., : self.filters])
        last, states = run_over_time(minute, (empty, empty), gate_inputs)
        return states if self.return_sequences else last[0]

    def _along_stations(self, lanes: Any, kernel: Any) -> Any:
        """Convolve `(lanes, stations, channels)` along the stations, zeros beyond the terminals."""
        return ops.conv(lanes[:, :, None], kernel, padding="same")[:, :, 0]

    def compute_output_shape(self, input_shape: Sequence[Any]) -> tuple[Any, ...]:
        """Return the input's shape with `filters` channels, without the time axis unless `return_sequences`."""
        time = (input_shape[1],) if self.return_sequences else ()
        return (input_shape[0], *time, *input_shape[2:4], self.filters)

    def get_config(self) -> dict[str, Any]:
        own = ("filters", "width", "return_sequences", "seed")
        config: dict[str, Any] = super().get_config() | {name: getattr(self, name) for name in own}
        return config
