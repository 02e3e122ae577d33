"""Turn-rounds by hand: A B C D in direction 0, whose trains leave D again in direction 1."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway_prediction.forecasters.physics.expected_trains import (
    MAX_LATE_MINS,
    TRAIN_FEATURES,
    DirectionDay,
    InboundTrips,
)
from headway_prediction.forecasters.physics.fit_prior import fit_prior
from headway_prediction.forecasters.physics.matched_trains import MatchedTrains
from headway_prediction.forecasters.physics.prior import PhysicsPrior
from headway_prediction.forecasters.physics.turnarounds import TerminalDay, Turnarounds, fit_turnarounds
from helpers.lines import MONDAY, train
from helpers.trips import NAN, NO_FOLLOWING, history_of, plan_of, runs, table

TYPICAL = np.full((54, 4), 10.0)
OUT = table([400, 402, 404, 406], [420, 422, 424, 426])
BACK = table([416, 418, 420, 422], [436, 438, 440, 442])


def way(trips, *trains):
    return DirectionDay(MatchedTrains(table(*trains), runs(), trips, TYPICAL), NO_FOLLOWING)


def fed(*out_trains, back_trains=(), min_turnaround=8.0):
    """Direction 1, whose trips leave ten minutes after those of direction 0 arrive, and eight at least."""
    rounds = Turnarounds(np.array([10.0]), np.array([min_turnaround]))
    back, out = way(BACK, *back_trains), way(OUT, *out_trains)
    return DirectionDay(
        MatchedTrains(back.matched.trains, back.matched.runs, back.matched.trips, TYPICAL),
        NO_FOLLOWING,
        rounds.inbound(back, out),
    )


def departures(day, t0):
    """Expected minutes at the first position of trips to come, and how late they are to be."""
    found = day.expected(t0, 30)
    return found.minutes[:, 0].tolist(), found.features[:, TRAIN_FEATURES.index("late")].tolist()


def test_a_departure_turns_around_from_the_arrival_one_interval_earlier():
    inbound = Turnarounds(np.array([10.0]), np.array([8.0])).inbound(way(BACK), way(OUT))
    assert inbound.trip.tolist() == [0, 1] and inbound.min_turnaround.tolist() == [8, 8]
    assert Turnarounds(np.array([14.0]), np.array([8.0])).inbound(way(BACK), way(OUT)).trip.tolist() == [
        -1,
        -1,
    ]


def test_a_train_turns_around_into_one_trip_of_the_most_explanatory_type():
    close = table([416, 418, 420, 422], [417, 419, 421, 423])
    inbound = Turnarounds(np.array([10.0, 11.0]), np.array([8.0, 9.0])).inbound(way(close), way(OUT))
    assert inbound.trip.tolist() == [0, -1]


@pytest.mark.parametrize(("arriving", "departing"), [(None, BACK), (OUT, None)])
def test_without_trips_there_are_no_inbound_trips(arriving, departing):
    assert Turnarounds(np.array([10.0]), np.array([8.0])).inbound(way(departing), way(arriving)) is None


class TestExpected:
    def test_a_train_in_time_leaves_in_time(self):
        assert departures(fed([400, 402, 404, 407]), t0=410) == ([416, 436], [0, 0])

    def test_a_train_that_arrived_late_leaves_late(self):
        assert departures(fed([400, 402, 407, 412]), t0=413) == ([420, 436], [4, 0])

    def test_all_the_way_of_its_trip_is_as_much_later(self):
        assert fed([400, 402, 407, 412]).expected(413, 30).minutes[0].tolist() == [420, 422, 424, 426]

    def test_a_train_still_under_way_is_late_by_what_it_is_late_now(self):
        # Seven minutes late at C: at D at 413, away again at 421.
        assert departures(fed([400, 402, 411, NAN]), t0=411) == ([421, 436], [5, 0])

    def test_what_is_not_known_yet_changes_nothing(self):
        late = fed([400, 402, 404, 430])
        assert departures(late, t0=404) == ([416], [0])

    def test_a_late_departure_is_still_expected_when_its_trip_is_long_overdue(self):
        assert departures(fed([400, 402, 415, 424]), t0=426)[0][0] == 432

    def test_a_train_that_never_came_is_forgotten(self):
        assert departures(fed(), t0=430) == ([436], [0])

    def test_beyond_half_an_hour_another_train_takes_over(self):
        # Its train could leave at 458, but a trip is half an hour late at most: at 446, and by 450 five minutes overdue.
        assert departures(fed([400, 402, 407, 450]), t0=450) == ([451], [MAX_LATE_MINS])

    def test_after_departure_the_trip_continues_from_the_observed_passing(self):
        day = fed([400, 402, 407, 412], back_trains=[[420, NAN, NAN, NAN]])
        assert day.expected(421, 10).minutes.tolist() == [[np.inf, 422, 424, 426]]


def terminal(seed=0, trains=12, min_turnaround=6.0, noise=0.3):
    """A day on which trains turn in ten minutes or, when late, in `min_turnaround`."""
    random = np.random.default_rng(seed)
    arrivals = 400 + 20.0 * np.arange(trains)
    arrived = arrivals + random.exponential(5, trains)
    departed = np.maximum(arrivals + 10, arrived + min_turnaround) + random.normal(0, noise, trains)
    return TerminalDay(arrivals, arrived, arrivals + 10, departed)


class TestLearning:
    def test_interval_and_minimum_turnaround_are_found(self):
        found = fit_turnarounds([terminal(seed) for seed in range(6)])
        assert (
            abs(found.interval[0] - 10) <= 1.5
            and abs(found.min_turnaround[0] - 6) <= 0.5
            and len(found.min_turnaround) == 1
        )

    def test_two_turnaround_types_are_separated(self):
        """Every second train goes on to a branch and comes back twelve minutes later than the others."""
        days = []
        for seed in range(8):
            day, branch = terminal(seed, trains=20), np.arange(20) % 2 == 1
            departures = day.departures + 12 * branch
            departed = np.maximum(departures, day.arrived + 6 + 12 * branch)
            days.append(TerminalDay(day.arrivals, day.arrived, departures, departed))
        found = fit_turnarounds(days)
        day_types = sorted(zip(found.interval, found.min_turnaround, strict=True))[:2]
        np.testing.assert_allclose(day_types, [(10, 6), (22, 18)], atol=1.5)

    @given(seed=st.integers(0, 10**6))
    def test_departures_independent_of_arrivals_give_no_turnarounds(self, seed):
        random = np.random.default_rng(seed)
        days = [
            day._replace(departed=day.departures + random.exponential(2, 12))
            for day in (terminal(number) for number in range(4))
        ]
        assert len(fit_turnarounds(days).interval) == 0

    def test_too_few_pairs_give_no_turnarounds(self):
        assert len(fit_turnarounds([terminal()]).interval) == 0
        assert len(fit_turnarounds([]).interval) == 0

    def test_the_days_stay_as_they_were(self):
        days = [terminal(seed) for seed in range(6)]
        before = [day.arrivals.copy() for day in days]
        fit_turnarounds(days)
        for day, arrivals in zip(days, before, strict=True):
            np.testing.assert_array_equal(day.arrivals, arrivals)


WEEK = [MONDAY + timedelta(days=k) for k in range(5)]


@pytest.fixture(scope="module")
def shuttle():
    """Trains A to D that turn at D: planned at uneven times with a turn of ten minutes, six where they are late."""
    starts = 360 + np.random.default_rng(99).integers(14, 32, 24).cumsum().astype(float)
    rows, plan = [], []
    for number, day in enumerate(WEEK):
        for k, late in enumerate(np.random.default_rng(number).exponential(6, 24)):
            start = starts[k]
            away = max(start + 16, start + late + 6 + 6)
            rows += train(f"out{k}", "ABCD", start + late, day=day)
            rows += train(f"back{k}", "DCBA", away, day=day, direction=1)
    for k in range(24):
        plan += [(f"out{k}", 0, s, starts[k] + 2 * s) for s in range(4)]
        plan += [(f"back{k}", 1, s, starts[k] + 16 + 2 * (3 - s)) for s in range(4)]
    return history_of(rows, plan_of(plan))


def test_a_line_whose_trains_turn_shows_it(shuttle):
    prior = fit_prior(shuttle.select(WEEK[:4]))
    into_0, into_1 = prior.turnarounds
    assert len(into_0.interval) == 0 and len(into_1.interval) == 1
    assert abs(into_1.min_turnaround[0] - 6) <= 0.5
    day = prior.direction_days(shuttle, WEEK[4])[1]
    assert isinstance(day.inbound, InboundTrips) and (day.inbound.trip >= 0).mean() > 0.9


def test_it_is_saved_and_read_again(shuttle):
    prior = fit_prior(shuttle.select(WEEK[:4]))
    again = PhysicsPrior.from_state(prior.state())
    for one, other in zip(prior.turnarounds, again.turnarounds, strict=True):
        np.testing.assert_array_equal(one.interval, other.interval)
        np.testing.assert_array_equal(one.min_turnaround, other.min_turnaround)


def test_departures_of_a_new_day_are_expected_when_they_happen(shuttle):
    prior = fit_prior(shuttle.select(WEEK[:4]))
    day = prior.direction_days(shuttle, WEEK[4])[1]
    left = day.matched.observed_minutes_of_trips[:, 0]
    off, plain = [], []
    for trip in range(2, 22):
        t0 = int(left[trip]) - 3  # its train has arrived: turning takes six minutes
        planned = day.matched.trips.minutes[trip, 0]
        off.append(np.abs(day.expected(t0, 15).minutes[:, 0] - left[trip]).min())
        plain.append(abs(planned - left[trip]))
    assert np.mean(off) < 0.5 * np.mean(plain)


@pytest.mark.parametrize("t0", [420, 437, 555, 700])
def test_nothing_that_comes_later_is_known(shuttle, t0):
    prior = fit_prior(shuttle.select(WEEK[:4]))
    for direction in (0, 1):
        whole, known = (
            prior.direction_days(part, WEEK[4])[direction].expected(t0, 15)
            for part in (shuttle, shuttle.as_of(WEEK[4], t0))
        )
        assert whole.minutes.tobytes() == known.minutes.tobytes()
        assert whole.features.tobytes() == known.features.tobytes()
