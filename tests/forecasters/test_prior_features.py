"""Prior features of all platforms of a line with a station that only one direction serves."""

from datetime import timedelta

import numpy as np
import pytest

from headway_prediction.forecasters.base import LEADS
from headway_prediction.forecasters.baselines import Climatology
from headway_prediction.forecasters.physics.arrival_residuals import ArrivalResiduals, inputs_width
from headway_prediction.forecasters.physics.expected_trains import DirectionDay, expected_headways
from headway_prediction.forecasters.physics.fit_prior import fit_prior
from headway_prediction.forecasters.physics.matched_trains import MatchedTrains
from headway_prediction.forecasters.prior_features import FittedPrior, train_channels
from headway_prediction.forecasters.propagation import Propagation
from headway_prediction.forecasters.trip_propagation import TripPropagation
from headway_prediction.nn.prior_channels import (
    CHANNELS_WIDTH,
    FAR_MINS,
    FORECASTS,
    NEXT_TRAINS,
    PLATFORM_CHANNELS,
    TRAIN_CHANNELS,
    prior_width,
)
from headway_prediction.nn.prior_channels import TRAINS_WIDTH as TRAINS
from helpers.lines import MONDAY, regular_rows, train
from helpers.trips import NAN, NO_FOLLOWING, history_of, runs, table

WEEK = [MONDAY + timedelta(days=k) for k in range(4)]


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


def test_origins_together_have_the_features_of_each_alone(one_way_station):
    """Bit for bit, with arrival residuals too: a forecast does not depend on the others that are made with it."""
    prior, random = fit_prior(one_way_station.select(WEEK[:3])), np.random.default_rng(0)
    weights = random.normal(0.0, 0.3, (inputs_width(4), 4)).astype(np.float32)
    source = FittedPrior(prior, ArrivalResiduals(4, ((weights, np.array([0, 0, 0, 1], np.float32)),)))
    origins = np.arange(380, 720, 7)
    together = source.channels(one_way_station, WEEK[3], origins)
    alone = [source.channels(one_way_station, WEEK[3], origins[[place]]) for place in range(len(origins))]
    np.testing.assert_array_equal(together, np.concatenate(alone))


def test_the_channels_of_every_platform(one_way_station):
    prior = fit_prior(one_way_station.select(WEEK[:3]))
    origins = np.array([5, 412, 650, 1619])
    cells = FittedPrior(prior).channels(one_way_station, WEEK[3], origins)
    assert cells.shape == (4, 4, 2, prior_width(LEADS)) and cells.dtype == np.float32
    assert TRAINS + len(PLATFORM_CHANNELS) + len(FORECASTS) * LEADS == prior_width(LEADS)
    assert np.isfinite(cells).all()
    for direction in (0, 1):
        day = prior.direction_days(one_way_station, WEEK[3])[direction]
        order = one_way_station.line.travel_order(direction)
        found = cells[1, order, direction, :TRAINS].reshape(len(order), NEXT_TRAINS, -1)
        coming = day.expected(412, LEADS)
        times = ArrivalResiduals.none().times(day, direction, coming, 412)
        channels = train_channels(coming, times, day.matched.last_observed(412), 412)
        np.testing.assert_array_equal(found, channels)


def test_platform_channels_by_hand(one_way_station):
    prior = fit_prior(one_way_station.select(WEEK[:3]))
    cells = FittedPrior(prior).channels(one_way_station, WEEK[3], np.array([500, 1500]))[
        ..., TRAINS:CHANNELS_WIDTH
    ]
    # run_from, run_to, typical_headway, served: two minutes between stations, trains every ten minutes.
    assert cells[0, :, 0].tolist() == [[0, 2, 10, 1], [2, 2, 10, 1], [2, 2, 10, 1], [2, 0, 10, 1]]
    assert cells[0, [3, 2, 0], 1].tolist() == [[0, 2, 10, 1], [2, 2, 10, 1], [2, 0, 10, 1]]
    assert cells[1, 0, 0, 2] == 10  # nothing ran at 25:00: as where nothing is known


def test_at_a_platform_that_does_not_exist_no_train_comes(one_way_station):
    prior = fit_prior(one_way_station.select(WEEK[:3]))
    cells = FittedPrior(prior).channels(one_way_station, WEEK[3], np.arange(400, 700, 50))
    nowhere = cells[:, 1, 1]
    assert [name for name in one_way_station.line.station_names][1] == "X Street"
    arrives, *rest = np.moveaxis(nowhere[:, :TRAINS].reshape(-1, NEXT_TRAINS, len(TRAIN_CHANNELS)), -1, 0)
    assert (arrives == FAR_MINS).all() and not np.any(rest)
    np.testing.assert_array_equal(nowhere[:, TRAINS:CHANNELS_WIDTH], np.tile([0, 0, 10, 0], (6, 1)))
    assert (nowhere[:, CHANNELS_WIDTH:] == 10).all()  # as a forecast that is missing is scored


def test_what_simple_methods_forecast_comes_lead_by_lead(one_way_station):
    training, origins = one_way_station.select(WEEK[:3]), np.array([412, 655])
    prior = fit_prior(training)
    cells = FittedPrior(prior).channels(one_way_station, WEEK[3], origins)[..., CHANNELS_WIDTH:]
    methods = TripPropagation.fit(training), Propagation.fit(training), Climatology.fit(training)
    for place, method in enumerate(methods):
        assert method.name.replace("-", "_") == FORECASTS[place]
        forecast = method.forecast(one_way_station, WEEK[3], origins).mean
        own = cells[..., place * LEADS : (place + 1) * LEADS]
        np.testing.assert_array_equal(own, np.nan_to_num(np.moveaxis(forecast, 1, -1), nan=10))


def test_no_train_is_expected_on_a_day_without_passings_and_trips():
    rows = regular_rows(days=WEEK)
    history = history_of(rows)
    prior = fit_prior(history.select(WEEK[:1]))
    quiet = history.as_of(WEEK[3], 100)
    cells = FittedPrior(prior).channels(quiet, WEEK[3], np.array([400]))
    assert (cells[..., :TRAINS].reshape(4, 2, NEXT_TRAINS, -1)[..., 0] == FAR_MINS).all()


def test_the_channels_know_nothing_of_what_comes(one_way_station):
    prior = fit_prior(one_way_station.select(WEEK[:3]))
    for t0 in (300, 411, 412, 700):
        whole, known = (
            FittedPrior(prior).channels(part, WEEK[3], np.array([t0]))
            for part in (one_way_station, one_way_station.as_of(WEEK[3], t0))
        )
        assert whole.tobytes() == known.tobytes()


TRIPS = table([400, 402, 404, 406], [410, 412, 414, 416], [420, 422, 424, 426])
TYPICAL = np.full((54, 4), 10.0)


def channels(*trains, t0, trips=TRIPS):
    """Per position and next train: its channels by name."""
    day = DirectionDay(MatchedTrains(table(*trains), runs(), trips, TYPICAL), NO_FOLLOWING)
    expected = day.expected(t0, 15)
    found = train_channels(
        expected, ArrivalResiduals.none().times(day, 0, expected, t0), day.matched.last_observed(t0), t0
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


def test_an_overdue_train_has_minutes_overdue():
    first = channels(THROUGH, SLOW, t0=417)[2][0]  # expected at 416, now 418
    assert (first["arrives_in"], first["overdue"], first["late"], first["headway"]) == (0, 2, 2, 14)


def test_a_first_train_has_no_headway():
    first, second = channels(t0=405)[0][:2]
    assert (first["arrives_in"], first["headway"], first["has_headway"]) == (0, 0, 0)  # 400 leaves at once
    assert (second["arrives_in"], second["headway"], second["has_headway"]) == (4, 4, 1)


def test_without_trips_departures_at_typical_headways_are_the_next_trains():
    first, second = channels(THROUGH, t0=407, trips=None)[3][:2]
    assert (first["arrives_in"], first["headway"], first["on_trip"]) == (8, 10, 0)
    assert (second["arrives_in"], second["under_way"]) == (18, 0)


def test_expected_headways_hold_from_train_to_train():
    day = DirectionDay(MatchedTrains(table(THROUGH, SLOW), runs(), TRIPS, TYPICAL), NO_FOLLOWING)
    ahead = expected_headways(day, day.expected(415, 15), 415, 15)
    np.testing.assert_array_equal(ahead[:, 2], [12] * 8 + [8] * 7)  # 416, 424
    np.testing.assert_array_equal(ahead[:, 1], [NAN] * 6 + [8] * 9)  # 422
    np.testing.assert_array_equal(expected_headways(day, day.expected(415, 60), 415, 60)[:15], ahead)
