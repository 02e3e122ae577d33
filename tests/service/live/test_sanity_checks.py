"""Each check that a forecast fails is a sentence."""

from datetime import date

import numpy as np
import pytest

from headway_prediction.forecasters.base import Forecast
from headway_prediction.service.live.published import LineState
from headway_prediction.service.live.sanity_checks import failed_checks
from headway_prediction.transit.line import Line, Station

LINE = Line(
    "toy",
    "Europe/Dublin",
    (Station("A", ("a", "a")), Station("B", ("b", None)), Station("C", ("c", "c"))),
)
TODAY, T0, CAP = date(2026, 1, 13), 510, 30.0
TYPICAL = np.array([[5.0, 6.0], [5.0, np.nan], [5.0, 6.0]])


def a_forecast(scale=1.0, width=1.0, t0=T0) -> Forecast:
    mean = (
        scale * np.nan_to_num(TYPICAL, nan=0.0)[None, None] * np.linspace(0.9, 1.1, 15)[None, :, None, None]
    )
    mean[..., 1, 1] = np.nan  # no platform there
    return Forecast(TODAY, np.array([t0]), mean, {0.1: mean - width, 0.5: mean, 0.9: mean + width})


def found(forecast, held=TYPICAL):
    past = held[None]
    state = LineState(TODAY, T0, np.array([T0]), past, past, past > 0, np.tile(TYPICAL, (120, 1, 1)), ())
    return failed_checks(forecast, LINE, CAP, state)


def test_a_sound_forecast_passes_all_checks():
    assert found(a_forecast()) == []


def test_only_cells_without_a_platform_may_be_missing():
    holed = a_forecast()
    holed.quantiles[0.9][0, 3, 2, 1] = np.nan
    (sentence,) = found(holed)
    assert sentence.startswith("1 of 300 values")


@pytest.mark.parametrize(
    ("forecast", "sentence"),
    [
        (a_forecast(t0=509), "from minute 509"),
        (a_forecast(width=-1.0), "below a lower one in 150 cells"),
        (a_forecast(width=8.0), "outside 0 to 30"),
        (a_forecast(scale=6.0), "outside 0 to 30"),
        (a_forecast(scale=0.1, width=0.1), "100% of the forecast"),
    ],
)
def test_each_failed_check_is_reported(forecast, sentence):
    assert any(sentence in failed for failed in found(forecast))


def test_an_equal_forecast_everywhere_fails_unless_nothing_is_known():
    same = np.full((1, 15, 3, 2), 5.0)
    forecast = Forecast(TODAY, np.array([T0]), same, {0.1: same, 0.5: same, 0.9: same})
    assert "same headway, 5.0 min" in found(forecast)[0]
    assert found(forecast, np.full_like(TYPICAL, np.nan)) == []


def test_headways_far_from_typical_pass_where_the_line_has_them_now():
    dense = a_forecast(scale=0.15, width=0.1)
    assert found(dense) and not found(dense, 0.15 * TYPICAL)
