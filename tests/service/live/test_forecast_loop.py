"""The forecast loop: its schedule, what it publishes at each status of the feed, and what it does when parts fail."""

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest

from headway_prediction.bundle.bundle import Bundle
from headway_prediction.forecasters.base import Forecast
from headway_prediction.forecasters.baselines import by_minute
from headway_prediction.forecasters.rollout import Rollout
from headway_prediction.forecasters.st_convnet import STConvNetForecaster
from headway_prediction.service.live.forecast_loop import FeedState, LoopSchedule
from headway_prediction.service.live.line_state import is_missing_trains
from headway_prediction.service.live.live_scores import LiveScorer
from headway_prediction.service.live.published import Level, PublishedForecast
from headway_prediction.transit.clock import instant
from helpers.service_line import METHODS, LoggedLine

FRIDAY = date(2025, 9, 12)


@pytest.fixture(scope="module")
def bundle(small_line):
    return Bundle.load(small_line / "bundle")


@pytest.fixture
def line(small_line, bundle):
    return LoggedLine(bundle, small_line / "arrivals.parquet", FRIDAY)


def width(published: PublishedForecast) -> np.ndarray:
    return published.forecast.quantiles[0.9] - published.forecast.quantiles[0.1]


def test_it_publishes_what_the_forecast_command_gives(line):
    published = line.minute(500)
    at = instant(line.service_date, 501, line.bundle.line.time_zone)
    rows = line.bundle.predict(line.log, at)
    platforms = line.bundle.line.platforms()
    cells = published.forecast.forecast.quantiles[0.5][
        0, :, platforms["station"].to_numpy(), platforms["direction"].to_numpy()
    ]
    np.testing.assert_array_equal(rows["headway_p50"].to_numpy().reshape(15, -1), cells.T)
    assert published.status.level is Level.LIVE and published.status.reasons == ()
    assert (published.forecast.t0, published.forecast.leads, published.hour.leads) == (500, 15, 60)


def test_each_forecast_is_saved_once(line):
    line.minute(500)
    assert sorted((published.method, published.leads) for published in line.saved) == sorted(
        [*((name, 15) for name in METHODS), ("st-convnet-60", 60)]
    )
    assert all(PublishedForecast.from_bytes(published.to_bytes()).t0 == 500 for published in line.saved)


def test_the_state_has_three_hours_and_the_trains_of_one(line):
    state = line.minute(500).state
    assert state.minutes.tolist() == list(range(321, 501)) and state.headway.shape == (180, 5, 2)
    passed = [
        (train.direction, station, minute) for train in state.trains for station, minute in train.passed
    ]
    assert len(passed) == len(set(passed)) == state.arrived[-60:].sum()
    assert all(441 <= minute < 501 for _, _, minute in passed)
    assert all(state.arrived[int(minute) - 321, station, direction] for direction, station, minute in passed)
    ids = set(line.log["trip_id"])
    assert {train.train for train in state.trains if train.passed} <= ids
    for train in state.trains:
        stations = [station for station, _ in (*train.passed, *train.expected)]
        assert stations == sorted(stations, reverse=train.direction == 1)
        assert all(498 <= minute < 561 for _, minute in train.expected)
    assert np.isfinite(state.typical).all()


def test_a_silent_feed_is_continued_with_ever_wider_intervals(line):
    live = line.minute(500).forecast
    silent = [line.minute(t0, silent=True) for t0 in range(501, 511)]
    assert [published.status.level for published in silent] == [Level.LIVE] * 2 + [Level.STALE] * 8
    widths = [width(published.forecast) for published in silent[2:]]
    for narrower, wider, after in zip(widths, widths[1:], silent[3:], strict=False):
        # Ends of intervals are clipped to 0 and the cap.
        free = (after.forecast.forecast.quantiles[0.1] > 0) & (after.forecast.forecast.quantiles[0.9] < 30)
        assert (wider >= narrower - 1e-4)[free].all() and free.mean() > 0.5
    assert widths[-1].mean() > widths[0].mean() > width(live).mean()
    assert all(published.hour.leads == 60 for published in silent)


def test_after_ten_minutes_it_publishes_typical_headways_and_their_spread(line):
    line.minute(500)
    published = line.minute(511, silent=True)
    assert published.status.level is Level.CLIMATOLOGY and "typical" in published.status.reasons[0]
    climatology = line.bundle.statistics.methods["climatology"]
    typical = by_minute(climatology.medians[0])[512:527]
    typical = np.where(np.isfinite(typical), typical, 10.0)
    quantiles = published.forecast.forecast.quantiles
    np.testing.assert_allclose(quantiles[0.5][0], typical, rtol=1e-6)
    lowest = by_minute(climatology.spread[0, 0])[512]
    np.testing.assert_allclose(quantiles[0.1][0, 0], np.minimum(lowest, typical[0]), rtol=1e-6)
    assert np.isnan(published.state.headway[-1]).all()


def test_it_recovers_from_an_outage_and_no_headway_spans_it(line):
    line.minute(500)
    line.minute(560, silent=True)
    levels = {t0: line.minute(t0).status.level for t0 in (561, 575, 591, 592)}
    assert levels == {561: Level.STARTING, 575: Level.STARTING, 591: Level.LIVE, 592: Level.LIVE}
    state = line.minute(575).state
    silent = (state.minutes >= 501) & (state.minutes <= 561)
    assert np.isnan(state.headway[silent]).all()
    after = state.minutes > 561
    assert np.nanmax(state.headway[after]) < 20  # the outage lasted 60


def test_a_short_silence_is_no_outage(line):
    line.minute(500)
    line.minute(505, silent=True)
    assert line.minute(506).status.level is Level.LIVE
    assert line.feed_state().attributes == {}


def test_the_first_half_hour_is_starting(small_line, bundle):
    line = LoggedLine(bundle, small_line / "arrivals.parquet", FRIDAY, known_from=490)
    first = line.minute(500)
    assert first.status.level is Level.STARTING and "11 of the 30 minutes" in first.status.reasons[0]
    assert line.minute(519).status.level is Level.LIVE


def test_before_any_data_it_publishes_typical_headways(line):
    line.at = line.moment(501)
    published = line.forecast_loop.run_minute(FeedState(line.log.clear(), None, None), line.at)
    assert published.status.level is Level.CLIMATOLOGY and published.forecast.leads == 15
    assert published.alerts == ()


class Broken(STConvNetForecaster):
    """Forecasts headways that fail a check."""

    def forecast(self, history, service_date, origins):
        return Forecast(service_date, origins, *cells_of(-3.0, 15))


def test_a_forecast_that_fails_a_check_is_withheld_and_the_last_one_stays(line, monkeypatch):
    good = line.minute(500)
    monkeypatch.setattr(STConvNetForecaster, "forecast", Broken.forecast)
    withheld = line.minute(501)
    assert withheld.status.level is Level.WITHHELD
    assert any("from -3.0" in reason for reason in withheld.status.reasons)
    assert withheld.forecast is good.forecast and withheld.hour is good.hour
    assert not [
        published
        for published in line.saved
        if published.t0 == 501 and published.method.startswith("st-convnet")
    ]
    monkeypatch.undo()
    assert line.minute(502).status.level is Level.LIVE


def test_a_line_without_its_typical_trains_is_noticed(line, bundle):
    seen = [is_missing_trains(bundle, line.minute(t0).state) for t0 in (200, 330, 500)]
    assert seen == [False] * 3
    empty = replace(line.feed_state(), log=line.log.clear())
    unseen = {t0: line.forecast_loop.run_minute(empty, line.moment(t0 + 1)).state for t0 in (200, 320, 500)}
    # At night there are none, and early in the morning none have run yet.
    assert {t0: is_missing_trains(bundle, state) for t0, state in unseen.items()} == {
        200: False,
        320: False,
        500: True,
    }


def test_passings_at_unknown_stops_are_ignored(line):
    line.minute(500)
    off_line = line.log.with_columns(stop_id=pl.lit("elsewhere"))
    feed_state = line.feed_state()
    published = line.forecast_loop.run_minute(
        replace(feed_state, log=pl.concat([feed_state.log, off_line])), line.at
    )
    assert published.status.level is Level.LIVE


def test_a_withheld_hour_leaves_the_previous_one_with_the_reason(line, monkeypatch):
    before = line.minute(500).hour
    monkeypatch.setattr(Rollout, "forecast", wild_hour)
    published = line.minute(501)
    assert published.status.level is Level.LIVE and published.forecast.t0 == 501
    assert published.hour.t0 == 500 and published.hour.forecast is before.forecast
    assert published.hour.status.level is Level.WITHHELD
    assert any("from -3.0" in reason for reason in published.hour.status.reasons)
    assert any(reason.startswith("60 minutes: ") for reason in published.status.reasons)
    monkeypatch.undo()
    assert line.minute(502).hour.status.level is Level.LIVE


def test_an_hour_that_raises_does_not_affect_the_next_fifteen_minutes(line, monkeypatch):
    line.minute(500)
    monkeypatch.setattr(Rollout, "forecast", failing)
    published = line.minute(501)
    assert (published.status.level, published.forecast.t0) == (Level.LIVE, 501)
    assert (published.hour.status.level, published.hour.t0) == (Level.WITHHELD, 500)
    assert line.publisher.latest(line.bundle.line.line_id)[1] is published
    assert line.issues.current() == ("60 minutes: no more",)
    monkeypatch.undo()
    line.minute(502)
    assert line.issues.current() == ()


def test_a_network_that_raises_leaves_the_state_of_the_line(line, monkeypatch):
    good = line.minute(500)
    monkeypatch.setattr(STConvNetForecaster, "forecast", failing)
    withheld = line.minute(501)
    assert withheld.status.level is Level.WITHHELD and withheld.status.reasons == ("the forecast failed",)
    assert withheld.state.t0 == 501 and withheld.forecast is good.forecast
    assert line.issues.current() == ("15 minutes: no more",)


def test_scores_that_raise_do_not_affect_the_forecasts(line, monkeypatch):
    line.minute(500)
    monkeypatch.setattr(LiveScorer, "score_settled", failing)
    published = line.minute(501)
    assert published.status.level is Level.LIVE and published.hour.status.level is Level.LIVE
    assert line.issues.current() == ("scores: no more",)


def test_the_state_of_the_previous_service_date_is_not_continued(small_line, bundle):
    line = LoggedLine(bundle, small_line / "arrivals.parquet", FRIDAY)
    line.outages.record(line.moment(178))
    line.at = line.moment(181)
    published = line.forecast_loop.run_minute(line.feed_state(), line.at)
    assert published.status.level is Level.CLIMATOLOGY and published.status.data_age_secs == 180
    typical = bundle.method("climatology").forecast(None, FRIDAY, np.array([180]))
    np.testing.assert_array_equal(published.forecast.forecast.mean, typical.mean)


def cells_of(value: float, leads: int) -> tuple[np.ndarray, dict[float, np.ndarray]]:
    cells = np.full((1, leads, 5, 2), value)
    return cells, {0.1: cells, 0.5: cells, 0.9: cells}


def wild_hour(_method, _history, service_date, origins) -> Forecast:
    return Forecast(service_date, origins, *cells_of(-3.0, 60))


def failing(*_: object) -> None:
    raise RuntimeError("no more")


def test_the_first_poll_after_a_minute_makes_it_due():
    schedule = LoopSchedule(started_at=600.0)
    assert schedule.due(None, 610.0) is None
    assert schedule.due(605.0, 610.0) == 600.0
    assert schedule.due(659.9, 660.0) is None
    assert schedule.due(660.0, 660.5) == 660.0
    assert schedule.due(675.0, 675.0) is None


def test_without_a_poll_it_is_due_twenty_seconds_later():
    schedule = LoopSchedule(started_at=600.0)
    assert schedule.due(655.0, 655.0) == 600.0
    assert schedule.due(655.0, 679.0) is None
    assert schedule.due(655.0, 680.0) == 660.0


def test_the_first_poll_is_waited_for():
    schedule = LoopSchedule(started_at=630.0)
    assert schedule.due(None, 649.0) is None
    assert schedule.due(None, 650.0) == 600.0


def test_of_several_minutes_the_newest_is_due():
    schedule = LoopSchedule(started_at=600.0)
    assert [schedule.due(at, at) for at in (600.0, 1000.0, 1019.0)] == [600.0, 960.0, None]


def test_time_that_stands_still_or_runs_backwards_makes_no_minute_due():
    schedule = LoopSchedule(started_at=600.0)
    assert [schedule.due(at, at) for at in (7200.0, 3600.0, 3660.0, 7260.0)] == [7200.0, None, None, 7260.0]
