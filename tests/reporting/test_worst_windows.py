import re
from datetime import timedelta

import numpy as np
import pytest

from headway_prediction.evaluation.backtest import scored_origins
from headway_prediction.evaluation.truth import TypicalHeadway, day_truth
from headway_prediction.forecasters.base import Forecast
from headway_prediction.grid.history import history_from_log
from headway_prediction.reporting.worst_windows import window_sections, worst_windows
from headway_prediction.transit.line import Line
from helpers.lines import MONDAY, ZONE, log_of, regular_rows

DAYS = [MONDAY + timedelta(days=k) for k in range(3)]


@pytest.fixture(scope="module")
def history():
    log = log_of(regular_rows(stations=3, days=DAYS, headway=8.0, noise=1.0))
    return history_from_log(log, Line.from_arrivals(log, ZONE))


@pytest.fixture(scope="module")
def truths(history):
    typical = TypicalHeadway.before(history, DAYS[1:])
    return [day_truth(history, day, scored_origins(history, day), typical) for day in DAYS[1:]]


def off_by(truths, offsets):
    """Forecasts that are the truth but for the offset at each (date, origin), with an interval of 2 to either side."""
    forecasts = {}
    for truth in truths:
        extra = [offsets.get((truth.service_date, int(origin)), 0.0) for origin in truth.origins]
        shifted = truth.headway + np.array(extra)[:, None, None, None]
        forecasts[truth.service_date] = Forecast(
            truth.service_date, truth.origins, shifted, {0.1: shifted - 2, 0.5: shifted, 0.9: shifted + 2}
        )
    return forecasts


OFFSETS = {
    (DAYS[1], 500): 5.0,
    (DAYS[1], 510): 4.0,
    (DAYS[1], 560): 3.0,
    (DAYS[2], 500): 2.0,
    (DAYS[2], 600): 1.0,
}


def test_the_worst_windows_are_an_hour_apart_and_the_worst_comes_first(truths):
    forecasts = {"net": off_by(truths, OFFSETS)}
    found = worst_windows(truths, forecasts, "net")
    # 510 shows the same incident as 500; 560 is a whole hour later.
    assert [(window.truth.service_date, window.t0) for window in found] == [
        (DAYS[1], 500), (DAYS[1], 560), (DAYS[2], 500),
    ]  # fmt: skip
    for window, error in zip(found, (5, 3, 2), strict=True):
        assert window.truth.headway.shape == (1, 15, 3, 2)
        assert np.nanmax(np.abs(window.error("net") - error)) < 1e-5
    assert len(worst_windows(truths, forecasts, "net", count=1)) == 1


def test_a_window_counts_by_what_it_adds_to_the_error_not_by_its_mean(truths):
    forecasts = {"net": off_by(truths, OFFSETS)}
    sparse = truths[0].at(slice(None))
    worst = int(np.flatnonzero(sparse.origins == 500)[0])
    valid = sparse.valid.copy()
    valid[worst, 1:] = False
    found = worst_windows(
        [type(sparse)(**vars(sparse) | {"valid": valid}), truths[1]], forecasts, "net", count=1
    )
    assert found[0].t0 == 510


def test_the_worst_cell_is_the_one_with_the_largest_error(truths):
    forecasts = off_by(truths, OFFSETS)
    row = int(np.flatnonzero(truths[0].origins == 500)[0])
    forecasts[DAYS[1]].quantiles[0.5][row, 11, 2, 1] -= 60
    (window,) = worst_windows(truths, {"net": forecasts}, "net", count=1)
    assert window.worst_cell("net") == (11, 2, 1)


def test_a_method_that_lacks_the_window_is_shown_as_it_is_scored(truths):
    forecasts = {"net": off_by(truths, OFFSETS), "propagation": {}}
    (window,) = worst_windows(truths, forecasts, "net", count=1)
    assert (window.forecasts["propagation"].quantiles[0.5] == 10).all()


def test_each_window_names_its_origin_its_errors_and_the_forecast_of_propagation(history, truths):
    late = off_by(truths, dict.fromkeys(OFFSETS, 1.0))
    points = {day: Forecast.of_points(day, f.origins, f.mean) for day, f in late.items()}
    forecasts = {"net": off_by(truths, OFFSETS), "propagation": points}
    windows = worst_windows(truths, forecasts, "net")
    opening, first, *_ = sections = window_sections(history, windows, "net")
    assert len(sections) == 4 and not opening.figures
    text = " ".join(first.blocks)
    assert first.heading == "1. Tuesday 2025-09-30, origin 08:20"
    assert "The mean error of net was 5.0 minutes, that of propagation 1.0." in text
    found = re.search(
        r"headway was ([\d.]+) min, the forecast of net ([\d.]+) \(([\d.]+) to ([\d.]+)\), that of propagation (\d+\.\d)",
        text,
    )
    truth, net, low, high, other = map(float, found.groups())
    assert (net, low, high, other) == pytest.approx((truth + 5, truth + 3, truth + 7, truth + 1), abs=0.11)
    assert "The line was quiet: headways deviated from the typical ones by" in text
    assert (
        f"There were {int(windows[0].truth.event.sum())} passings in the 15 minutes, 0 at under half the typical headway"
        in text
    )
    maps, profiles = first.figures[:2], first.figures[2:]
    assert [title for title, _ in maps] == ["Trains towards C Street", "Trains towards A Street"]
    # 20 known minutes, then a blank column before each of truth, net and propagation.
    assert {np.shape(figure["data"][0]["z"]) for _, figure in maps} == {(3, 20 + 3 * 16)}
    assert [[trace["name"] for trace in figure["data"]] for _, figure in profiles] == [
        ["net", "propagation", "truth"]
    ] * 2


def test_propagation_itself_has_no_comparison_and_no_band(history, truths):
    points = {day: Forecast.of_points(day, f.origins, f.mean) for day, f in off_by(truths, OFFSETS).items()}
    windows = worst_windows(truths, {"propagation": points}, "propagation", count=1)
    _, first = window_sections(history, windows, "propagation")
    assert "The mean error of propagation was 5.0 minutes. Largest" in " ".join(first.blocks)
    assert [trace["name"] for trace in first.figures[2][1]["data"]] == ["propagation", "truth"]
    assert "error_x" not in first.figures[2][1]["data"][0]


def test_without_a_typical_headway_the_condition_is_not_mentioned(history):
    truths = [day_truth(history, DAYS[1], scored_origins(history, DAYS[1]))]
    windows = worst_windows(truths, {"net": off_by(truths, OFFSETS)}, "net", count=1)
    _, first = window_sections(history, windows, "net")
    text = " ".join(first.blocks)
    assert re.search(r"There were \d+ passings in the 15 minutes\.", text)
    assert "quiet" not in text
