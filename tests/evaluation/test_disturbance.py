from datetime import timedelta
from math import sqrt

import numpy as np
import pytest
import xarray as xr

from headway_prediction.evaluation.disturbance import MIN_DISTURBED_IRREGULARITY, condition_of, irregularity
from headway_prediction.evaluation.truth import day_truth, scored_origins
from headway_prediction.evaluation.typical_headway import TypicalHeadway
from headway_prediction.feeds.logs.arrivals import read_arrivals
from headway_prediction.grid.history import history_from_log
from headway_prediction.transit.line import Line
from helpers.lines import MONDAY, ZONE, log_of, regular_rows

TUESDAY = MONDAY + timedelta(days=1)


def day_of(passings, open_since=None):
    """A day of one station whose direction 0 has passings {minute: headway}; direction 1 never runs.

    `open_since` is the minute since which the last headway is open.
    """
    cells = {name: np.full((1620, 1, 2), np.nan) for name in ("headway", "elapsed")}
    cells |= {name: np.zeros((1620, 1, 2), bool) for name in ("arrived", "valid")}
    for minute, headway in passings.items():
        cells["headway"][minute:, 0, 0] = headway
        cells["arrived"][minute, 0, 0] = True
    cells["valid"][min(passings) :, 0, 0] = True
    if open_since is not None:
        cells["elapsed"][open_since:, 0, 0] = np.arange(1, 1621 - open_since)
    return xr.Dataset({name: (("time", "station", "direction"), values) for name, values in cells.items()})


USUAL = np.full((1620, 1, 2), 10.0)


def test_irregularity_by_hand():
    day = day_of({600: 5, 620: 20})
    # Up to 629 both passings count: deviations 5 and 10 from 10; from 630 on the later one alone; from 650 on none.
    found = irregularity(day, USUAL, np.array([599, 600, 629, 630, 649, 650]))
    expected = [np.nan, 0.5, sqrt((25 + 100) / 2) / 10, 1.0, 1.0, np.nan]
    np.testing.assert_allclose(found, expected)


def test_a_line_that_stands_still_is_disturbed_though_nothing_passes():
    day = day_of({600: 10}, open_since=600)
    found = irregularity(day, USUAL, np.array([605, 609, 610, 624, 634]))
    # At the end of minute 610 the headway is open for 11 minutes; at 634, for 35, and the passing is forgotten.
    expected = [0, 0, sqrt(1 / 2) / 10, sqrt(15**2 / 2) / 10, 25 / 10]
    np.testing.assert_allclose(found, expected)
    assert condition_of(found).tolist() == [0, 0, 0, 1, 1]


def test_cells_that_are_not_valid_or_have_no_usual_headway_have_no_say():
    day = day_of({600: 5, 620: 20}, open_since=620)
    day["valid"][620:] = False
    assert irregularity(day, USUAL, np.array([640])).tolist() == pytest.approx([np.nan], nan_ok=True)
    assert irregularity(day, USUAL, np.array([625])).tolist() == [0.5]
    unknown = np.full_like(USUAL, np.nan)
    assert np.isnan(irregularity(day, unknown, np.array([625]))).all()


def test_the_first_minutes_of_a_day_look_back_to_its_beginning_only():
    assert irregularity(day_of({0: 5}), USUAL, np.array([0, 29, 30])).tolist() == pytest.approx(
        [0.5, 0.5, np.nan], nan_ok=True
    )


def test_conditions_begin_at_the_limit():
    found = condition_of(
        np.array([0.0, MIN_DISTURBED_IRREGULARITY - 1e-9, MIN_DISTURBED_IRREGULARITY, 3.0, np.nan])
    )
    assert found.tolist() == [0, 0, 1, 1, 2]


def test_the_condition_of_an_origin_needs_nothing_from_after_it():
    log = log_of(regular_rows(days=(MONDAY, TUESDAY), headway=8.0, noise=3.0))
    history = history_from_log(log, Line.from_arrivals(log, ZONE))
    typical = TypicalHeadway.before(history, [TUESDAY])
    origins = scored_origins(history, TUESDAY)
    whole = day_truth(history, TUESDAY, origins, typical).irregularity
    for origin, value in list(zip(origins, whole, strict=True))[::5]:
        known = history.as_of(TUESDAY, int(origin))
        assert day_truth(known, TUESDAY, [origin], typical).irregularity[0] == value


def test_an_even_service_is_quiet_until_its_trains_stay_away():
    even = regular_rows(days=(MONDAY, TUESDAY), headway=8.0)
    log = log_of([row for row in even if row[0] == MONDAY or not 500 <= row[5] < 540])
    history = history_from_log(log, Line.from_arrivals(log, ZONE))
    typical = TypicalHeadway.before(history, [TUESDAY])
    origins = np.arange(450, 600, 10)
    found = condition_of(day_truth(history, TUESDAY, origins, typical).irregularity)
    # By 520 most platforms have waited more than twice as long as usual; the long headways that end from 540 on are over
    # half an hour old at 580.
    assert set(range(520, 560, 10)) <= set(origins[found == 1].tolist()) <= set(range(510, 580, 10))
    assert (condition_of(day_truth(history, MONDAY, origins, typical).irregularity) == 0).all()


@pytest.mark.parametrize(
    ("name", "zone"), [("dublin-dart", "Europe/Dublin"), ("sydney-t4", "Australia/Sydney")]
)
def test_real_lines_are_quiet_most_of_the_time_and_disturbed_at_times(real_line, name, zone):
    log = read_arrivals(real_line(name) / "arrivals.parquet")
    history = history_from_log(log, Line.from_arrivals(log, zone))
    day = history.service_dates[-1]
    typical = TypicalHeadway.before(history, [day])
    disturbed = condition_of(day_truth(history, day, scored_origins(history, day), typical).irregularity) == 1
    assert 0.01 < disturbed.mean() < 0.5
