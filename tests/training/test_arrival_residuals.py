from datetime import timedelta

import numpy as np
import pytest

from headway_prediction.forecasters.physics.arrival_residuals import (
    ARRIVAL_FEATURE_COUNT,
    DEFAULT_SPREAD_MINS,
    TRAIN_FEATURE_COUNT,
    ArrivalResiduals,
    arrival_features,
    arrival_inputs,
    inputs_width,
)
from headway_prediction.forecasters.physics.expected_trains import DirectionDay
from headway_prediction.forecasters.physics.fit_prior import cross_fit_priors, fit_prior
from headway_prediction.forecasters.physics.matched_trains import MatchedTrains
from headway_prediction.forecasters.prior_features import FittedPrior
from headway_prediction.nn.prior_channels import TRAIN_CHANNELS
from headway_prediction.training.arrival_residuals import MIN_ROWS, train_arrival_residuals
from headway_prediction.training.arrival_samples import actual_arrivals, arrival_samples
from helpers.lines import MONDAY, train
from helpers.trips import NAN, NO_FOLLOWING, history_of, runs, table

TRIPS = table([400, 402, 404, 406], [410, 412, 414, 416], [420, 422, 424, 426])
USUAL = np.full((54, 4), 10.0)
THROUGH, SLOW = [400, 402, 404, 406], [411, 414, 419, 421]
DAYS = [MONDAY + timedelta(days=k) for k in (0, 1, 2, 3, 4, 7, 8, 9)]
PAST, TODAY = DAYS[:7], DAYS[7]
"""Weekdays all: of each kind of day its own trips are known."""
T0 = 415


@pytest.fixture
def day():
    return DirectionDay(MatchedTrains(table(THROUGH, SLOW), runs(), TRIPS, USUAL), NO_FOLLOWING)


def always(minutes: float, positions: int = 4, logit: float = 3.0) -> ArrivalResiduals:
    """A correction by the same minutes everywhere, of trains that may be a minute earlier and two later."""
    biases = np.array([minutes, np.log(np.expm1(1.0)), np.log(np.expm1(2.0)), logit])
    return ArrivalResiduals(positions, ((np.zeros((inputs_width(positions), 4)), biases),))


def test_features_of_a_train_under_way_and_of_one_that_has_not_left(day):
    # At the end of minute 415 the second train is seen last at B, 2 minutes late, a minute of it since A.
    features = arrival_features(day, day.expected(T0, 15), T0)
    assert features.rows.shape == (6, ARRIVAL_FEATURE_COUNT) and features.rows.dtype == np.float32
    assert list(zip(features.position.tolist(), features.minutes.tolist(), strict=True)) == [
        (0, 420), (1, 422), (2, 416), (3, 418), (2, 424), (3, 426),
    ]  # fmt: skip
    assert features.observed.tolist() == [-1, -1, 1, 1, -1, -1]
    late, slow = np.tanh(1.0), 1 / 4
    at_c = features.rows[2]
    np.testing.assert_allclose(
        at_c[:TRAIN_FEATURE_COUNT], [1, 0.4, 0, late, 0.4, 1, slow, 0.5, 0.5], rtol=1e-6
    )
    assert not at_c[TRAIN_FEATURE_COUNT : 2 * TRAIN_FEATURE_COUNT].any()  # no train is expected before it
    gap = 416 - 404
    np.testing.assert_allclose(at_c[-5:-2], [gap / 10, 1 / (1 + gap), 1], rtol=1e-6)
    assert not at_c[-7:-5].any()  # the first train, which alone ran from B to C, took as long as usual
    # The third trip at C is 8 minutes behind the second train, which is a station away from there.
    behind = features.rows[4]
    np.testing.assert_allclose(
        behind[TRAIN_FEATURE_COUNT : 2 * TRAIN_FEATURE_COUNT], at_c[:TRAIN_FEATURE_COUNT]
    )
    np.testing.assert_allclose(behind[-9:-7], [0, 0.1], rtol=1e-6)
    np.testing.assert_allclose(behind[-5:-2], [0.8, 1 / 9, 1], rtol=1e-6)


def test_delays_of_previous_trains_are_features_of_the_way_ahead():
    """The first train took a minute longer from B to C, and then two from C to D; the next one is at B now."""
    slow = DirectionDay(
        MatchedTrains(table([400, 402, 405, 409], [410, 412, NAN, NAN]), runs(), TRIPS, USUAL), NO_FOLLOWING
    )
    features = arrival_features(slow, slow.expected(412, 15), 412)
    at_c, at_d = features.rows[(features.place[0] == 0) & (features.observed == 1)]
    weight = np.exp([-(413 - 405) / 12, -(413 - 409) / 12])
    np.testing.assert_allclose(at_c[-7:-5], [1, weight[0] / (weight[0] + 0.3)], rtol=1e-6)
    np.testing.assert_allclose(
        at_d[-7:-5], [3, weight[0] / (weight[0] + 0.3) + 2 * weight[1] / (weight[1] + 0.3)], rtol=1e-6
    )


def test_where_no_train_has_passed_there_is_no_gap(day):
    fresh = DirectionDay(MatchedTrains(table([NAN] * 4), runs(), TRIPS, USUAL), NO_FOLLOWING)
    features = arrival_features(fresh, fresh.expected(395, 15), 395)
    first = features.position == 0
    assert features.rows[first][0, -5:-2].tolist() == [0, 1, 0]


def test_trains_arrive_as_corrected_but_not_in_the_past(day):
    expected = day.expected(T0, 15)
    later = always(1.5).times(day, 0, expected, T0)
    np.testing.assert_array_equal(later.minutes, expected.minutes + 1.5)
    np.testing.assert_allclose(later.earliest, expected.minutes + 0.5)
    np.testing.assert_allclose(later.latest, expected.minutes + 3.5)
    earlier = always(-3.0).times(day, 0, expected, T0)
    assert (
        earlier.minutes[0, 2] == T0 + 1 and earlier.minutes[0, 3] == T0 + 1 and earlier.minutes[1, 2] == 421
    )
    assert earlier.earliest[0, 3] == T0 + 1 and earlier.earliest[1, 2] == 420
    assert np.isinf(earlier.minutes[0, :2]).all() and np.isinf(earlier.latest[0, :2]).all()
    np.testing.assert_allclose(later.arrival_probability[np.isfinite(later.minutes)], 1 / (1 + np.exp(-3)))


def test_trains_that_probably_do_not_arrive_are_not_expected(day):
    times = always(0.0, logit=-1.0).times(day, 0, day.expected(T0, 15), T0)
    assert np.isinf(times.minutes).all()


def test_residuals_of_none_change_nothing(day):
    expected = day.expected(T0, 15)
    times = ArrivalResiduals.none().times(day, 0, expected, T0)
    np.testing.assert_array_equal(times.minutes, expected.minutes)
    np.testing.assert_array_equal(times.latest, expected.minutes + DEFAULT_SPREAD_MINS)
    assert (times.arrival_probability == 1).all()
    np.testing.assert_array_equal(times.earliest[1], expected.minutes[1] - DEFAULT_SPREAD_MINS)


def test_inputs_distinguish_positions_of_both_directions(day):
    features = arrival_features(day, day.expected(T0, 15), T0)
    one, other = (arrival_inputs(features, direction, 4)[:, ARRIVAL_FEATURE_COUNT:] for direction in (0, 1))
    assert one.shape == (6, 18) and (one.sum(axis=1) == 2).all() and not (one * other).any()
    assert np.flatnonzero(one[2]).tolist() == [2, 8 + 2]  # at C, seen at B


def test_layers_are_rectified_and_survive_their_state():
    layers = (
        (np.array([[1.0], [-1.0]]), np.array([0.5])),
        (np.array([[2.0, 1, 0, 1]]), np.array([-1.0, 0, 0, -1.5])),
    )
    arrivals = ArrivalResiduals(7, layers)
    inputs = np.array([[1.0, 0.0], [0.0, 2.0]])
    late, spread, comes = arrivals.predict(inputs)
    assert late.tolist() == [2.0, -1.0]
    np.testing.assert_allclose(comes, [0.5, 1 / (1 + np.exp(1.5))])
    np.testing.assert_allclose(spread, np.log([[1 + np.exp(1.5), 2], [2, 2]]))
    again = ArrivalResiduals.from_state(arrivals.state())
    assert again.positions == 7 and again.predict(inputs).late.tolist() == [2.0, -1.0]
    assert ArrivalResiduals.from_state(ArrivalResiduals.none().state()) == ArrivalResiduals.none()


def test_samples_hold_the_arrivals_of_expected_trains(day):
    expected = day.expected(T0, 15)
    assert actual_arrivals(day, expected, T0).tolist()[0] == SLOW
    assert np.isnan(actual_arrivals(day, expected, T0)[1]).all()  # nobody ran the third trip
    no_trips = DirectionDay(
        MatchedTrains(table(THROUGH, SLOW, [423, 425, 427, 429]), runs(), None, USUAL), NO_FOLLOWING
    )
    waiting = actual_arrivals(no_trips, no_trips.expected(T0, 15), T0)
    assert waiting[1].tolist() == [423, 425, 427, 429]


def rows_of(late_of_train, days=DAYS):
    """Trains at uneven minutes, the same every day, late at A to G by what `late_of_train` draws; those back are on time."""
    rows, starts = [], np.cumsum([400, *([5, 13, 8, 4, 10] * 12)]).tolist()
    for day in days:
        for number, start in enumerate(starts):
            own = train(f"t{number}", "ABCDEFG", start, day=day)
            rows += [(*row[:-1], row[-1] + late) for row, late in zip(own, late_of_train(), strict=True)]
            rows += train(f"b{number}", "GFEDCBA", start, day=day, direction=1)
    return rows


def stalling_rows(days=DAYS, seed=0):
    """A third of the trains stop for 3 minutes after C; all go on late, but make up half of it at F."""
    random = np.random.default_rng(seed)

    def late():
        return 3 * (random.random() < 1 / 3) * np.array([0, 0, 0, 1, 1, 0.5, 0.5]) + random.normal(0, 0.1, 7)

    return rows_of(late, days)


@pytest.fixture(scope="module")
def stalling():
    return history_of(stalling_rows())


@pytest.fixture(scope="module")
def learned(stalling):
    training = stalling.select(PAST)
    return train_arrival_residuals(training, cross_fit_priors(training))


def test_residuals_capture_where_late_trains_catch_up(stalling, learned):
    """Of how wrong late trains seen at D or E were expected at F and G, a minute and a half at F, less than 0.4 is left."""
    prior = next(iter(cross_fit_priors(stalling.select(PAST)).values()))
    day, off, left = prior.direction_days(stalling, TODAY)[0], [], []
    for t0 in range(420, 880):
        expected = day.expected(t0, 15)
        seen, minutes = expected.features[:, 2], day.matched.trains.minutes[expected.rows]
        late = ((seen == 3) | (seen == 4)) & (minutes[:, 3] - minutes[:, 0] > 6 + 2)
        real = actual_arrivals(day, expected, t0)[late, 5:]
        off.append(real - expected.minutes[late, 5:])
        left.append(real - learned[0].times(day, 0, expected, t0).minutes[late, 5:])
    off, left = (np.abs(np.concatenate(part)) for part in (off, left))
    assert len(off) > 20 and np.mean(off) > 0.7 and np.mean(left) < 0.4 * np.mean(off)


def test_a_train_that_does_not_run_is_a_sample_without_arrival():
    full = rows_of(lambda: np.zeros(7))
    prior = fit_prior(history_of(full).select(PAST))
    cancelled = [row for row in full if row[:2] != (TODAY, "t30")]
    whole, lacking = (
        arrival_samples(history_of(rows).select([TODAY]), {TODAY: prior}, {TODAY: 0}, 7)
        for rows in (full, cancelled)
    )
    assert whole.arrived.all() and 0 < (~lacking.arrived).mean() < 0.05


def test_residuals_capture_which_trains_turn_short():
    """Of the trains that run five minutes late at D, none goes on to F and G; all others do."""
    random = np.random.default_rng(0)

    def late():
        late = 5 * (random.random() < 1 / 3) * np.array([0, 0, 0, 1, 1, 1, 1]) + random.normal(0, 0.1, 7)
        return np.where((np.arange(7) > 4) & (late > 2.5), np.nan, late)

    history = history_of([row for row in rows_of(late) if np.isfinite(row[-1])])
    training = history.select(PAST)
    arrival_residuals, _ = train_arrival_residuals(training, cross_fit_priors(training))
    day, told = fit_prior(training).direction_days(history, TODAY)[0], {True: [], False: []}
    for t0 in range(420, 880):
        expected = day.expected(t0, 15)
        at_e = np.flatnonzero(expected.features[:, 2] == 4)
        real, times = actual_arrivals(day, expected, t0), arrival_residuals.times(day, 0, expected, t0)
        for row in at_e:
            told[bool(np.isfinite(real[row, 6]))].append(np.isfinite(times.minutes[row, 6]))
    assert min(map(len, told.values())) > 20
    assert np.mean(told[True]) > 0.8 and np.mean(told[False]) < 0.1


def test_the_residuals_of_a_day_are_fitted_on_other_days(stalling, learned):
    """The days of the other folds alone decide what a day is corrected with."""
    training = stalling.select(PAST)
    other = history_of(stalling_rows(DAYS[:1], seed=9) + stalling_rows()[len(stalling_rows(DAYS[:1])) :])
    priors = cross_fit_priors(training)
    again = train_arrival_residuals(other.select(PAST), priors)
    for before, after in zip(
        learned[1][DAYS[0]].state().values(), again[1][DAYS[0]].state().values(), strict=True
    ):
        np.testing.assert_array_equal(before, after)
    assert not np.array_equal(again[1][DAYS[1]].layers[0][0], learned[1][DAYS[1]].layers[0][0])


@pytest.mark.slow
def test_fitting_again_gives_the_same_bits(stalling, learned):
    training = stalling.select(PAST)
    again, _ = train_arrival_residuals(training, cross_fit_priors(training))
    for name, values in learned[0].state().items():
        np.testing.assert_array_equal(values, again.state()[name])


def test_too_few_samples_give_no_residuals(stalling):
    one = stalling.select(DAYS[:1])
    arrivals, by_day = train_arrival_residuals(one, cross_fit_priors(one))
    assert arrivals == ArrivalResiduals.none() and by_day == {DAYS[0]: ArrivalResiduals.none()}
    few = history_of([row for row in stalling_rows(DAYS[:2]) if row[-1] < 430])
    priors = cross_fit_priors(few)
    assert train_arrival_residuals(few, priors)[0] == ArrivalResiduals.none() and MIN_ROWS > 1000


def test_trains_without_trip_ids_have_no_residuals(stalling):
    unnamed = history_of([(row[0], "", *row[2:]) for row in stalling_rows()])
    assert train_arrival_residuals(unnamed, cross_fit_priors(unnamed))[0] == ArrivalResiduals.none()


def test_residuals_that_do_not_lower_the_error_are_not_used():
    """Every run takes as long as chance wills: from where a train was seen nothing else can be expected."""
    random = np.random.default_rng(1)
    history = history_of(rows_of(lambda: np.cumsum(random.normal(0, 0.3, 7))))
    arrivals, by_day = train_arrival_residuals(history, cross_fit_priors(history))
    assert arrivals == ArrivalResiduals.none() and set(by_day.values()) == {ArrivalResiduals.none()}


def test_lead_features_hold_corrected_minutes(stalling):
    prior = next(iter(cross_fit_priors(stalling.select(PAST)).values()))
    origins = np.array([500, 501])
    plain = FittedPrior(prior).channels(stalling, TODAY, origins)
    later = FittedPrior(prior, always(2.0, positions=7)).channels(stalling, TODAY, origins)
    arrives_in = TRAIN_CHANNELS.index("arrives_in")
    comes = plain[..., arrives_in] < 40
    assert comes.any()
    np.testing.assert_allclose(later[..., arrives_in][comes], plain[..., arrives_in][comes] + 2, atol=1e-4)
    earlier, at_most = TRAIN_CHANNELS.index("earlier_by"), TRAIN_CHANNELS.index("later_by")
    np.testing.assert_allclose(later[..., earlier][comes], 1, atol=1e-4)
    np.testing.assert_allclose(later[..., at_most][comes], 2, atol=1e-4)
