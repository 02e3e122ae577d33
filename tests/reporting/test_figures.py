import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from headway_prediction.reporting.figures import (
    METHOD_COLOURS,
    METHOD_SYMBOLS,
    by_hour,
    by_lead,
    by_station,
    label,
    plain,
    reliability,
)

STATIONS = ["Bray", "Daly & <b>Sons</b>"]
ERRORS = {"held": np.array([2.0, 3.0]), "net": np.array([1.0, 1.5])}


def test_labels_are_shown_as_they_are_and_cut_before_they_are_escaped():
    ticks = by_station({"held": np.ones(2)}, "held", STATIONS)["layout"]["yaxis"]["ticktext"]
    assert ticks == ["Bray", "Daly &amp; &lt;b&gt;Sons&lt;/b&gt;"]
    assert label("x" * 22) == "x" * 22
    assert label("x" * 23) == "x" * 21 + "…"
    assert label("&" * 30) == "&amp;" * 21 + "…"
    assert label("x" * 23, 5) == "xxxx…"


def test_reliability_is_drawn_in_per_cent_beside_what_it_should_be():
    figure = reliability([0.1, 0.5, 0.9], {"all leads": [0.2, 0.5, 0.8], "leads 1-5": [np.nan] * 3})
    right, overall, early = figure["data"]
    assert right["x"] == right["y"] == [0, 100]
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
