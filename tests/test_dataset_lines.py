"""Windows with a prior, of one line or several: what belongs to each, their order, and training that is resumed."""

import dataclasses

import numpy as np
import pytest

from headway_prediction.config import AppConfig
from headway_prediction.grid.windows import LineWindows, windows_per_line
from headway_prediction.model import ProbabilisticSTConvNet
from headway_prediction.nn.checkpoint import read_state
from headway_prediction.nn.prior_channels import prior_width
from headway_prediction.nn.window_dataset import BatchOrder, WindowDataset
from headway_prediction.trainer import ModelTrainer

CONFIG = AppConfig(
    lookback_mins=4,
    forecast_mins=3,
    encoder_filters=(3, 3),
    encoder_step_mins=2,
    schedule_units=2,
    decoder_filters=4,
    head_units=4,
    dropout=0.2,
    batch_size=5,
    epochs=3,
    learning_rate=0.01,
    seed=3,
)
ROWS = 40
WINDOW = CONFIG.window_mins


def line(stations, name=0):
    """A line that says in each number which line and row it is of: headways 100 · name + row, in thousandths.

    Windows start in every row of two service days of 20; the guess of each says its last minute of history.
    """
    rows = (100 * name + np.arange(ROWS, dtype=np.float32)) / 1000
    headway = np.ones((ROWS, stations, 2, 4), dtype=np.float32)
    headway[..., 0] = rows[:, None, None]
    headway[..., 2] = (np.arange(ROWS) % 3 == 0)[:, None, None]
    headway[::10, 0, 0, 0] = np.nan
    first = np.concatenate([np.arange(14), 20 + np.arange(14)])
    prior = np.tile(rows[first + 3, None, None, None], (1, stations, 2, prior_width(3)))
    return LineWindows(headway, np.repeat(rows[:, None, None], 2, axis=1), first, first // 20, prior)


def numbers(array):
    return np.rint(np.asarray(array) * 1000).astype(int)


def epoch_of(windows, epoch=0):
    windows.batch_order.epoch = epoch
    return [windows[place] for place in range(len(windows))]


def first_minutes(batches):
    """The number of the first row of every window, batch by batch."""
    return [numbers(inputs[0][:, 0, 1, 0, 0]).tolist() for inputs, _ in batches]


def served_in(windows, epoch=0):
    """The same in one list."""
    return [minute for minutes in first_minutes(epoch_of(windows, epoch)) for minute in minutes]


LINES = line(3), line(5, name=1)


def test_history_plan_prior_and_target_of_a_window_lie_beside_each_other():
    for (history, plan, prior), target in epoch_of(WindowDataset(CONFIG, LINES, shuffled=True)):
        first = numbers(history[:, 0, 1, 0, 0])
        np.testing.assert_array_equal(numbers(history[:, :, 1, 0, 0]), first[:, None] + np.arange(4))
        np.testing.assert_array_equal(numbers(plan[:, :, 0, 0]), first[:, None] + np.arange(4, 7))
        np.testing.assert_array_equal(numbers(target[:, :, 1, 0, 0]), first[:, None] + np.arange(4, 7))
        np.testing.assert_array_equal(numbers(prior[:, 0, 0, 0]), first + 3)
        arrived = (first[:, None] % 100 + np.arange(4, 7)) % 3 == 0
        np.testing.assert_array_equal(target[:, :, 1, 0, 1], arrived)


def test_missing_is_zero_in_the_input_and_nan_in_the_target():
    missing = 0
    for (history, _, _), target in epoch_of(WindowDataset(CONFIG, LINES, shuffled=True)):
        assert not np.isnan(history).any() and not np.isnan(target[..., 1]).any()
        empty = numbers(target[:, :, 1, 0, 0]) % 10 == 0
        np.testing.assert_array_equal(np.isnan(target[:, :, 0, 0, 0]), empty)
        missing += empty.sum()
    assert missing > 0


def test_every_window_of_every_line_is_served_once_an_epoch_in_batches_of_one_line():
    batches = epoch_of(WindowDataset(CONFIG, LINES, shuffled=True))
    served = first_minutes(batches)
    own = [first.tolist() for first in (LINES[0].starts, 100 + LINES[1].starts)]
    assert sorted(served_in(WindowDataset(CONFIG, LINES, shuffled=True))) == own[0] + own[1]
    for ((history, _, prior), _), minutes in zip(batches, served, strict=True):
        assert {minute // 100 for minute in minutes} == {int(history.shape[2] == 5)}
        assert prior.shape[1] == history.shape[2]


def test_the_lines_are_mixed():
    of_line = [minutes[0] // 100 for minutes in first_minutes(epoch_of(WindowDataset(CONFIG, LINES, True)))]
    assert of_line != sorted(of_line)


def test_the_order_is_a_function_of_seed_and_epoch_alone():
    one, other = (WindowDataset(CONFIG, LINES, shuffled=True) for _ in range(2))
    orders = [first_minutes(epoch_of(one, epoch)) for epoch in (0, 1, 2)]
    assert first_minutes(epoch_of(other, 2)) == orders[2]
    assert first_minutes(epoch_of(one, 0)) == orders[0] != orders[1]
    elsewhere = WindowDataset(dataclasses.replace(CONFIG, seed=4), LINES, shuffled=True)
    assert first_minutes(epoch_of(elsewhere, 0)) != orders[0]


def test_unshuffled_windows_come_in_order_of_time():
    served = served_in(WindowDataset(CONFIG, LINES[:1], shuffled=False), epoch=3)
    assert served == LINES[0].starts.tolist()


def test_an_epoch_of_few_windows_takes_the_same_number_of_each_line():
    few = WindowDataset(dataclasses.replace(CONFIG, epoch_windows=10), LINES, shuffled=True)
    epochs = [served_in(few, epoch) for epoch in (0, 1)]
    for minutes in epochs:
        assert len(minutes) == 10 and sum(minute >= 100 for minute in minutes) == 5
    assert not set(epochs[0]) & set(epochs[1])


def test_windows_of_some_days_keep_their_priors():
    second = LINES[0].of_days([1])
    assert second.starts.tolist() == list(range(20, 34))
    np.testing.assert_array_equal(numbers(second.prior[:, 0, 0, 0]), second.starts + 3)


@pytest.mark.parametrize(("most", "kept"), [(None, 28), (40, 28), (3, 3)])
def test_thinned_windows_are_spread_evenly(most, kept):
    thin = LINES[0].thin_to(most)
    assert len(thin.starts) == len(thin.prior) == len(thin.service_days) == kept
    assert (thin.starts[0], thin.starts[-1]) == (0, 33)
    np.testing.assert_array_equal(numbers(thin.prior[:, 0, 0, 0]), thin.starts + 3)


@pytest.mark.parametrize("part", ["headway", "schedule", "starts", "priors"])
def test_other_data_has_another_digest(part):
    changed = getattr(LINES[0], part).copy()
    changed[-1] += 1
    assert dataclasses.replace(LINES[0], **{part: changed}).digest(WINDOW) != LINES[0].digest(WINDOW)


def test_selected_windows_share_the_priors_and_have_the_digest_of_a_copy():
    some = LINES[0].of_days([1])
    assert np.shares_memory(some.priors, LINES[0].priors)
    copied = dataclasses.replace(some, priors=some.prior, prior_rows=None)
    assert some.digest(WINDOW) == copied.digest(WINDOW) != LINES[0].digest(WINDOW)


class StopsInTheMiddle(WindowDataset):
    """Raises in the middle of the second epoch."""

    def __getitem__(self, index):
        if self.batch_order.epoch == 1 and index == len(self) // 2:
            raise RuntimeError("stopped here")
        return super().__getitem__(index)


def trainer(run_dir):
    return ModelTrainer(
        ProbabilisticSTConvNet(CONFIG, (4, None, 2, 4), (3, 2, 1)), CONFIG, run_dir, quiet=True
    )


@pytest.mark.slow
def test_a_broken_run_goes_on_to_the_same_bits_with_dropout_and_several_lines(tmp_path):
    lines = line(3), line(3, name=1)

    def data(kind=WindowDataset):
        return kind(CONFIG, lines, shuffled=True), WindowDataset(CONFIG, lines, shuffled=False)

    whole = trainer(None)
    history = whole.train(*data())
    with pytest.raises(Exception, match="stopped here"):
        trainer(tmp_path).train(*data(StopsInTheMiddle))
    assert read_state(tmp_path / "training_state.npz").epochs_done == 1
    second = trainer(tmp_path)
    assert second.train(*data()) == history
    for one, other in zip(whole.model.get_weights(), second.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


MIXED = AppConfig(lookback_mins=4, forecast_mins=3, batch_size=8, epoch_windows=60, seed=3)
STATIONS, WINDOWS = (5, 3, 5, 9), (100, 70, 200, 12)


def mixed_line(stations: int, windows: int, channels: int = 4) -> LineWindows:
    rows = windows + MIXED.window_mins - 1
    first = np.arange(windows)
    headway = np.full((rows, stations, 2, channels), stations, dtype=np.float32)
    prior = np.zeros((windows, stations, 2, 1), dtype=np.float32)
    return LineWindows(headway, np.zeros((rows, 2, 2), dtype=np.float32), first, first * 0, prior)


@pytest.fixture(scope="module")
def lines() -> list[LineWindows]:
    return [mixed_line(*sizes) for sizes in zip(STATIONS, WINDOWS, strict=True)]


def batches_of(order, epoch=0):
    order.epoch = epoch
    return order.batches()


def test_every_line_brings_its_share_or_all_it_has(lines):
    epoch = BatchOrder(lines, MIXED, shuffled=True)
    found = [np.concatenate([w for of, w in batches_of(epoch) if of == k]) for k in range(4)]
    assert [len(windows) for windows in found] == [15, 15, 15, 12]
    assert all(len(np.unique(windows)) == len(windows) for windows in found)
    assert len(epoch) == len(batches_of(epoch)) == 8
    assert (
        windows_per_line(60, 4) == 15 and windows_per_line(61, 4) == 16 and windows_per_line(None, 4) is None
    )


@pytest.mark.parametrize("shuffled", [True, False])
@pytest.mark.parametrize("epoch", [0, 1, 7])
def test_the_first_two_batches_are_of_the_shortest_and_the_longest_line(lines, shuffled, epoch):
    """Keras takes what these two agree in for the shape of all."""
    batches = batches_of(BatchOrder(lines, MIXED, shuffled), epoch)
    assert [STATIONS[of] for of, _ in batches[:2]] == [3, 9]


def test_unshuffled_every_window_of_every_line_comes_once(lines):
    batches = batches_of(BatchOrder(lines, MIXED, shuffled=False))
    for k, count in enumerate(WINDOWS):
        own = np.concatenate([windows for of, windows in batches if of == k])
        assert sorted(own) == list(range(count))


def test_the_batches_are_a_function_of_seed_and_epoch_alone(lines):
    through, fresh = (BatchOrder(lines, MIXED, shuffled=True) for _ in range(2))
    for epoch in range(3):
        last = batches_of(through, epoch)
    again = batches_of(fresh, 2)
    assert [of for of, _ in last] == [of for of, _ in again]
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(last, again, strict=True))
    assert [of for of, _ in last] != [of for of, _ in batches_of(through)]


def test_a_single_line_is_served_in_its_own_order():
    alone = mixed_line(5, 100)
    epoch = BatchOrder([alone], MIXED, shuffled=True)
    order = epoch.orders[0]
    assert np.array_equal(np.concatenate([w for _, w in batches_of(epoch, 1)]), order.current())


def test_a_batch_is_of_one_line(lines):
    served = WindowDataset(MIXED, lines, shuffled=True)
    for index in range(len(served)):
        (headway_in, _, _), target = served[index]
        assert headway_in.shape[2] == target.shape[2] == headway_in[0, 0, 0, 0, 0]
