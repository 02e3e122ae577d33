"""A trained network as ONNX Runtime runs it: forecasts need no training framework."""

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from headway_prediction.errors import HeadwayError

if TYPE_CHECKING:
    import onnxruntime

INPUTS = ("headway_in", "schedule_in", "prior_in")
OUTPUT = "outputs"
"""The names of inputs and output in the ONNX file; shapes and scales are those of `model.ProbabilisticSTConvNet`."""
ERRORS_ONLY = 3


@dataclass(frozen=True)
class OnnxNetwork:
    """One network; threads may share it."""

    session: "onnxruntime.InferenceSession"

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read an ONNX file; raises HeadwayError where ONNX Runtime cannot."""
        # Not before a network is needed: the library takes 20 MB.
        import onnxruntime

        onnxruntime.set_default_logger_severity(ERRORS_ONLY)
        options = onnxruntime.SessionOptions()
        # One window is too little work for several threads; `outputs_of` runs several windows and networks at a time.
        options.intra_op_num_threads = 1
        # Without the arena, freed memory returns to the system; it is not slower.
        options.enable_cpu_mem_arena = False
        try:
            session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's errors have no base class of their own
            raise HeadwayError(
                f"ONNX Runtime {onnxruntime.__version__} cannot read {path}: {error}",
                "an ONNX network as `headway train` writes it",
                "install the newest onnxruntime, or train again",
            ) from error
        return cls(session)

    def run(self, inputs: Sequence[np.ndarray]) -> np.ndarray:
        """Return the scaled outputs (rows, leads, stations, directions, 1 + quantiles) of the INPUTS, rows first."""
        found: Any = self.session.run([OUTPUT], dict(zip(INPUTS, inputs, strict=True)))
        return np.asarray(found[0])


def load_networks(paths: Iterable[Path]) -> list[OnnxNetwork]:
    """Read the networks of an ensemble, side by side; raises HeadwayError as `OnnxNetwork.load`."""
    with ThreadPoolExecutor(_processors()) as pool:
        return list(pool.map(OnnxNetwork.load, paths))


def outputs_of(networks: Sequence[OnnxNetwork], inputs: Sequence[np.ndarray]) -> np.ndarray:
    """Return the outputs (networks, rows, leads, stations, directions, 1 + quantiles) of all networks, each row run alone.

    So a forecast does not depend on how many others are made with it. On one processor a batch is no faster than as many
    single rows; on several, rows and networks run side by side.
    """

    def run(task: tuple[OnnxNetwork, int]) -> np.ndarray:
        network, row = task
        return network.run([part[row : row + 1] for part in inputs])

    tasks = [(network, row) for network in networks for row in range(len(inputs[0]))]
    with ThreadPoolExecutor(_processors()) as pool:
        outputs = np.concatenate(list(pool.map(run, tasks)))
    return outputs.reshape(len(networks), -1, *outputs.shape[1:])


def _processors() -> int:
    return len(os.sched_getaffinity(0))
