"""One direction A B C D by hand, two minutes between stations: what is expected at an origin, on trips and without."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway_prediction.forecasters.physics.expected_trains import TRAIN_FEATURES, DirectionDay
from headway_prediction.forecasters.physics.match_trains import MAX_UNOBSERVED_MINS
from headway_prediction.forecasters.physics.matched_trains import MatchedTrains
from headway_prediction.forecasters.physics.train_following import TrainFollowing
from helpers.trips import NAN, NO_FOLLOWING, runs, table

INF = np.inf
TRIPS = table([400, 402, 404, 406], [410, 412, 414, 416], [420, 422, 424, 426])
TYPICAL = np.full((54, 4), 10.0)
"""Usual headways by half-hour and position."""


def expected(*trains, t0, trips=None, leads=15, trip_ids=None, **how):
    """Minutes (trains, positions) and facts by name of what is expected at the end of minute t0."""
    day = DirectionDay(
        MatchedTrains(table(*trains, trip_ids=trip_ids), runs(**how), trips, TYPICAL), NO_FOLLOWING
    )
    found = day.expected(t0, leads)
    return found.minutes.tolist(), dict(zip(TRAIN_FEATURES, found.features.T.tolist(), strict=True))


GONE = [400, 402, 404, 406]


def test_a_train_under_way_keeps_its_delay_on_its_trip():
    slow = table([410, 412, 420, 423])
    minutes, features = expected([411.5, 413, NAN, NAN], t0=414, trips=slow)
    assert minutes == [[INF, INF, 421, 424]]  # a minute late at B
    assert features == {
        "under_way": [1], "since_observed": [2], "position": [1], "overdue": [0], "late": [1], "on_trip": [1],
    }  # fmt: skip


def test_a_train_without_a_trip_moves_at_typical_running_times():
    minutes, features = expected([405, 407, NAN, NAN], t0=408, trips=table([415, 417, 430, 431]), run=3.0)
    assert minutes[0] == [INF, INF, 410, 413]
    assert features["on_trip"] == [0, 1] and features["late"] == [0, 0]  # the trip itself is still to leave
    minutes, _ = expected([405, 407, NAN, NAN], t0=408, run=3.0)
    assert minutes[0] == [INF, INF, 410, 413]


def test_a_train_observed_off_its_trip_moves_at_typical_running_times():
    express = table([410, NAN, 413, 414])
    minutes, features = expected([410, 412, NAN, NAN], t0=412, trips=express)
    assert minutes == [[INF, INF, 414, 416]]
    assert features["on_trip"] == [0]


def test_stations_that_a_trip_skips_are_not_expected():
    minutes, _ = expected([410, NAN, NAN, NAN], t0=410, trips=table([410, NAN, 413, NAN]))
    assert minutes == [[INF, INF, 413, INF]]


def test_without_trips_rarely_served_stations_are_not_expected():
    served = np.triu(np.ones((4, 4)))
    served[0, 3] = 0.4
    minutes, _ = expected([410, NAN, NAN, NAN], t0=410, served=served)
    assert minutes[0] == [INF, 412, 414, INF]
    minutes, _ = expected([410, 412, NAN, NAN], t0=412, served=served)
    assert minutes[0] == [INF, INF, 414, 416]  # all trains observed at B continue


def test_an_overdue_train_comes_at_once_and_carries_its_delay_along():
    # On its trip it would be at C at 414: 2 minutes before minute 416 begins.
    minutes, features = expected([410, 412, NAN, NAN], t0=415, trips=TRIPS)
    assert minutes[0] == [INF, INF, 416, 418]
    assert features["overdue"][0] == 2 and features["since_observed"][0] == 4


def test_over_three_minutes_overdue_it_is_given_up_at_that_station():
    minutes, features = expected([410, 412, NAN, NAN], t0=417, trips=TRIPS)  # C was due 4 minutes ago, D 2
    assert minutes[0] == [INF, INF, INF, 418]
    assert features["overdue"][0] == 2
    minutes, features = expected([410, 412, NAN, NAN], t0=419, trips=TRIPS)
    assert minutes[0] == [INF] * 4 and features["overdue"][0] == 0


def test_trips_without_an_observed_train_depart_on_time_or_at_once():
    minutes, features = expected(
        GONE, t0=411, trips=TRIPS
    )  # trip 2 is 2 minutes overdue when minute 412 begins
    assert minutes == [[412, 414, 416, 418], [420, 422, 424, 426]]
    assert features == {
        "under_way": [0, 0], "since_observed": [2, -8], "position": [-1, -1], "overdue": [2, 0], "late": [0, 0],
        "on_trip": [1, 1],
    }  # fmt: skip


def test_over_six_minutes_overdue_a_trip_is_dropped():
    assert expected(GONE, t0=415, trips=TRIPS)[0][0] == [416, 418, 420, 422]
    assert expected(GONE, t0=416, trips=TRIPS)[0] == [[420, 422, 424, 426]]


def test_a_trip_with_an_observed_train_is_not_expected_to_depart():
    minutes, features = expected([412, NAN, NAN, NAN], t0=412, trips=TRIPS)
    assert minutes == [[INF, 414, 416, 418], [420, 422, 424, 426]]
    assert features["under_way"] == [1, 0] and features["late"] == [2, 0]


def test_trips_that_leave_within_the_leads_are_among_them():
    assert len(expected(t0=404, trips=TRIPS, leads=15)[0]) == 2  # 400 is 5 overdue, 410; 420 is lead 16
    assert len(expected(t0=405, trips=TRIPS, leads=15)[0]) == 3
    assert len(expected(t0=404, trips=TRIPS, leads=60)[0]) == 3


def test_a_trip_that_begins_further_on_stands_one_station_before():
    _, features = expected(t0=410, trips=table([NAN, NAN, 414, 416]))
    assert features["position"] == [1]


def test_without_trips_trains_depart_at_the_typical_headway_after_the_last():
    minutes, features = expected(GONE, t0=407)
    assert minutes == [[410, 412, 414, 416], [420, 422, 424, 426]]
    assert (
        features["since_observed"] == [-2, -12]
        and features["on_trip"] == [0, 0]
        and features["position"] == [-1, -1]
    )
    assert expected(t0=407)[0] == []  # before a first train nothing is known


def test_a_passing_at_the_very_end_of_the_minute_is_not_known():
    day = DirectionDay(MatchedTrains(table([410, 412, 414, 416]), runs(), TRIPS, TYPICAL), NO_FOLLOWING)
    np.testing.assert_array_equal(day.matched.last_observed(411), [410, NAN, NAN, NAN])
    np.testing.assert_array_equal(day.matched.last_observed(412), [410, 412, NAN, NAN])
    assert day.expected(411, 15).minutes[0].tolist() == [INF, 412, 414, 416]


def test_trains_at_the_end_or_long_unobserved_are_not_expected():
    assert expected(GONE, t0=406, leads=1)[0] == []
    stuck = [400, 402, NAN, NAN]
    slow = table([400, 402, 900, 902])
    gone = 402 + int(MAX_UNOBSERVED_MINS)
    assert expected(stuck, t0=gone - 2, trips=slow)[0] == [[INF, INF, 900, 902]]
    assert expected(stuck, t0=gone - 1, trips=slow)[0] == []


def test_trains_run_after_midnight_and_past_the_scored_day():
    late = [1618, 1620, NAN, NAN]
    assert expected(late, t0=1619)[0][0] == [INF, 1620, 1622, 1624]
    assert expected([1630, 1632, NAN, NAN], t0=1619, leads=5)[0] == []
    after = table([1618, 1620, 1622, 1624], [1634, 1636, 1638, 1640])
    assert expected(late, t0=1619, trips=after)[0] == [[INF, 1620, 1622, 1624], [1634, 1636, 1638, 1640]]


def test_nothing_is_expected_where_nothing_is_known():
    minutes, features = expected(t0=500, trips=table([NAN] * 4))
    assert minutes == [] and features["late"] == []


STARTS = st.lists(st.integers(390, 470), min_size=1, max_size=6, unique=True).map(sorted)


BEHIND = TrainFollowing(
    np.full(4, 0.2), np.full(4, -0.1), np.full(4, 1.5), pace_shrinkage=2.0, max_slowness=1.0
)


@pytest.mark.parametrize("trips", [None, TRIPS])
@pytest.mark.parametrize("train_following", [NO_FOLLOWING, BEHIND])
@given(STARTS, st.integers(395, 480))
def test_nothing_is_expected_in_the_past_and_nothing_known_changes(train_following, trips, starts, t0):
    rows = np.array(starts, dtype=float)[:, None] + [0, 2, 5, 7]
    day = DirectionDay(MatchedTrains(table(*rows), runs(), trips, TYPICAL), train_following)
    found = day.expected(t0, 15).minutes
    assert (found >= t0 + 1).all()
    known = np.where(rows < t0 + 1, rows, NAN)
    then = DirectionDay(MatchedTrains(table(*known), runs(), trips, TYPICAL), train_following)
    np.testing.assert_array_equal(then.expected(t0, 15).minutes, found)
    np.testing.assert_array_equal(then.expected(t0, 15).features, day.expected(t0, 15).features)
    np.testing.assert_array_equal(then.matched.last_observed(t0), day.matched.last_observed(t0))


@pytest.mark.parametrize("trips", [None, TRIPS])
@pytest.mark.parametrize("train_following", [NO_FOLLOWING, BEHIND])
@given(STARTS, st.lists(st.integers(395, 480), min_size=1, max_size=5))
def test_origins_together_expect_the_same_trains_as_each_alone(train_following, trips, starts, origins):
    rows = np.array(starts, dtype=float)[:, None] + [0, 2, 5, 7]
    day = DirectionDay(MatchedTrains(table(*rows), runs(), trips, TYPICAL), train_following)
    together = day.expected(np.array(origins), 15)
    for index, t0 in enumerate(origins):
        for found, alone in zip(together.at(index).arrays, day.expected(t0, 15).arrays, strict=True):
            np.testing.assert_array_equal(found, alone)
    assert np.isinf(together.minutes[~together.exists]).all()


def test_a_slow_train_goes_on_slowly_and_the_one_behind_keeps_its_distance():
    """Half a minute over each two-minute run, shrunk by half after two sections: an eighth slower from C on."""
    paced = TrainFollowing(np.zeros(4), np.zeros(4), np.full(4, 1.0), pace_shrinkage=2.0, max_slowness=1.0)
    slow, close = [400, 402.5, 405, NAN], [402, 404, NAN, NAN]
    day = DirectionDay(MatchedTrains(table(slow, close), runs(), None, TYPICAL), paced)
    minutes = day.expected(405, 1).minutes
    assert minutes[0].tolist() == [INF, INF, INF, 407.25]
    # The second would be at C now and at D at 408: it keeps a minute's distance at C anyway.
    assert minutes[1].tolist() == [INF, INF, 406, 408.25]


def test_a_train_closes_up_where_its_headway_is_short():
    """A headway of 4 instead of 10 minutes at B takes 0.1 × 6 minutes off the run to C, and what follows from there."""
    growing = TrainFollowing(np.array([0.0, 0.1, 0.1, 0.0]), np.zeros(4), np.zeros(4))
    day = DirectionDay(MatchedTrains(table(GONE, [404, 406, NAN, NAN]), runs(), None, TYPICAL), growing)
    at_c = 408 - 0.6
    at_d = at_c + 2 - 0.1 * (10 - (at_c - 404))
    assert day.expected(406, 1).minutes[0] == pytest.approx([INF, INF, at_c, at_d])
