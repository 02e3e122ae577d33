"""The state from which a killed training resumes, in one file that is written whole or not at all."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from headway_prediction.config import AppConfig
from headway_prediction.files import atomic_path
from headway_prediction.grid.windows import digest_of

MONITORED = "val_loss"
STATE_FORMAT = 3
"""Raised when a state holds something that older ones lack: training then starts over instead of failing."""

PATH_SETTINGS = {"data_dir", "headway_file", "schedule_file", "service_day_file"}
"""Settings that do not change what training does: data that moved is the same data."""

History = dict[str, list[float]]

STATE_PARTS = ("weights", "random", "optimizer", "best_weights")


@dataclass
class TrainingState:
    """Everything the next epoch depends on; `fingerprint` names the settings and the data it was made with."""

    fingerprint: str
    history: History = field(default_factory=dict)
    weights: list[np.ndarray] = field(default_factory=list)
    random: list[np.ndarray] = field(default_factory=list)
    optimizer: list[np.ndarray] = field(default_factory=list)
    best_weights: list[np.ndarray] = field(default_factory=list)

    @property
    def epochs_done(self) -> int:
        """How many epochs are finished."""
        return len(self.history.get(MONITORED, []))

    @property
    def best_epoch(self) -> int:
        """The epoch (counted from 0) of the lowest validation loss; the first of them when several are equal."""
        return int(np.argmin(self.history[MONITORED]))

    def is_finished(self, epochs: int, patience: int) -> bool:
        """Whether all epochs are done, or the last `patience` of them brought no improvement."""
        if not self.epochs_done:
            return False
        return self.epochs_done >= epochs or self.epochs_done - 1 - self.best_epoch >= patience

    def capture(self, model: keras.Model, logs: dict[str, float]) -> None:
        """Add a finished epoch: its scores, and the weights, the optimizer and the states of dropout as they are now."""
        for name, value in logs.items():
            self.history.setdefault(name, []).append(float(value))
        self.weights = _values(model.weights)
        self.random = _values(_random_states(model))
        self.optimizer = _values(model.optimizer.variables)
        if self.best_epoch == self.epochs_done - 1:
            self.best_weights = self.weights

    def restore(self, model: keras.Model) -> None:
        """Put everything back into a compiled model as it was after the last epoch."""
        model.optimizer.build(model.trainable_variables)
        _assign(model.weights, self.weights)
        _assign(_random_states(model), self.random)
        _assign(model.optimizer.variables, self.optimizer)

    def restore_best(self, model: keras.Model) -> None:
        """Put the weights of the best epoch into the model."""
        _assign(model.weights, self.best_weights)


def fingerprint_of(config: AppConfig, model: keras.Model, *datasets: object) -> str:
    """Return a checksum of all that training depends on: settings, backend, the weights that the model starts from, and the
    data of TimeseriesGenerator's sets."""
    settings = {name: value for name, value in config.to_dict().items() if name not in PATH_SETTINGS}
    data = [getattr(getattr(dataset, "batch_order", None), "digest", None) for dataset in datasets]
    backend = keras.backend.backend()
    facts = {
        "settings": settings,
        "weights": digest_of(_values(model.weights)),
        "data": data,
        "backend": backend,
        "format": STATE_FORMAT,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def write_state(state: TrainingState, path: Path) -> None:
    """Write the state over the one before it, whole or not at all; raises HeadwayError when the disk refuses."""
    recorded = json.dumps({"fingerprint": state.fingerprint, "history": state.history})
    arrays = {f"{part}_{i}": value for part in STATE_PARTS for i, value in enumerate(getattr(state, part))}
    with atomic_path(path) as part_path, part_path.open("wb") as stream:
        np.savez(stream, allow_pickle=False, recorded=np.array(recorded), **arrays)


def read_state(path: Path) -> TrainingState:
    """Read what `write_state` wrote; raises ValueError, KeyError or OSError for anything else."""
    with np.load(path, allow_pickle=False) as stored:
        recorded: dict[str, Any] = json.loads(str(stored["recorded"]))
        parts = [_numbered(stored, part) for part in STATE_PARTS]
    return TrainingState(recorded["fingerprint"], recorded["history"], *parts)


def _numbered(stored: np.lib.npyio.NpzFile, part: str) -> list[np.ndarray]:
    count = sum(name.rsplit("_", 1)[0] == part for name in stored.files)
    return [stored[f"{part}_{i}"] for i in range(count)]


def _random_states(model: keras.Model) -> list[Any]:
    """The variables of the generators that dropout draws from, which `model.weights` leaves out."""
    others = {id(variable) for variable in (*model.weights, *model.metrics_variables)}
    return [variable for variable in model.non_trainable_variables if id(variable) not in others]


def _values(variables: list[Any]) -> list[np.ndarray]:
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def _assign(variables: list[Any], values: list[np.ndarray]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
