import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway_prediction.evaluation.report_figures import (
    METHOD_COLOURS,
    METHOD_SYMBOLS,
    by_hour,
    by_lead,
    by_station,
    heatmap,
    label,
    plain,
    scale_end,
)

STATIONS = ["Bray", "Daly & <b>Sons</b>"]
TIMES = ["05:50", "06:00", "06:10"]
CELLS = np.array([[1.234, 4.0], [2.0, np.nan], [3.0, 6.0]])  # (times, stations)
ERRORS = {"held": np.array([2.0, 3.0]), "net": np.array([1.0, 1.5])}


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


def test_labels_are_shown_as_they_are_and_cut_before_they_are_escaped():
    ticks = heatmap(CELLS, STATIONS, TIMES, 10.0)["layout"]["yaxis"]["ticktext"]
    assert ticks == ["Bray", "Daly &amp; &lt;b&gt;Sons&lt;/b&gt;"]
    assert label("x" * 22) == "x" * 22
    assert label("x" * 23) == "x" * 21 + "…"
    assert label("&" * 30) == "&amp;" * 21 + "…"


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
def test_a_scale_ends_at_the_next_five_minutes_whatever_single_cells_say(values, end):
    assert scale_end(np.array(values)) == end


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
