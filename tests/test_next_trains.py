"""The channels of single cells by hand: stations A B C D two minutes apart, trains ten minutes apart."""

from datetime import timedelta

import numpy as np
import pytest

from conftest import MONDAY, regular_rows, train
from headway_prediction.forecasters.expected_trains import DirectionDay
from headway_prediction.forecasters.fit_first_guess import fit_first_guess
from headway_prediction.forecasters.next_trains import expected_headways, guess_channels, train_channels
from headway_prediction.guess import (
    FAR_MINS,
    GUESS_WIDTH,
    NEXT_TRAINS,
    PLATFORM_CHANNELS,
    TRAIN_CHANNELS,
)
from trips import NAN, history_of, runs, table

TRIPS = table([400, 402, 404, 406], [410, 412, 414, 416], [420, 422, 424, 426])
USUAL = np.full(54, 10.0)
WEEK = [MONDAY + timedelta(days=k) for k in range(4)]
TRAINS = NEXT_TRAINS * len(TRAIN_CHANNELS)


def channels(*trains, t0, trips=TRIPS):
    """Per position and next train: its channels by name."""
    found = train_channels(DirectionDay(table(*trains), runs(), trips, USUAL), t0)
    assert found.shape == (4, NEXT_TRAINS, len(TRAIN_CHANNELS)) and found.dtype == np.float32
    return [[dict(zip(TRAIN_CHANNELS, cell.tolist(), strict=True)) for cell in row] for row in found]


THROUGH, SLOW = [400, 402, 404, 406], [411, 414, NAN, NAN]


def test_the_next_trains_at_a_platform_by_hand():
    # At the end of minute 415 the second train is 2 minutes late at B; C had it at 416; the third trip leaves at 420.
    first, second, third, fourth = channels(THROUGH, SLOW, t0=415)[2]
    assert first == {
        "arrives_in": 0, "headway": 12, "has_headway": 1, "under_way": 1, "since_seen": 2, "stations_away": 1,
        "overdue": 0, "late": 2, "on_trip": 1,
    }  # fmt: skip
    assert second == {
        "arrives_in": 8, "headway": 8, "has_headway": 1, "under_way": 0, "since_seen": -4, "stations_away": 3,
        "overdue": 0, "late": 0, "on_trip": 1,
    }  # fmt: skip
    nothing = dict.fromkeys(TRAIN_CHANNELS, 0.0) | {"arrives_in": FAR_MINS}
    assert third == fourth == nothing


def test_a_train_that_passed_is_not_expected_again():
    first = channels(THROUGH, SLOW, t0=415)[1][0]
    assert first["arrives_in"] == 6 and first["headway"] == 8  # the third trip, at 422, after 414


def test_an_overdue_train_says_so():
    first = channels(THROUGH, SLOW, t0=417)[2][0]  # expected at 416, now 418
    assert (first["arrives_in"], first["overdue"], first["late"], first["headway"]) == (0, 2, 2, 14)


def test_a_first_train_has_no_headway():
    first, second = channels(t0=405)[0][:2]
    assert (first["arrives_in"], first["headway"], first["has_headway"]) == (0, 0, 0)  # 400 leaves at once
    assert (second["arrives_in"], second["headway"], second["has_headway"]) == (4, 4, 1)


def test_without_trips_the_usual_departures_are_the_next_trains():
    first, second = channels(THROUGH, t0=407, trips=None)[3][:2]
    assert (first["arrives_in"], first["headway"], first["on_trip"]) == (8, 10, 0)
    assert (second["arrives_in"], second["under_way"]) == (18, 0)


def test_expected_headways_hold_from_train_to_train():
    day = DirectionDay(table(THROUGH, SLOW), runs(), TRIPS, USUAL)
    ahead = expected_headways(day, 415, 15)
    np.testing.assert_array_equal(ahead[:, 2], [12] * 8 + [8] * 7)  # 416, 424
    np.testing.assert_array_equal(ahead[:, 1], [NAN] * 6 + [8] * 9)  # 422
    np.testing.assert_array_equal(expected_headways(day, 415, 60)[:15], ahead)


@pytest.fixture(scope="module")
def one_way_station():
    """A line whose station X has a platform in direction 0 alone: A X B C there, C B A back."""
    rows = [
        row
        for day in WEEK
        for start in range(360, 720, 10)
        for row in train(f"f{start}", "AXBC", start, day=day)
    ]
    rows += [
        row
        for day in WEEK
        for start in range(360, 720, 10)
        for row in train(f"b{start}", "CBA", start, day=day, direction=1)
    ]
    return history_of(rows)


def test_the_channels_of_every_platform(one_way_station):
    guess = fit_first_guess(one_way_station.select(WEEK[:3]))
    origins = np.array([5, 412, 650, 1619])
    cells = guess_channels(guess, one_way_station, WEEK[3], origins)
    assert cells.shape == (4, 4, 2, GUESS_WIDTH) and cells.dtype == np.float32
    assert TRAINS + len(PLATFORM_CHANNELS) == GUESS_WIDTH
    assert np.isfinite(cells).all()
    for direction in (0, 1):
        day = guess.direction_day(one_way_station, WEEK[3], direction)
        order = one_way_station.line.travel_order(direction)
        np.testing.assert_array_equal(
            cells[1, order, direction, :TRAINS].reshape(len(order), NEXT_TRAINS, -1), train_channels(day, 412)
        )


def test_platform_channels_by_hand(one_way_station):
    guess = fit_first_guess(one_way_station.select(WEEK[:3]))
    cells = guess_channels(guess, one_way_station, WEEK[3], np.array([500, 1500]))[..., TRAINS:]
    # run_from, run_to, usual_headway, served: two minutes between stations, trains every ten minutes.
    assert cells[0, :, 0].tolist() == [[0, 2, 10, 1], [2, 2, 10, 1], [2, 2, 10, 1], [2, 0, 10, 1]]
    assert cells[0, [3, 2, 0], 1].tolist() == [[0, 2, 10, 1], [2, 2, 10, 1], [2, 0, 10, 1]]
    assert cells[1, 0, 0, 2] == 10  # nothing ran at 25:00: as where nothing is known


def test_at_a_platform_that_does_not_exist_no_train_comes(one_way_station):
    guess = fit_first_guess(one_way_station.select(WEEK[:3]))
    cells = guess_channels(guess, one_way_station, WEEK[3], np.arange(400, 700, 50))
    nowhere = cells[:, 1, 1]
    assert [name for name in one_way_station.line.station_names][1] == "X Street"
    arrives, *rest = np.moveaxis(nowhere[:, :TRAINS].reshape(-1, NEXT_TRAINS, len(TRAIN_CHANNELS)), -1, 0)
    assert (arrives == FAR_MINS).all() and not np.any(rest)
    np.testing.assert_array_equal(nowhere[:, TRAINS:], np.tile([0, 0, 10, 0], (6, 1)))


def test_no_train_is_expected_on_a_day_without_passings_and_trips():
    rows = regular_rows(days=WEEK)
    history = history_of(rows)
    guess = fit_first_guess(history.select(WEEK[:1]))
    quiet = history.as_of(WEEK[3], 100)
    cells = guess_channels(guess, quiet, WEEK[3], np.array([400]))
    assert (cells[..., :TRAINS].reshape(4, 2, NEXT_TRAINS, -1)[..., 0] == FAR_MINS).all()


def test_the_channels_know_nothing_of_what_comes(one_way_station):
    guess = fit_first_guess(one_way_station.select(WEEK[:3]))
    for t0 in (300, 411, 412, 700):
        whole, known = (
            guess_channels(guess, part, WEEK[3], np.array([t0]))
            for part in (one_way_station, one_way_station.as_of(WEEK[3], t0))
        )
        assert whole.tobytes() == known.tobytes()
