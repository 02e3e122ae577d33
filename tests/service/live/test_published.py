"""Published forecasts survive their way into the store and back, and the publisher wakes the threads that wait."""

from dataclasses import replace
from datetime import date
from threading import Thread

import numpy as np
import pytest

from headway_prediction.forecasters.base import Forecast
from headway_prediction.service.live.published import (
    Level,
    LineForecast,
    LineState,
    PublishedForecast,
    Publisher,
    Status,
)


def a_forecast(leads: int = 15, stations: int = 3) -> PublishedForecast:
    mean = np.arange(leads * stations * 2, dtype=np.float32).reshape(1, leads, stations, 2)
    mean[0, 0, 0, 0] = np.nan
    forecast = Forecast(date(2026, 1, 13), np.array([510]), mean, {0.1: mean - 1, 0.5: mean, 0.9: mean + 1})
    status = Status(Level.STALE, ("no new data from the feed for 2 min 30 s",), 150.0)
    return PublishedForecast("garden-line", "st-convnet", 1768314660.5, status, forecast)


def test_a_published_forecast_comes_back_bit_for_bit():
    published = a_forecast()
    again = PublishedForecast.from_bytes(published.to_bytes())
    assert replace(again, forecast=published.forecast) == published
    assert (again.service_date, again.t0, again.leads) == (date(2026, 1, 13), 510, 15)
    np.testing.assert_array_equal(again.forecast.mean, published.forecast.mean)
    for level, quantile in published.forecast.quantiles.items():
        np.testing.assert_array_equal(again.forecast.quantiles[level], quantile)


def test_other_bytes_are_refused():
    with pytest.raises(ValueError):
        PublishedForecast.from_bytes(b"no forecast")


def test_a_thread_is_woken_by_its_own_line_only():
    publisher, woken = Publisher(), []
    waiting = Thread(target=lambda: woken.append(publisher.wait_for_newer("garden-line", 0, 10.0)))
    waiting.start()
    publisher.publish("other-line", a_line_forecast())
    publisher.publish("garden-line", a_line_forecast())
    waiting.join(10)
    assert woken == [1]
    assert publisher.latest("garden-line")[0] == 1
    assert publisher.latest("nowhere") == (0, None)
    assert publisher.wait_for_newer("garden-line", 1, 0.01) == 1


def a_line_forecast() -> LineForecast:
    past = np.full((60, 3, 2), np.nan)
    state = LineState(
        date(2026, 1, 13), 510, np.arange(451, 511), past, past, past > 0, np.full((120, 3, 2), 5.0), ()
    )
    return LineForecast(Status(Level.LIVE), 1768314660.0, state, a_forecast(), None, (), None)
