import numpy as np

from headway_prediction.forecasters.baselines import Persistence
from headway_prediction.grid.history import history_from_log
from headway_prediction.transit.line import Line
from helpers.lines import MONDAY, ZONE, log_of, regular_rows, train


def history_of(rows):
    log = log_of(rows)
    return history_from_log(log, Line.from_arrivals(log, ZONE))


def test_the_held_headway_stays_at_every_lead():
    rows = train("a", "AB", 400) + train("b", "AB", 407.5) + train("c", "BA", 400, direction=1)
    history = history_of(rows)
    forecast = Persistence.fit(history).forecast(history, MONDAY, np.array([408, 409]))
    assert forecast.mean.shape == (2, 15, 2, 2)
    assert forecast.mean.dtype == np.float32
    assert (forecast.mean[:, :, 0, 0] == 7.5).all()
    # At the end of minute 408 the second train (409.5) is not known at B; a platform without a headway is said to have 10.
    assert (forecast.mean[0, :, 1, 0] == 10).all()
    assert (forecast.mean[1, :, 1, 0] == 7.5).all()
    assert (forecast.mean[:, :, :, 1] == 10).all()
    assert forecast.quantiles[0.5] is forecast.mean
    assert forecast.origins.tolist() == [408, 409]


def test_long_headways_are_held_capped_and_after_service_too():
    rows = train("a", "AB", 400) + train("b", "AB", 450) + train("c", "BA", 400, direction=1)
    history = history_of(rows)
    assert (
        Persistence.fit(history).forecast(history, MONDAY, np.array([460, 600])).mean[:, :, 0, 0] == 30
    ).all()


def test_nothing_is_known_at_the_first_minute_and_the_last_still_forecasts():
    history = history_of(regular_rows(stations=2))
    forecast = Persistence.fit(history).forecast(history, MONDAY, np.array([0, 1619]))
    assert (forecast.mean[0] == 10).all()
    assert (forecast.mean[1] == 10).all()
    assert forecast.mean.shape == (2, 15, 2, 2)


def test_it_holds_for_as_many_leads_as_are_asked_for():
    history = history_of(regular_rows(stations=2))
    long = Persistence(leads=60).forecast(history, MONDAY, np.array([400, 500])).mean
    assert long.shape == (2, 60, 2, 2)
    assert (long == Persistence().forecast(history, MONDAY, np.array([400, 500])).mean[:, :1]).all()
