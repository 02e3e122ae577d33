"""The trains of a history are found once, and nothing else changes."""

from datetime import date

import numpy as np
import pytest

from headway_prediction.bundle.bundle import Bundle
from headway_prediction.forecasters.physics.prior import FirstGuess
from headway_prediction.service.live.cache import remembering
from headway_prediction.service.live.live_line import first_guess_of
from helpers.service_line import ToldLine

FRIDAY = date(2025, 9, 12)


@pytest.fixture(scope="module")
def bundle(small_line):
    return Bundle.load(small_line / "bundle")


def test_a_minute_is_the_same_and_finds_the_trains_of_each_history_once(small_line, bundle, monkeypatch):
    asked, find = [], FirstGuess.direction_days

    def finding(guess, history, service_date):
        asked.append(history)
        return find(guess, history, service_date)

    plain, once = (
        ToldLine(given, small_line / "arrivals.parquet", FRIDAY) for given in (bundle, remembering(bundle))
    )
    monkeypatch.setattr(FirstGuess, "direction_days", finding)
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
        assert found.state.trains == expected.state.trains and found.warnings == expected.warnings


def test_another_date_or_another_history_is_not_taken_for_the_one_at_hand(small_line, bundle):
    line = ToldLine(bundle, small_line / "arrivals.parquet", FRIDAY)
    line.minute(500)
    first = line.cycle.newest.history
    line.minute(530)
    second = line.cycle.newest.history
    guess = first_guess_of(remembering(bundle))
    for history in (first, second, first):
        found, expected = (given.direction_days(history, FRIDAY) for given in (guess, first_guess_of(bundle)))
        for ours, theirs in zip(found, expected, strict=True):
            np.testing.assert_array_equal(ours.trains.minutes, theirs.trains.minutes)
    monday = guess.direction_days(first, date(2025, 9, 8))
    assert len(monday[0].trains.minutes) == 0
