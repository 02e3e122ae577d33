import dataclasses
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest

from headway_prediction.config import AppConfig
from headway_prediction.dataset import TimeseriesGenerator
from headway_prediction.errors import HeadwayError
from headway_prediction.model import STConvNet
from headway_prediction.nn.checkpoint import (
    STATE_PARTS,
    TrainingState,
    fingerprint_of,
    read_state,
    write_state,
)
from headway_prediction.nn.window_dataset import WindowDataset
from headway_prediction.trainer import ModelTrainer

CONFIG = AppConfig(
    lookback_mins=4,
    forecast_mins=3,
    encoder_filters=(3, 3),
    schedule_units=2,
    decoder_filters=4,
    batch_size=18,  # 108 windows to train on and 54 to validate on: every batch is full, so one shape is compiled
    validation_days=1,
    test_days=1,
    epochs=4,
    learning_rate=0.01,
    patience=10,
    seed=5,
)
MINUTES_A_DAY, DAYS = 60, 4


def arrays(seed=0):
    """Headways that rise and fall along the line, a tenth of them missing, and a plan that says nothing."""
    generator = np.random.default_rng(seed)
    minute = np.arange(MINUTES_A_DAY * DAYS)
    headway = np.ones((len(minute), 4, 2, 2), dtype=np.float32)
    headway[..., 0] = 0.5 + 0.4 * np.sin(minute[:, None, None] / 7 + np.arange(8).reshape(4, 2))
    headway[generator.random(headway.shape[:3]) < 0.1, :] = np.nan, 0
    return headway, generator.random((len(minute), 2, 2)).astype(np.float32)


def datasets(config=CONFIG, seed=0):
    """The kind of data sets that the backend is used with."""
    days = np.repeat(np.arange(DAYS), MINUTES_A_DAY)
    return TimeseriesGenerator(config).create_train_val_datasets(*arrays(seed), days)


def trainer(run_dir=None, config=CONFIG, **options):
    model = STConvNet(config, (4, 4, 2, 2), (3, 2, 2))
    return ModelTrainer(model, config, run_dir, **({"quiet": True} | options))


def weights(one):
    return [np.array(w) for w in one.model.get_weights()]


def assert_same_bits(one, other):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """A run without a stop: its folder, its history, its weights and its scores."""
    run_dir = tmp_path_factory.mktemp("unbroken")
    one = trainer(run_dir)
    training, validation = datasets()
    before = one.evaluate(validation)
    history = one.train(training, validation)
    return run_dir, history, weights(one), before, one.evaluate(validation)


@pytest.fixture
def run_dir(unbroken, tmp_path):
    """A copy of the folder of the unbroken run."""
    return Path(shutil.copytree(unbroken[0], tmp_path / "run"))


def test_training_beats_the_held_headway_and_keeps_the_best_epoch(unbroken):
    _, history, _, before, after = unbroken
    assert set(after) == {"loss", "mae_mins", "rmse_mins"}
    assert after["loss"] < 0.95 * before["loss"]
    assert len(history["val_loss"]) == 4
    assert after["loss"] == pytest.approx(min(history["val_loss"]), rel=1e-6)


def test_scores_are_in_minutes_over_known_cells():
    one = trainer()
    _, validation = datasets()
    errors = []
    for (history, _), target in validation:
        held = np.asarray(history)[:, -1:, ..., :1]
        errors.append((held - np.asarray(target)).ravel() * CONFIG.scaler)
    errors = np.concatenate(errors)
    scores = one.evaluate(validation)
    assert scores["mae_mins"] == pytest.approx(np.nanmean(np.abs(errors)), rel=1e-5)
    assert scores["rmse_mins"] == pytest.approx(np.sqrt(np.nanmean(errors**2)), rel=1e-5)


class StopsInTheMiddle(WindowDataset):
    """Raises in the middle of the third epoch, once it has been armed."""

    def __getitem__(self, index):
        if self.batch_order.epoch == 2 and index == len(self) // 2:
            raise RuntimeError("stopped here")
        return super().__getitem__(index)


def test_a_broken_run_goes_on_to_the_same_bits(tmp_path, unbroken):
    days = np.repeat(np.arange(DAYS), MINUTES_A_DAY)
    windows = TimeseriesGenerator(CONFIG).find_windows(*arrays(), days, days=[0, 1])
    breaking, (_, validation) = StopsInTheMiddle(CONFIG, [windows], shuffled=True), datasets()
    with pytest.raises(Exception, match="stopped here"):
        trainer(tmp_path).train(breaking, validation)
    assert read_state(tmp_path / "training_state.npz").epochs_done == 2
    second = trainer(tmp_path)
    history = second.train(*datasets())
    assert history == unbroken[1]
    assert_same_bits(weights(second), unbroken[2])


def test_a_finished_run_is_not_trained_again(run_dir, unbroken, capsys):
    written = (run_dir / "training_state.npz").stat().st_mtime_ns
    second = trainer(run_dir, quiet=False)
    assert second.train(*datasets()) == unbroken[1]
    assert_same_bits(weights(second), unbroken[2])
    assert (run_dir / "training_state.npz").stat().st_mtime_ns == written
    assert "holds 4 finished epochs" in " ".join(capsys.readouterr().out.split())


def test_a_run_leaves_its_best_network_and_logs(run_dir, unbroken):
    best = keras.models.load_model(run_dir / "best.keras", safe_mode=True)
    assert_same_bits([np.array(w) for w in best.get_weights()], unbroken[2])
    assert list((run_dir / "tensorboard").rglob("events*"))
    assert sorted(path.name for path in run_dir.iterdir()) == [
        "best.keras",
        "tensorboard",
        "training_state.npz",
    ]


@pytest.mark.parametrize("change", ["data", "cut"])
def test_a_state_that_does_not_fit_is_started_over_with_a_word(run_dir, unbroken, capsys, change):
    state = run_dir / "training_state.npz"
    if change == "cut":
        state.write_bytes(state.read_bytes()[:-500])
    fresh = trainer(run_dir, quiet=False)
    history = fresh.train(*datasets(seed=1 if change == "data" else 0))
    lines = capsys.readouterr().out.splitlines()
    assert "training starts over" in " ".join(" ".join(lines).split())
    epochs = [line for line in lines if line.startswith("epoch")]
    assert len(epochs) == 4 and "epoch  1/4" in epochs[0] and "validation MAE" in epochs[0]
    assert read_state(state).history == history
    assert (history == unbroken[1]) == (change == "cut")


def test_what_training_depends_on_changes_the_fingerprint_and_nothing_else_does():
    model = trainer().model
    same = fingerprint_of(CONFIG, model, *datasets())
    assert fingerprint_of(CONFIG, trainer().model, *datasets()) == same
    assert fingerprint_of(dataclasses.replace(CONFIG, data_dir="elsewhere"), model, *datasets()) == same
    assert fingerprint_of(dataclasses.replace(CONFIG, learning_rate=0.02), model, *datasets()) != same
    assert fingerprint_of(CONFIG, model, *datasets(seed=1)) != same
    other_seed = dataclasses.replace(CONFIG, seed=6)
    assert fingerprint_of(other_seed, model, *datasets(other_seed)) != same
    model.set_weights([1.5 * array for array in model.get_weights()])
    assert fingerprint_of(CONFIG, model, *datasets()) != same


@pytest.mark.parametrize("content", [b"no state", b"PK\x05\x06" + bytes(18)])
def test_a_file_that_is_no_state_is_said_and_not_used(tmp_path, capsys, content):
    (tmp_path / "training_state.npz").write_bytes(content)
    one = trainer(tmp_path, quiet=False)
    assert one._resumed("any").epochs_done == 0
    assert "could not be read" in " ".join(capsys.readouterr().out.split())


def test_training_stops_when_nothing_improves():
    config = dataclasses.replace(CONFIG, epochs=30, patience=2, learning_rate=1e-12)
    # So small a step changes no score, so the first epoch stays the best.
    one = trainer(config=config)
    training, validation = datasets(config)
    before = one.evaluate(validation)
    assert len(one.train(training, validation)["val_loss"]) == 3
    assert one.evaluate(validation)["mae_mins"] == pytest.approx(before["mae_mins"], rel=1e-4)


@pytest.mark.parametrize(
    ("losses", "finished"),
    [([], False), ([3, 2], False), ([3, 2, 2, 2], True), ([3, 2, 1, 2], False), ([5, 4, 3, 2, 1], True)],
)
def test_a_run_is_finished_after_its_epochs_or_its_patience(losses, finished):
    state = TrainingState("", {"val_loss": losses} if losses else {})
    assert state.is_finished(epochs=5, patience=2) is finished


def test_a_state_is_read_as_it_was_written(tmp_path):
    values = [np.arange(i + 1, dtype=np.float32) / 3 for i in range(12)]
    state = TrainingState("f", {"val_loss": [0.1, 1 / 3]}, values, values[:1], [np.int64(7)], values[::-1])
    write_state(state, tmp_path / "state.npz")
    again = read_state(tmp_path / "state.npz")
    assert (again.fingerprint, again.history, again.best_epoch) == ("f", state.history, 0)
    for part in STATE_PARTS:
        assert_same_bits(getattr(again, part), getattr(state, part))


def test_a_disk_that_refuses_is_said_in_a_sentence_and_leaves_nothing(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(HeadwayError, match="could not be written"):
        trainer().save_model(tmp_path / "file" / "model.keras")


def test_saving_twice_replaces_the_file_and_leaves_nothing_else(tmp_path):
    one = trainer()
    for _ in range(2):
        one.save_model(tmp_path / "model.keras")
    assert [path.name for path in tmp_path.iterdir()] == ["model.keras"]
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    assert_same_bits([np.array(w) for w in loaded.get_weights()], weights(one))


PROGRAM = """
import sys
sys.path.insert(0, {tests!r})
import dataclasses, numpy as np
from test_trainer import CONFIG, datasets, trainer, weights
config = dataclasses.replace(CONFIG, batch_size=1, epochs=5)
one = trainer(sys.argv[1], config)
one.train(*datasets(config))
np.savez(sys.argv[2], *weights(one))
"""


def command(run_dir, result):
    program = PROGRAM.format(tests=str(Path(__file__).parent))
    return [sys.executable, "-c", program, str(run_dir), str(result)]


def finished_epochs(run_dir):
    path = run_dir / "training_state.npz"
    return read_state(path).epochs_done if path.exists() else 0


@pytest.mark.slow
def test_killed_in_the_middle_of_an_epoch_and_started_again_gives_the_same_bits(tmp_path):
    subprocess.run(command(tmp_path / "whole", tmp_path / "whole.npz"), check=True)
    process = subprocess.Popen(command(tmp_path / "killed", tmp_path / "killed.npz"))
    while finished_epochs(tmp_path / "killed") < 2:
        assert process.poll() is None
        time.sleep(0.01)
    time.sleep(0.1)  # well into the third epoch
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert finished_epochs(tmp_path / "killed") < 5
    subprocess.run(command(tmp_path / "killed", tmp_path / "killed.npz"), check=True)
    with np.load(tmp_path / "whole.npz") as whole, np.load(tmp_path / "killed.npz") as killed:
        assert_same_bits([whole[name] for name in whole.files], [killed[name] for name in killed.files])
