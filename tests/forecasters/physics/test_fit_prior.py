"""Which source of trips is used, on small lines whose trains depart at uneven times."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway_prediction.forecasters.physics.fit_prior import cross_fit_priors, fit_prior, folds_of
from headway_prediction.forecasters.physics.prior import PhysicsPrior
from headway_prediction.grid.headway_grid import last_logged_minutes
from headway_prediction.grid.history import build_history
from headway_prediction.transit.timetable import Service
from helpers.lines import MONDAY, regular_rows, train
from helpers.trips import history_of, plan_of, timetable_of

WEEK = [MONDAY + timedelta(days=k) for k in range(7)]
WEEKDAYS, TODAY = WEEK[:4], WEEK[4]


def uneven(seed):
    """Departures from 06:00 to about 11:00, four to sixteen minutes apart."""
    return (360 + np.random.default_rng(seed).integers(4, 17, 30).cumsum()).tolist()


def rows_of(departures_of, days=WEEK, ids=True, late=0.0):
    """Trains over A B C D and back that depart at `departures_of` each day, up to `late` minutes late."""
    random = np.random.default_rng(9)
    return [
        row
        for number, day in enumerate(days)
        for direction, stops in enumerate(("ABCD", "DCBA"))
        for start in departures_of(number)
        for row in train(
            f"{direction}-{start}" if ids else "",
            stops,
            start + late * random.random(),
            day=day,
            direction=direction,
        )
    ]


def plan_of_departures(departures):
    pairs = enumerate((start, direction) for direction in (0, 1) for start in departures)
    return plan_of([(k, direction, 3 * direction, float(start)) for k, (start, direction) in pairs])


def plan_that_changes_daily(departures_of):
    """Each date has a service of its own."""
    rows = [
        (number, 100 * number + k, direction, 3 * direction, float(start))
        for number in range(len(WEEK))
        for direction in (0, 1)
        for k, start in enumerate(departures_of(number), start=50 * direction)
    ]
    return timetable_of(rows, *(Service(str(day), dates=frozenset([day])) for day in WEEK))


def sources(history, days=WEEKDAYS):
    return [trip_source.source for trip_source in fit_prior(history.select(days)).trips]


def same(number):
    return uneven(1)


@pytest.mark.parametrize("ids", [True, False])
def test_typical_trips_are_used_without_a_plan(ids):
    assert sources(history_of(rows_of(same, ids=ids, late=1.0))) == ["typical", "typical"]


def test_where_nothing_recurs_no_trips_are_used():
    assert sources(history_of(rows_of(uneven))) == ["none", "none"]


def test_a_plan_that_trains_follow_is_used():
    assert sources(history_of(rows_of(uneven, late=1.0), plan_that_changes_daily(uneven))) == ["planned"] * 2


def test_a_plan_is_preferred_to_equally_good_typical_trips():
    assert sources(history_of(rows_of(same, late=1.0), plan_of_departures(uneven(1)))) == ["planned"] * 2


def test_typical_trips_are_used_where_trains_do_not_follow_the_plan():
    assert sources(history_of(rows_of(same), plan_of_departures(uneven(2)))) == ["typical", "typical"]


def test_no_trips_are_used_where_trains_follow_no_plan_and_nothing_recurs():
    def others(number):
        return uneven(number + 50)

    assert sources(history_of(rows_of(uneven), plan_that_changes_daily(others))) == ["none", "none"]


def test_each_direction_has_its_own_source():
    kept = [row for row in rows_of(uneven) if row[2] == 1]
    again = [row for row in rows_of(same) if row[2] == 0]
    assert sources(history_of([*kept, *again])) == ["typical", "none"]


def test_even_trains_need_no_trips():
    def even(number):
        return range(360, 660, 10)

    assert sources(history_of(rows_of(even))) == ["none", "none"]


@pytest.mark.parametrize("days", [WEEK[:1], [WEEK[0], WEEK[5], WEEK[6]]])
def test_one_day_of_each_type_validates_a_plan_but_no_typical_trips(days):
    planned = history_of(rows_of(uneven), plan_that_changes_daily(uneven))
    assert sources(planned, days) == ["planned", "planned"]
    assert sources(history_of(rows_of(same)), days) == ["none", "none"]


def test_a_day_without_passings_in_one_direction_judges_nothing():
    closed = [row for row in rows_of(same) if row[2] == 0 or row[0] not in WEEK[2:4]]
    assert sources(history_of(closed)) == ["typical", "typical"]


def test_a_date_without_passings_judges_nothing():
    history = history_of([row for row in rows_of(same) if row[0] != WEEK[3]])
    observed = last_logged_minutes(history.passings)
    attributes = dict(history.grid.attrs)
    gap = build_history(history.passings, history.line, None, WEEKDAYS, observed, attributes)
    assert sources(gap) == ["typical", "typical"]
    assert sources(gap, WEEK[3:4]) == ["none", "none"]


def test_of_a_direction_that_no_training_day_served_nothing_is_expected():
    history = history_of([row for row in rows_of(same) if row[2] == 0 or row[0] == TODAY])
    prior = fit_prior(history.select(WEEKDAYS))
    assert [trip_source.source for trip_source in prior.trips] == ["typical", "none"]
    found = prior.direction_days(history, TODAY)[1].expected(500, 15)
    assert not np.isfinite(found.minutes).any()


def test_a_day_type_without_training_days_has_no_typical_trips():
    prior = fit_prior(history_of(rows_of(same)).select(WEEKDAYS))
    history = history_of(rows_of(same))
    assert len(prior.direction_days(history, TODAY)[0].matched.trips.minutes) == 30
    assert prior.direction_days(history, WEEK[6])[0].matched.trips is None


def test_planned_trips_have_their_typical_lateness():
    late = [(*row[:5], row[5] + 2.0) for row in rows_of(uneven)]
    history = history_of(late, plan_that_changes_daily(uneven))
    day = fit_prior(history.select(WEEKDAYS)).direction_days(history, TODAY)[0]
    np.testing.assert_allclose(day.matched.trips.minutes[:, 0], np.array(uneven(4)) + 2)
    np.testing.assert_allclose(day.matched.trips.minutes[:, 3] - day.matched.trips.minutes[:, 0], 6)
    assert fit_prior(history.select(WEEKDAYS)).trips[0].source == "planned"


@pytest.mark.parametrize("plan", [None, plan_of_departures(uneven(1))])
def test_fitting_twice_gives_the_same_and_storage_keeps_it(plan):
    training = history_of(rows_of(same, late=1.0), plan).select(WEEKDAYS)
    first, second = fit_prior(training).state(), fit_prior(training).state()
    stored = PhysicsPrior.from_state({name: values.copy() for name, values in first.items()}).state()
    assert first.keys() == second.keys() == stored.keys()
    for name, values in first.items():
        np.testing.assert_array_equal(values, second[name])
        np.testing.assert_array_equal(values, stored[name])


@pytest.fixture(scope="module")
def training():
    return history_of(regular_rows(days=WEEK, noise=1.0))


def assert_same(first, second):
    first, second = first.state(), second.state()
    assert first.keys() == second.keys()
    for name, values in first.items():
        np.testing.assert_array_equal(values, second[name])


@given(st.integers(0, 30), st.integers(1, 8))
def test_folds_hold_every_day_once_and_are_even(days, count):
    dates = [MONDAY + timedelta(days=k) for k in range(days)]
    folds = folds_of(dates, count)
    assert sorted(day for fold in folds for day in fold) == dates
    assert len(folds) == min(count, days)
    assert {len(fold) for fold in folds} <= {days // count, days // count + 1} or days < count


def test_neighbouring_days_are_in_different_folds():
    assert folds_of(WEEK, 3) == [[WEEK[0], WEEK[3], WEEK[6]], [WEEK[1], WEEK[4]], [WEEK[2], WEEK[5]]]


def test_the_prior_of_a_day_is_fitted_without_its_fold(training):
    priors = cross_fit_priors(training, count=3)
    assert sorted(priors) == WEEK
    for fold in folds_of(WEEK, 3):
        without = fit_prior(training.select([day for day in WEEK if day not in fold]))
        for day in fold:
            assert_same(priors[day], without)


def test_as_many_folds_as_days_leave_one_out_each(training):
    few = training.select(WEEK[:3])
    priors = cross_fit_priors(few)
    for day in WEEK[:3]:
        assert_same(priors[day], fit_prior(few.select([d for d in WEEK[:3] if d != day])))


def test_a_cross_fit_prior_does_not_depend_on_its_own_day(training):
    other = history_of(
        [row for row in regular_rows(days=WEEK, noise=1.0) if row[0] != WEEK[2]]
        + regular_rows(days=[WEEK[2]], noise=3.0, headway=7.0, seed=8)
    )
    first, second = (cross_fit_priors(history, count=3) for history in (training, other))
    assert_same(first[WEEK[2]], second[WEEK[2]])
    with pytest.raises(AssertionError):
        assert_same(first[WEEK[1]], second[WEEK[1]])


def test_a_single_day_can_only_know_itself(training):
    day = training.select(WEEK[:1])
    assert_same(cross_fit_priors(day)[WEEK[0]], fit_prior(day))
