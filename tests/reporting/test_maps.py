import numpy as np
import pytest

from headway_prediction.reporting.maps import heatmap, scale_end, window_map, window_profile

STATIONS = ["Bray", "Daly & <b>Sons</b>"]
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
def test_a_scale_ends_at_the_next_five_minutes_whatever_single_cells_say(values, end):
    assert scale_end(np.array(values)) == end


def test_a_window_has_what_was_known_what_came_and_what_was_said_side_by_side():
    known, came, said = CELLS[:2], CELLS[2:], CELLS[2:] + 1
    figure = window_map(known, {"truth": came, "a long name of <b>": said}, STATIONS, TIMES, 10.0)
    (trace,), axis = figure["data"], figure["layout"]["xaxis"]
    # A blank column stands before what came and before what was said.
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
