"""The trains of a history are found once, and nothing else changes."""

from datetime import date

import numpy as np
import pytest

from headway_prediction.bundle.bundle import Bundle
from headway_prediction.forecasters.physics.prior import PhysicsPrior
from headway_prediction.service.live.cache import with_cached_prior
from headway_prediction.service.live.live_line import prior_of
from helpers.service_line import LoggedLine

FRIDAY = date(2025, 9, 12)


@pytest.fixture(scope="module")
def bundle(small_line):
    return Bundle.load(small_line / "bundle")


def test_a_minute_is_the_same_and_finds_the_trains_of_each_history_once(small_line, bundle, monkeypatch):
    asked, find = [], PhysicsPrior.direction_days

    def finding(prior, history, service_date):
        asked.append(history)
        return find(prior, history, service_date)

    plain, once = (
        LoggedLine(given, small_line / "arrivals.parquet", FRIDAY)
        for given in (bundle, with_cached_prior(bundle))
    )
    monkeypatch.setattr(PhysicsPrior, "direction_days", finding)
    for t0 in (500, 501):
        asked.clear()
        expected = plain.minute(t0)
        assert len({id(history) for history in asked}) < len(asked)
        asked.clear()
        found = once.minute(t0)
        assert len({id(history) for history in asked}) == len(asked)
        for ours, theirs in ((found.forecast, expected.forecast), (found.hour, expected.hour)):
            np.testing.assert_array_equal(ours.forecast.mean, theirs.forecast.mean)
            np.testing.assert_array_equal(ours.forecast.quantiles[0.9], theirs.forecast.quantiles[0.9])
        assert found.state.trains == expected.state.trains and found.alerts == expected.alerts


def test_another_date_or_another_history_is_not_taken_for_the_one_at_hand(small_line, bundle):
    line = LoggedLine(bundle, small_line / "arrivals.parquet", FRIDAY)
    line.minute(500)
    first = line.forecast_loop.newest.history
    line.minute(530)
    second = line.forecast_loop.newest.history
    prior = prior_of(with_cached_prior(bundle))
    for history in (first, second, first):
        found, expected = (given.direction_days(history, FRIDAY) for given in (prior, prior_of(bundle)))
        for ours, theirs in zip(found, expected, strict=True):
            np.testing.assert_array_equal(ours.trains.minutes, theirs.trains.minutes)
    monday = prior.direction_days(first, date(2025, 9, 8))
    assert len(monday[0].trains.minutes) == 0
