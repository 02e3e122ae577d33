from datetime import timedelta

import numpy as np
import pytest

from headway_prediction.evaluation.backtest import scored_origins
from headway_prediction.evaluation.compare import score_methods
from headway_prediction.evaluation.truth import day_truth
from headway_prediction.forecasters.base import Forecast
from headway_prediction.grid.history import history_from_log
from headway_prediction.reporting.glossary import towards
from headway_prediction.reporting.weaknesses import weaknesses
from headway_prediction.transit.line import Line
from helpers.lines import MONDAY, ZONE, log_of, regular_rows

WEEK = [MONDAY + timedelta(days=k) for k in range(6)]


@pytest.fixture(scope="module")
def history():
    """Six even days; on all but the first no train passes from 500 to 540."""
    rows = [row for row in regular_rows(stations=3, days=WEEK) if row[0] == MONDAY or not 500 <= row[5] < 540]
    log = log_of(rows)
    return history_from_log(log, Line.from_arrivals(log, ZONE))


def off_by(history, days, cells):
    """Forecasts of `days` off by what `cells(origins, leads, stations, directions)` says, in minutes."""
    forecasts = {}
    for day in days:
        truth = day_truth(history, day, scored_origins(history, day))
        grid = np.meshgrid(truth.origins, np.arange(1, 16), np.arange(3), np.arange(2), indexing="ij")
        forecasts[day] = Forecast.of_points(day, truth.origins, truth.headway + cells(*grid))
    return forecasts


def told(history, days=WEEK[1:], **methods):
    forecasts = {name: off_by(history, days, cells) for name, cells in methods.items()}
    return weaknesses(score_methods(history, days, forecasts), next(iter(methods)))


def test_leads_at_which_another_method_is_less_off_are_named(history):
    texts = told(
        history,
        net=lambda origin, lead, station, direction: 2.0,
        early=lambda origin, lead, station, direction: np.where(lead <= 3, 1.0, 5.0),
        once=lambda origin, lead, station, direction: np.where(lead == 15, 1.5, 5.0),
        equal=lambda origin, lead, station, direction: 2.0,
    )
    assert texts[0] == (
        "One minute ahead it is 2.00 minutes off, 15 minutes ahead 2.00. early is less off 1 to 3 minutes ahead; "
        "once is less off 15 minutes ahead."
    )


def test_disturbed_periods_are_told_from_quiet_ones(history):
    texts = told(
        history,
        net=lambda origin, lead, station, direction: np.where((origin >= 510) & (origin < 570), 6.0, 1.0),
        flat=lambda origin, lead, station, direction: 4.0,
    )
    assert texts[1].startswith("In disturbed periods (")
    assert "There flat is less off: 4.00." in texts[1]


def test_the_weakest_hour_and_platform_are_named(history):
    texts = told(
        history,
        net=lambda origin, lead, station, direction: (
            1.0 + 2.0 * ((origin + lead) // 60 == 8) + 1.0 * ((station == 2) & (direction == 1))
        ),
    )
    hour, platform = texts[2:]
    assert hour.startswith("Its weakest hour begins at 08:00 (3.")
    assert platform.startswith(f"Its weakest platform is C Street, {towards(history.line, 1)}: ")
    assert towards(history.line, 1) == "towards A Street"


def test_few_days_call_no_hour_and_no_station_weak_and_no_rival_better_in_disturbance(history):
    texts = told(
        history,
        WEEK[1:4],
        net=lambda origin, lead, station, direction: np.where((origin >= 510) & (origin < 570), 6.0, 1.0),
        flat=lambda origin, lead, station, direction: 4.0,
    )
    assert "flat" not in texts[1]
    assert texts[2:] == [
        "The days are too few to call an hour or a station weak: one bad morning would decide."
    ]


def test_without_a_usual_headway_nothing_is_said_of_disturbance(history):
    texts = told(history, WEEK, net=lambda origin, lead, station, direction: 1.0)
    assert not [text for text in texts if "disturbed" in text]
