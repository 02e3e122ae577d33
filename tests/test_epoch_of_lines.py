"""The windows of several lines in one epoch: equal shares, batches of one line each, the same order after a restart."""

import numpy as np
import pytest

from headway_prediction.config import AppConfig
from headway_prediction.guided_dataset import EpochOfLines, LineWindows, PriorWindows, windows_per_line

CONFIG = AppConfig(lookback_mins=4, forecast_mins=3, batch_size=8, epoch_windows=60, seed=3)
STATIONS, WINDOWS = (5, 3, 5, 9), (100, 70, 200, 12)


def line(stations: int, windows: int, channels: int = 4) -> LineWindows:
    rows = windows + CONFIG.window_mins - 1
    first = np.arange(windows)
    headway = np.full((rows, stations, 2, channels), stations, dtype=np.float32)
    prior = np.zeros((windows, stations, 2, 1), dtype=np.float32)
    return LineWindows(headway, np.zeros((rows, 2, 2), dtype=np.float32), first, first * 0, prior)


@pytest.fixture(scope="module")
def lines() -> list[LineWindows]:
    return [line(*sizes) for sizes in zip(STATIONS, WINDOWS, strict=True)]


def test_every_line_brings_its_share_or_all_it_has(lines):
    epoch = EpochOfLines(lines, CONFIG, shuffled=True)
    found = [np.concatenate([w for of, w in epoch.batches(0) if of == k]) for k in range(4)]
    assert [len(windows) for windows in found] == [15, 15, 15, 12]
    assert all(len(np.unique(windows)) == len(windows) for windows in found)
    assert len(epoch) == len(epoch.batches(0)) == 8
    assert (
        windows_per_line(60, 4) == 15 and windows_per_line(61, 4) == 16 and windows_per_line(None, 4) is None
    )


@pytest.mark.parametrize("shuffled", [True, False])
@pytest.mark.parametrize("epoch", [0, 1, 7])
def test_the_first_two_batches_are_of_the_shortest_and_the_longest_line(lines, shuffled, epoch):
    """Keras takes what these two agree in for the shape of all."""
    batches = EpochOfLines(lines, CONFIG, shuffled).batches(epoch)
    assert [STATIONS[of] for of, _ in batches[:2]] == [3, 9]


def test_unshuffled_every_window_comes_once(lines):
    batches = EpochOfLines(lines, CONFIG, shuffled=False).batches(0)
    for k, count in enumerate(WINDOWS):
        own = np.concatenate([windows for of, windows in batches if of == k])
        assert sorted(own) == list(range(count))


def test_the_order_is_a_function_of_seed_and_epoch_alone(lines):
    through, fresh = (EpochOfLines(lines, CONFIG, shuffled=True) for _ in range(2))
    for epoch in range(3):
        last = through.batches(epoch)
    again = fresh.batches(2)
    assert [of for of, _ in last] == [of for of, _ in again]
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(last, again, strict=True))
    assert [of for of, _ in last] != [of for of, _ in through.batches(0)]


def test_a_single_line_is_served_in_its_own_order():
    alone = line(5, 100)
    epoch = EpochOfLines([alone], CONFIG, shuffled=True)
    order = epoch.orders[0]
    assert np.array_equal(np.concatenate([w for _, w in epoch.batches(1)]), order.current())


def test_a_batch_is_of_one_line(lines):
    served = PriorWindows(CONFIG, lines, shuffled=True)
    for index in range(len(served)):
        (headway_in, _, _), target = served[index]
        assert headway_in.shape[2] == target.shape[2] == headway_in[0, 0, 0, 0, 0]
