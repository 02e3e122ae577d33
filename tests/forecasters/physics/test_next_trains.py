"""The channels of single cells by hand: stations A B C D two minutes apart, trains ten minutes apart."""

from datetime import timedelta

import numpy as np

from headway_prediction.forecasters.physics.arrival_residuals import ArrivalResiduals
from headway_prediction.forecasters.physics.expected_trains import DirectionDay, expected_headways
from headway_prediction.forecasters.prior_features import train_channels
from headway_prediction.nn.prior_channels import (
    FAR_MINS,
    NEXT_TRAINS,
    TRAIN_CHANNELS,
)
from helpers.lines import MONDAY
from helpers.trips import NAN, NO_FOLLOWING, runs, table

TRIPS = table([400, 402, 404, 406], [410, 412, 414, 416], [420, 422, 424, 426])
USUAL = np.full((54, 4), 10.0)
WEEK = [MONDAY + timedelta(days=k) for k in range(4)]
TRAINS = NEXT_TRAINS * len(TRAIN_CHANNELS)


def channels(*trains, t0, trips=TRIPS):
    """Per position and next train: its channels by name."""
    day = DirectionDay(table(*trains), runs(), trips, USUAL, NO_FOLLOWING)
    expected = day.expected(t0, 15)
    found = train_channels(
        expected, ArrivalResiduals.none().times(day, 0, expected, t0), day.last_observed(t0), t0
    )
    assert found.shape == (4, NEXT_TRAINS, len(TRAIN_CHANNELS)) and found.dtype == np.float32
    return [[dict(zip(TRAIN_CHANNELS, cell.tolist(), strict=True)) for cell in row] for row in found]


THROUGH, SLOW = [400, 402, 404, 406], [411, 414, NAN, NAN]


def test_the_next_trains_at_a_platform_by_hand():
    # At the end of minute 415 the second train is 2 minutes late at B; C had it at 416; the third trip leaves at 420.
    first, second, third, fourth = channels(THROUGH, SLOW, t0=415)[2]
    assert first == {
        "arrives_in": 0, "headway": 12, "has_headway": 1, "under_way": 1, "since_observed": 2, "stations_away": 1,
        "overdue": 0, "late": 2, "on_trip": 1, "earlier_by": 0, "later_by": 1.5, "arrival_probability": 1,
    }  # fmt: skip
    assert second == {
        "arrives_in": 8, "headway": 8, "has_headway": 1, "under_way": 0, "since_observed": -4, "stations_away": 3,
        "overdue": 0, "late": 0, "on_trip": 1, "earlier_by": 1.5, "later_by": 1.5, "arrival_probability": 1,
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
    day = DirectionDay(table(THROUGH, SLOW), runs(), TRIPS, USUAL, NO_FOLLOWING)
    ahead = expected_headways(day, 415, 15)
    np.testing.assert_array_equal(ahead[:, 2], [12] * 8 + [8] * 7)  # 416, 424
    np.testing.assert_array_equal(ahead[:, 1], [NAN] * 6 + [8] * 9)  # 422
    np.testing.assert_array_equal(expected_headways(day, 415, 60)[:15], ahead)
