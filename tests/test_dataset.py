import contextlib
import dataclasses
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from headway_prediction.config import AppConfig
from headway_prediction.data_loader import DataLoader
from headway_prediction.dataset import TimeseriesGenerator
from headway_prediction.errors import HeadwayError

CONFIG = AppConfig(lookback_mins=4, forecast_mins=3, batch_size=5, validation_days=1, test_days=1, seed=3)
ROWS_A_DAY, DAYS = 20, 5
SERVICE_DAYS = np.repeat(np.arange(DAYS), ROWS_A_DAY)
needs_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="tf.data is served under the TensorFlow backend"
)


def counting_arrays():
    """Arrays whose headway says in which row it stands: row / 1000, with a NaN in every tenth row of one cell."""
    rows = np.arange(ROWS_A_DAY * DAYS, dtype=np.float32) / 1000
    headway = np.ones((len(rows), 3, 2, 4), dtype=np.float32)
    headway[..., 0] = rows[:, None, None]
    headway[::10, 0, 0, 0] = np.nan
    return headway, np.repeat(rows[:, None, None], 2, axis=1)


@contextlib.contextmanager
def without_tensorflow():
    """Serve the data sets of the other backends."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras.backend, "backend", lambda: "jax")
        yield


def py_datasets(headway, schedule, config=CONFIG):
    with without_tensorflow():
        return TimeseriesGenerator(config).create_train_val_datasets(headway, schedule, SERVICE_DAYS)


def twins():
    return py_datasets(*counting_arrays())


def rows_of(array):
    return np.rint(np.asarray(array) * 1000).astype(int)


def all_batches(dataset):
    return [dataset[i] for i in range(len(dataset))]


def test_history_plan_and_target_follow_each_other_within_a_training_day():
    for (history, plan), target in all_batches(twins()[0]):
        first = rows_of(history[:, 0, 1, 0, 0])
        np.testing.assert_array_equal(rows_of(history[:, :, 1, 0, 0]), first[:, None] + np.arange(4))
        np.testing.assert_array_equal(rows_of(plan[:, :, 0, 0]), first[:, None] + np.arange(4, 7))
        np.testing.assert_array_equal(rows_of(target[:, :, 1, 0, 0]), first[:, None] + np.arange(4, 7))
        assert (first // ROWS_A_DAY == (first + 6) // ROWS_A_DAY).all()
        assert (first // ROWS_A_DAY < 3).all()


def test_every_window_of_the_training_days_is_served_once_an_epoch():
    first = np.concatenate([rows_of(x[0][:, 0, 1, 0, 0]) for x, _ in all_batches(twins()[0])])
    assert sorted(first) == [day * ROWS_A_DAY + i for day in range(3) for i in range(ROWS_A_DAY - 6)]


def test_validation_is_the_day_before_the_test_day_in_order_of_time():
    first = np.concatenate([rows_of(x[0][:, 0, 1, 0, 0]) for x, _ in all_batches(twins()[1])])
    assert first.tolist() == list(range(3 * ROWS_A_DAY, 4 * ROWS_A_DAY - 6))


def test_missing_is_zero_in_the_input_and_nan_in_the_target():
    missing = 0
    for (history, _), target in all_batches(twins()[0]):
        assert not np.isnan(history).any()
        rows = rows_of(target[:, :, 1, 0, 0])
        np.testing.assert_array_equal(np.isnan(target[:, :, 0, 0, 0]), rows % 10 == 0)
        past = rows_of(history[:, :, 1, 0, 0])
        assert (history[:, :, 0, 0, 0][past % 10 == 0] == 0).all()
        missing += np.isnan(target).sum()
    assert missing > 0


def test_serving_batches_leaves_the_array_as_it_was():
    headway, schedule = counting_arrays()
    training, _ = py_datasets(headway, schedule)
    all_batches(training)
    np.testing.assert_array_equal(headway, counting_arrays()[0])


@needs_tensorflow
@pytest.mark.parametrize("epoch_windows", [None, 13])
@pytest.mark.parametrize("epoch", [0, 1, 7])
def test_both_kinds_of_data_set_serve_the_same_batches(epoch, epoch_windows):
    config = dataclasses.replace(CONFIG, epoch_windows=epoch_windows)
    datasets = TimeseriesGenerator(config).create_train_val_datasets(*counting_arrays(), SERVICE_DAYS)
    twins = py_datasets(*counting_arrays(), config)
    for dataset, twin in zip(datasets, twins, strict=True):
        dataset.batch_order.epoch = twin.batch_order.epoch = epoch
        batches = list(dataset)
        assert len(batches) == len(dataset) == len(twin)
        for ((past, plan), target), ((twin_past, twin_plan), twin_target) in zip(
            batches, all_batches(twin), strict=True
        ):
            np.testing.assert_array_equal(past, twin_past)
            np.testing.assert_array_equal(plan, twin_plan)
            np.testing.assert_array_equal(target, twin_target)


@needs_tensorflow
def test_make_dataset_stays_within_its_rows():
    arrays = counting_arrays()
    dataset = TimeseriesGenerator(CONFIG)._make_dataset(*arrays, 23, 31)
    first = np.concatenate([rows_of(x[0][:, 0, 1, 0, 0]) for x, _ in dataset])
    assert first.tolist() == [23, 24]


@needs_tensorflow
def test_without_service_days_1440_rows_are_a_day():
    headway = np.full((1440 * 4, 1, 2, 2), 0.5, dtype=np.float32)
    training, validation = TimeseriesGenerator(CONFIG).create_train_val_datasets(headway, headway[:, 0])
    assert [len(part.batch_order.orders[0]) for part in (training, validation)] == [2 * (1440 - 6), 1440 - 6]


def digests(headway, schedule):
    return [part.batch_order.digest for part in py_datasets(headway, schedule)]


def test_other_data_has_another_digest():
    headway, schedule = counting_arrays()
    training, validation = digests(headway, schedule)
    headway[0, 0, 0, 1] = 0.5
    changed, unchanged = digests(headway, schedule)
    assert training != changed
    assert validation == unchanged


def test_too_few_days_and_no_windows_are_refused_with_a_sentence():
    generator = TimeseriesGenerator(CONFIG)
    headway, schedule = counting_arrays()
    with pytest.raises(HeadwayError, match="there are 2 service days"):
        generator.create_train_val_datasets(headway[:40], schedule[:40], SERVICE_DAYS[:40])
    headway[:60, ..., 0] = np.nan
    with pytest.raises(HeadwayError, match="the training days hold no unbroken run of 7 usable minutes"):
        generator.create_train_val_datasets(headway, schedule, SERVICE_DAYS)
    headway[60:80, ..., 0] = np.nan
    with pytest.raises(HeadwayError, match="the service days hold no unbroken run of 7 usable minutes"):
        generator.create_train_val_datasets(headway, schedule, SERVICE_DAYS)


def test_validation_windows_are_thinned_to_the_setting():
    _, validation = py_datasets(*counting_arrays(), dataclasses.replace(CONFIG, validation_windows=3))
    assert len(validation.batch_order.orders[0]) == 3


MEMORY = """
import psutil, numpy as np, tensorflow as tf
from headway_prediction.config import AppConfig
from headway_prediction.data_loader import DataLoader
from headway_prediction.dataset import TimeseriesGenerator

config = AppConfig(validation_days=1, test_days=1, batch_size=32)
generator, loader = TimeseriesGenerator(config), DataLoader(config)
small = loader.preprocess(np.ones((4 * 1440, 2, 2), np.float32), np.ones((4 * 1440, 2), np.float32))
for _ in generator.create_train_val_datasets(*small)[0].take(5): pass  # the framework's own memory

process = psutil.Process()
before = process.memory_info().rss
raw = np.ones((40 * 1440, 66, 2), np.float32), np.ones((40 * 1440, 2), np.float32)
headway, schedule = loader.preprocess(*raw)
del raw
training, validation = generator.create_train_val_datasets(headway, schedule)
peak = 0
for epoch in range(2):
    training.batch_order.epoch = epoch
    for _ in training.take(150): peak = max(peak, process.memory_info().rss)
    for _ in validation.take(20): peak = max(peak, process.memory_info().rss)
print((peak - before) / (headway.nbytes + schedule.nbytes))
"""


@needs_tensorflow
def test_serving_windows_takes_less_than_twice_the_arrays():
    done = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True)
    assert float(done.stdout.split()[-1]) < 2.0


def test_other_backends_do_not_import_tensorflow():
    program = (
        "import sys, numpy as np\n"
        "from headway_prediction import AppConfig, TimeseriesGenerator\n"
        "h = np.full((4320, 1, 2, 2), .5, 'f4')\n"
        "g = TimeseriesGenerator(AppConfig(validation_days=1, test_days=1))\n"
        "print(g.create_train_val_datasets(h, h[:, 0])[0][0][1].shape, 'tensorflow' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"KERAS_BACKEND": "jax"},
    )
    assert done.stdout.split("\n")[-2] == "(128, 15, 1, 2, 1) False"


def test_preprocessed_arrays_fit_the_generator():
    loader = DataLoader(CONFIG)
    arrays = loader.preprocess(np.full((100, 2, 2), 6.0), np.full((100, 2), 6.0))
    training, _ = py_datasets(*arrays)
    (history, plan), target = training[0]
    assert (history.shape, plan.shape, target.shape) == ((5, 4, 2, 2, 2), (5, 3, 2, 2), (5, 3, 2, 2, 1))
