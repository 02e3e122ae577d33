from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from rich.console import Console

from headway_prediction.evaluation.cell_statistics import STATISTICS, Sums
from headway_prediction.evaluation.compare import Scores
from headway_prediction.evaluation.detection import EventCells
from headway_prediction.evaluation.truth import CONDITIONS
from headway_prediction.reporting.score_tables import score_tables
from headway_prediction.reporting.table import markdown_table, terminal_table
from headway_prediction.transit.line import Line, Station

LINE = Line("toy", "Europe/Dublin", (Station("A", ("a", "a")), Station("B", ("b", "b"))))
NO_EVENTS = EventCells(
    np.empty(0), np.empty(0), {name: np.empty(0) for name in ("mean [link=x]", "net|work")}
)
INTERVAL = {"covered": 8, "interval_score": 50, "pinball_loss": 7, "draw": 100, "draw_squared": 1040}
NAMES = ("mean [link=x]", "net|work")


def scores_of(intervals=False, missing=0):
    """Ten cells per lead, all event cells, truth 8 and 12: the first method errs by 2, the second by 1 in the median."""
    sums = xr.DataArray(
        np.full((2, 1, 2, len(STATISTICS), 15), np.nan),
        {
            "method": list(NAMES),
            "service_date": np.array(["2025-09-29"], "datetime64[s]"),
            "population": ["valid", "event"],
            "statistic": list(STATISTICS),
            "lead": np.arange(1, 16),
        },
        ("method", "service_date", "population", "statistic", "lead"),
    )
    shared = {"count": 10, "truth": 100, "truth_squared": 5 * (64 + 144), "missing": missing}
    own = {
        "forecast": (100, 100),
        "forecast_squared": (1000, 1010),
        "absolute_error": (20, 10),
        "squared_error": (40, 10),
    }
    for statistic, value in shared.items():
        sums.loc[{"statistic": statistic}] = value
    for statistic, values in own.items():
        sums.loc[{"statistic": statistic}] = np.reshape(values, (2, 1, 1, 1))
    if intervals:
        for statistic, value in INTERVAL.items():
            sums.loc[{"statistic": statistic, "method": NAMES[1]}] = value
    unknown = sums.where(False, 0.0).expand_dims(condition=list(CONDITIONS))
    return Scores(LINE, 3, Sums(sums, sums, sums, unknown), NO_EVENTS)


def test_the_markdown_table_by_hand():
    # R² is 1 - 4/4 and 1 - 1/4; disp is 0/2 and sqrt(1)/2, beside sqrt(0) and sqrt(3/4).
    assert markdown_table(scores_of()).splitlines() == [
        "| method | MAE | RMSE | R² | MAE@5 | MAE@10 | MAE@15 | ev_MAE | ev_MAE late | disp | √ev_R² |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| mean [link=x] | 2.000 | 2.000 | 0.000 | 2.000 | 2.000 | 2.000 | 2.000 | 2.000 | 0.000 | 0.000 |",
        "| net\\|work | **1.000** | **1.000** | **0.750** | **1.000** | **1.000** | **1.000** | **1.000** | **1.000** "
        "| 0.500 | 0.866 |",
    ]


def test_intervals_stand_in_a_table_of_their_own_with_the_methods_that_give_them():
    points, intervals = score_tables(scores_of(intervals=True))
    assert list(points.rows) == list(NAMES)
    assert list(intervals.rows) == [NAMES[1]]
    assert [cell.text for cell in intervals.rows[NAMES[1]]] == ["80.0%"] * 5 + [
        "5.000", "0.700", "1.000",
    ]  # fmt: skip
    assert len(score_tables(scores_of())) == 1


@pytest.mark.parametrize(("missing", "last"), [(0, "√ev_R²"), (0.004, "√ev_R²"), (0.006, "missing")])
def test_missing_forecasts_are_shown_where_the_printed_share_is_not_zero(missing, last):
    (table,) = score_tables(scores_of(missing=missing))
    assert table.columns[-1].heading == last


def test_equal_values_are_equally_good():
    scores = scores_of()
    sums = scores.sums.by_lead
    sums.loc[{"method": NAMES[0]}] = sums.sel({"method": NAMES[1]}).values
    (table,) = score_tables(scores)
    assert all(cells[0].is_best for cells in table.rows.values())


def test_the_terminal_table_fits_and_shows_names_as_they_are():
    console = Console(width=80, force_terminal=True, color_system="standard")
    with console.capture() as captured:
        console.print(terminal_table(scores_of(intervals=True)))
    text = captured.get()
    assert "mean [link=x]" in text
    assert "…" not in text
    assert "\x1b[1m0.750\x1b[0m" in text
    assert "toy: 2025-09-29; minutes" in text
    assert "80.0%" in text


def test_detectors_stand_in_a_table_with_the_trivial_ones_below():
    # Truths at 0.4, 1, 2 and 1 times the usual headway: the first method sees the bunched one, the second nothing.
    truth, seen, blind = np.array([0.4, 1, 2, 1]), np.array([0.3, 1, 1, 1]), np.ones(4)
    events = EventCells(np.arange(1, 5), truth, dict(zip(NAMES, (seen, blind), strict=True)))
    _, detection = score_tables(replace(scores_of(), events=events))
    assert detection.title == "bunched and gapped trains"
    texts = {name: [cell.text for cell in cells] for name, cells in detection.rows.items()}
    assert texts == {
        NAMES[0]: ["1.000", "1.000", "100.0%", "100.0%", "0.000", "0.333", "0.0%", "–"],
        NAMES[1]: ["0.000", "0.250", "0.0%", "–", "0.000", "0.250", "0.0%", "–"],
        "always": ["0.000", "0.250", "100.0%", "25.0%", "0.000", "0.250", "100.0%", "25.0%"],
        "never": ["0.000", "0.250", "0.0%", "–", "0.000", "0.250", "0.0%", "–"],
    }
    assert "Bunched and gapped trains:\n\n| method | bunched MCC |" in markdown_table(
        replace(scores_of(), events=events)
    )


def test_conditions_stand_in_a_table_where_they_are_known():
    scores = scores_of()
    lead = scores.sums.by_lead
    by_condition = xr.concat(
        [lead, 2 * lead, 0 * lead], xr.DataArray(list(CONDITIONS), dims="condition", name="condition")
    )
    known = replace(scores, sums=replace(scores.sums, by_condition=by_condition))
    _, conditions = score_tables(known)
    assert [cell.text for cell in conditions.rows[NAMES[0]]] == ["2.000"] * 4
    assert [cell.is_best for cell in conditions.rows[NAMES[1]]] == [True] * 4
    unknown = xr.concat(
        [0 * lead, 0 * lead, lead], xr.DataArray(list(CONDITIONS), dims="condition", name="condition")
    )
    assert len(score_tables(replace(known, sums=replace(scores.sums, by_condition=unknown)))) == 1
