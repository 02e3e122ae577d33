import numpy as np
import pytest

from headway_prediction.evaluation.report_maps import heatmap, scale_end

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
