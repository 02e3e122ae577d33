"""Callbacks of an epoch: the order of its windows, the state for a restart, and the progress that is printed."""

import time
from collections.abc import Mapping
from pathlib import Path

import keras
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from headway_prediction.files import atomic_path
from headway_prediction.nn.checkpoint import TrainingState, write_state

STATE_FILE, BEST_FILE = "training_state.npz", "best.keras"


def write_model(model: keras.Model, path: Path | str) -> None:
    """Save a network as a `.keras` file without the state of its optimizer, which is two thirds of it otherwise.

    The file is written whole or not at all; raises HeadwayError when it cannot be written.
    """
    bare = type(model).from_config(model.get_config())
    bare.set_weights(model.get_weights())
    with atomic_path(path) as part_path:
        whole = part_path.with_name(f"{part_path.name}.keras")  # Keras asks for this ending
        try:
            bare.save(whole)
            whole.replace(part_path)
        finally:
            whole.unlink(missing_ok=True)


class EpochCheckpoint(keras.callbacks.Callback):
    """Sets the order of each epoch's windows, saves the state and the best network, and stops without improvement."""

    def __init__(self, state: TrainingState, train_ds: object, patience: int, run_dir: Path | None):
        super().__init__()
        self.state, self.patience, self.run_dir = state, patience, run_dir
        self.order = getattr(train_ds, "batch_order", None)

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Shuffle for this epoch; a data set without a `batch_order` keeps its own order."""
        if self.order is not None:
            self.order.epoch = epoch

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        """Save what the next epoch needs; the best network first, so that a state never lacks its best."""
        self.state.capture(self.model, logs)
        if self.run_dir is not None:
            if self.state.best_epoch == epoch:
                write_model(self.model, self.run_dir / BEST_FILE)
            write_state(self.state, self.run_dir / STATE_FILE)
        if self.state.is_finished(epoch + 2, self.patience):
            self.model.stop_training = True


class ProgressLines(keras.callbacks.Callback):
    """Prints one line per epoch, and on a terminal a bar within it; `title` names the network where several train."""

    def __init__(self, console: Console, epochs: int, batches: int, title: str = ""):
        super().__init__()
        self.console, self.epochs, self.batches = console, epochs, batches
        self.prefix = f"{title}, " if title else ""
        self.began = 0.0
        self.best = float("inf")
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        self.bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Start the epoch's bar."""
        self.began = time.monotonic()
        self.bar.start()
        self.task = self.bar.add_task(
            f"{self.prefix}epoch {epoch + 1}/{self.epochs}, batches", total=self.batches
        )

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        """Move the bar."""
        self.bar.update(self.task, completed=batch + 1)

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        """Replace the bar by a line of scores in minutes."""
        self.bar.remove_task(self.task)
        self.bar.stop()
        better = logs["val_loss"] < self.best
        self.best = min(self.best, logs["val_loss"])
        self.console.print(
            f"{self.prefix}epoch {epoch + 1:>2}/{self.epochs}  {time.monotonic() - self.began:4.0f} s  "
            f"training MAE {logs['mae_mins']:.3f} min  validation MAE {logs['val_mae_mins']:.3f} min, "
            f"RMSE {logs['val_rmse_mins']:.3f} min{'  best so far' if better else ''}",
            highlight=False,
            soft_wrap=True,
        )
