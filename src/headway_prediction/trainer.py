"""Training that resumes after it was killed: data sets in, the network of the best epoch out."""

import zipfile
from pathlib import Path
from typing import Any

import keras
from rich.console import Console

from headway_prediction.config import AppConfig
from headway_prediction.nn.callbacks import STATE_FILE, EpochCheckpoint, ProgressLines, write_model
from headway_prediction.nn.checkpoint import History, TrainingState, fingerprint_of, read_state

LAST_LEARNING_RATE = 0.02


class ModelTrainer:
    """Trains, scores and saves one network.

    With a `run_dir`, the end of each epoch leaves there `training_state.npz` (weights, optimizer, history and the
    best weights), `best.keras` and logs for TensorBoard; the same training started again resumes after the last
    finished epoch and ends, bit for bit, with the weights of an unbroken run on the same machine and backend. A
    state of other settings or other data is reported and not used.
    """

    def __init__(
        self,
        model: keras.Model,
        config: AppConfig,
        run_dir: Path | str | None = None,
        *,
        quiet: bool = False,
        title: str = "",
    ):
        self.model, self.config, self.title = model, config, title
        self.run_dir = None if run_dir is None else Path(run_dir)
        self.console = Console(quiet=quiet)

    def train(self, train_ds: Any, val_ds: Any) -> History:
        """Train until `epochs` are done or `patience` of them brought no improvement; restore the best epoch's weights.

        Both data sets come from TimeseriesGenerator. Returns one list per score, one value per epoch. Raises HeadwayError
        when a file cannot be written.
        """
        make_deterministic(self.config.seed)
        self._compile(len(train_ds))
        state = self._resumed(fingerprint_of(self.config, self.model, train_ds, val_ds))
        if not state.is_finished(self.config.epochs, self.config.patience):
            self._fit(train_ds, val_ds, state)
        state.restore_best(self.model)
        return state.history

    def evaluate(self, val_ds: Any) -> dict[str, float]:
        """Return `loss`, `mae_mins` and `rmse_mins` over the valid cells of a data set."""
        if not self.model.compiled:
            self._compile(1)
        scores = self.model.evaluate(val_ds, return_dict=True, verbose=0)
        return {name: float(value) for name, value in scores.items()}

    def save_model(self, path: Path | str) -> None:
        """Save the network as a `.keras` file, whole or not at all."""
        write_model(self.model, path)

    def _compile(self, batches: int) -> None:
        # A function of the optimizer's step alone, so that a restart finds it where it was.
        falling = keras.optimizers.schedules.CosineDecay(
            self.config.learning_rate, self.config.epochs * batches, alpha=LAST_LEARNING_RATE
        )
        loss, metrics = self.model.objective()
        self.model.compile(
            optimizer=keras.optimizers.Adam(falling, clipnorm=1.0),
            loss=loss,
            metrics=metrics,
            jit_compile="auto" if keras.backend.backend() == "jax" else False,
        )

    def _fit(self, train_ds: Any, val_ds: Any, state: TrainingState) -> None:
        self.model.fit(
            train_ds,
            validation_data=val_ds,
            initial_epoch=state.epochs_done,
            epochs=self.config.epochs,
            callbacks=self._callbacks(train_ds, state),
            shuffle=False,  # the data sets bring their own order
            verbose=0,
        )

    def _callbacks(self, train_ds: Any, state: TrainingState) -> list[keras.callbacks.Callback]:
        callbacks = [EpochCheckpoint(state, train_ds, self.config.patience, self.run_dir)]
        if not self.console.quiet:
            callbacks.append(ProgressLines(self.console, self.config.epochs, len(train_ds), self.title))
        if self.run_dir is not None:
            logs = str(self.run_dir / "tensorboard")
            callbacks.append(keras.callbacks.TensorBoard(logs, write_graph=False, profile_batch=0))
        return callbacks

    def _resumed(self, fingerprint: str) -> TrainingState:
        path = None if self.run_dir is None else self.run_dir / STATE_FILE
        if path is None or not path.exists():
            return TrainingState(fingerprint)
        try:
            state = read_state(path)
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            self.console.print(f"{path} could not be read: training starts over.", soft_wrap=True)
            return TrainingState(fingerprint)
        if state.fingerprint != fingerprint:
            self.console.print(
                f"{path} is of other settings or other data: training starts over.", soft_wrap=True
            )
            return TrainingState(fingerprint)
        self.console.print(
            f"{path} holds {state.epochs_done} finished epochs: training goes on after them.", soft_wrap=True
        )
        state.restore(self.model)
        return state


def make_deterministic(seed: int) -> None:
    """Seed every generator and, under TensorFlow, choose operations that always give the same bits."""
    keras.utils.set_random_seed(seed)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
