"""Figures: what each holds, and how names and numbers become labels and JSON."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway_prediction.reporting.figures import (
    METHOD_COLOURS,
    METHOD_SYMBOLS,
    by_hour,
    by_lead,
    by_station,
    heatmap,
    label,
    plain,
    reliability,
    scale_end,
    window_map,
    window_profile,
)

STATIONS = ["Bray", "Daly & <b>Sons</b>"]
ERRORS = {"held": np.array([2.0, 3.0]), "net": np.array([1.0, 1.5])}


def test_labels_are_literal_and_cut_before_they_are_escaped():
    ticks = by_station({"held": np.ones(2)}, "held", STATIONS)["layout"]["yaxis"]["ticktext"]
    assert ticks == ["Bray", "Daly &amp; &lt;b&gt;Sons&lt;/b&gt;"]
    assert label("x" * 22) == "x" * 22
    assert label("x" * 23) == "x" * 21 + "…"
    assert label("&" * 30) == "&amp;" * 21 + "…"
    assert label("x" * 23, 5) == "xxxx…"


def test_reliability_is_drawn_in_per_cent_beside_the_diagonal():
    figure = reliability([0.1, 0.5, 0.9], {"all leads": [0.2, 0.5, 0.8], "leads 1-5": [np.nan] * 3})
    diagonal, overall, early = figure["data"]
    assert diagonal["x"] == diagonal["y"] == [0, 100]
    assert (overall["x"], overall["y"]) == ([10.0, 50.0, 90.0], [20.0, 50.0, 80.0])
    assert early["y"] == [None] * 3
    assert overall["line"]["width"] > early["line"]["width"]


def test_lines_hold_the_errors_by_lead_and_the_main_method_is_boldest():
    held, net = by_lead(ERRORS, "net")["data"]
    assert (held["name"], held["x"], held["y"]) == ("held", [1, 2], [2.0, 3.0])
    assert (net["name"], net["y"]) == ("net", [1.0, 1.5])
    assert net["line"]["width"] > held["line"]["width"]


def test_hours_run_from_the_first_to_the_last_scored_one_past_midnight():
    errors = np.full(27, np.nan)
    errors[[22, 23, 25]] = 1.0, 2.0, 3.0
    figure = by_hour({"held": errors}, "held")
    assert figure["data"][0]["x"] == [22, 23, 24, 25]
    assert figure["data"][0]["y"] == [1.0, 2.0, None, 3.0]
    assert figure["layout"]["xaxis"]["ticktext"] == ["00:00"]


def test_stations_without_a_score_have_no_mark():
    figure = by_station({"held": np.array([1.0, np.nan])}, "held", STATIONS)
    assert (figure["data"][0]["x"], figure["data"][0]["y"]) == ([1.0, None], [0, 1])
    assert figure["data"][0]["mode"] == "markers"


def test_a_method_looks_the_same_in_every_figure_and_like_no_other():
    many = {f"method {k}": np.ones(2) for k in range(len(METHOD_COLOURS) * len(METHOD_SYMBOLS))}
    figures = [by_lead(many, "method 0"), by_station(many, "method 0", STATIONS)]
    looks = [
        [(trace["line"]["color"], trace["marker"]["symbol"]) for trace in figure["data"]]
        for figure in figures
    ]
    assert looks[0] == looks[1]
    assert len(set(looks[0])) == len(many)


@given(st.lists(st.floats(width=32), max_size=20))
def test_plain_numbers_are_json_and_close_to_what_they_were(values):
    read = json.loads(json.dumps(plain(np.array(values)), allow_nan=False))
    for value, found in zip(values, read, strict=True):
        assert (found is None) == (not np.isfinite(value))
        assert found is None or abs(found - value) <= 0.005 + 1e-9 * abs(value)


TIMES = ["05:50", "06:00", "06:10"]
CELLS = np.array([[1.234, 4.0], [2.0, np.nan], [3.0, 6.0]])  # (times, stations)


def test_a_heatmap_has_time_across_and_stations_up():
    figure = heatmap(CELLS, STATIONS, TIMES, 10.0)
    trace, axes = figure["data"][0], figure["layout"]
    assert trace["z"] == [[1.23, 2.0, 3.0], [4.0, None, 6.0]]
    assert trace["text"] == [TIMES, TIMES]
    assert (trace["zmin"], trace["zmax"], trace["colorscale"]) == (0, 10.0, "Cividis")
    assert (axes["xaxis"]["tickvals"], axes["xaxis"]["ticktext"]) == ([1], ["06:00"])
    assert axes["yaxis"]["tickvals"] == [0, 1]
    # The second row and its name stand above the first.
    assert axes["yaxis"]["range"][0] < 0 < 1 < axes["yaxis"]["range"][1]


def test_a_signed_heatmap_is_neutral_at_zero():
    trace = heatmap(CELLS - 3, STATIONS, TIMES, 5.0, signed=True)["data"][0]
    assert trace["zmin"] == -trace["zmax"] == -5.0
    middle = next(colour for place, colour in trace["colorscale"] if place == 0.5)
    assert middle[1:3] == middle[3:5] == middle[5:7]


@pytest.mark.parametrize(
    ("values", "end"),
    [
        ([1.0, 2.0, np.nan], 5),
        ([5.0], 5),
        ([5.1], 10),
        ([-12.0, 3.0], 15),
        ([np.nan], 5),
        ([3.0] * 99 + [60.0], 5),
    ],
)
def test_a_scale_ends_at_the_next_five_minutes_despite_single_outliers(values, end):
    assert scale_end(np.array(values)) == end


def test_a_window_has_known_minutes_truth_and_forecast_side_by_side():
    known, truth, forecast = CELLS[:2], CELLS[2:], CELLS[2:] + 1
    figure = window_map(known, {"truth": truth, "a long name of <b>": forecast}, STATIONS, TIMES, 10.0)
    (trace,), axis = figure["data"], figure["layout"]["xaxis"]
    # A blank column separates known minutes, truth and forecast.
    assert trace["z"] == [[1.23, 2.0, None, 3.0, None, 4.0], [4.0, None, None, 6.0, None, 7.0]]
    assert trace["text"][0] == ["05:50", "06:00", "", "06:10", "", "06:10"]
    assert axis["tickvals"] == [0.5, 3, 5]
    assert axis["ticktext"] == ["known", "truth", "a long nam…"]


def test_a_profile_shows_truth_medians_and_the_reach_of_an_interval():
    quantiles = {0.1: np.array([1.0, 2]), 0.5: np.array([3.0, 4]), 0.9: np.array([8.0, 4])}
    figure = window_profile(
        np.array([5.0, np.nan]), {"net": quantiles, "held": {0.5: np.array([6.0, 6])}}, STATIONS
    )
    net, held, truth = figure["data"]
    assert (net["x"], net["y"]) == ([3.0, 4.0], [0, 1])
    assert (net["error_x"]["arrayminus"], net["error_x"]["array"]) == ([2.0, 2.0], [5.0, 0.0])
    assert "error_x" not in held
    assert (truth["name"], truth["x"]) == ("truth", [5.0, None])
