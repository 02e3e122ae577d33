"""Tables of scores: their cells, and how terminal and Markdown print them."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from rich.console import Console

from headway_prediction.evaluation.detection import EventCells
from headway_prediction.evaluation.truth import CONDITIONS
from headway_prediction.reporting.score_tables import markdown_scores, score_tables, terminal_scores
from headway_prediction.reporting.tables import Table, markdown_table
from helpers.scores import NAMES, scores_of


def texts_of(table):
    """The printed cells by row name."""
    return {row.name: [cell.text for cell in row.cells] for row in table.rows}


def test_the_markdown_table_by_hand():
    # R² is 1 - 4/4 and 1 - 1/4; disp is 0/2 and sqrt(1)/2, beside sqrt(0) and sqrt(3/4).
    assert markdown_scores(scores_of()).splitlines() == [
        "| method | MAE | RMSE | R² | MAE@5 | MAE@10 | MAE@15 | ev_MAE | ev_MAE late | disp | √ev_R² |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| mean [link=x] | 2.000 | 2.000 | 0.000 | 2.000 | 2.000 | 2.000 | 2.000 | 2.000 | 0.000 | 0.000 |",
        "| net\\|work | **1.000** | **1.000** | **0.750** | **1.000** | **1.000** | **1.000** | **1.000** | **1.000** "
        "| 0.500 | 0.866 |",
    ]


def test_intervals_stand_in_a_table_of_their_own_with_the_methods_that_give_them():
    points, intervals = score_tables(scores_of(intervals=True))
    assert list(texts_of(points)) == list(NAMES)
    assert list(texts_of(intervals)) == [NAMES[1]]
    assert texts_of(intervals)[NAMES[1]] == ["80.0%"] * 5 + [
        "5.000", "0.700", "1.000",
    ]  # fmt: skip
    assert len(score_tables(scores_of())) == 1


@pytest.mark.parametrize(("missing", "last"), [(0, "√ev_R²"), (0.004, "√ev_R²"), (0.006, "missing")])
def test_missing_forecasts_are_shown_where_the_printed_share_is_not_zero(missing, last):
    (table,) = score_tables(scores_of(missing=missing))
    assert table.headings[-1] == last


def test_equal_values_are_equally_good():
    scores = scores_of()
    sums = scores.sums.by_lead
    sums.loc[{"method": NAMES[0]}] = sums.sel({"method": NAMES[1]}).values
    (table,) = score_tables(scores)
    assert all(row.cells[0].is_best for row in table.rows)


def test_the_terminal_table_fits_and_shows_names_as_they_are():
    console = Console(width=80, force_terminal=True, color_system="standard")
    with console.capture() as captured:
        console.print(terminal_scores(scores_of(intervals=True)))
    text = captured.get()
    assert "mean [link=x]" in text
    assert "…" not in text
    assert "\x1b[1m0.750\x1b[0m" in text
    assert "toy: 2025-09-29; minutes" in text
    assert "80.0%" in text


def test_detectors_stand_in_a_table_with_the_trivial_ones_below():
    # Truths at 0.4, 1, 2 and 1 times the typical headway: the first method detects the bunched one, the second nothing.
    truth, seen, blind = np.array([0.4, 1, 2, 1]), np.array([0.3, 1, 1, 1]), np.ones(4)
    events = EventCells(np.arange(1, 5), truth, dict(zip(NAMES, (seen, blind), strict=True)))
    _, detection = score_tables(replace(scores_of(), events=events))
    assert detection.title == "Bunched and gapped trains"
    assert texts_of(detection) == {
        NAMES[0]: ["1.000", "1.000", "100.0%", "100.0%", "100.0%", "0.000", "0.333", "0.0%", "0.0%", "–"],
        NAMES[1]: ["0.000", "0.250", "0.0%", "0.0%", "–", "0.000", "0.250", "0.0%", "0.0%", "–"],
        "always": ["0.000", "0.250", "0.0%", "100.0%", "25.0%", "0.000", "0.250", "0.0%", "100.0%", "25.0%"],
        "never": ["0.000", "0.250", "0.0%", "0.0%", "–", "0.000", "0.250", "0.0%", "0.0%", "–"],
    }
    assert "Bunched and gapped trains:\n\n| method | bunched MCC |" in markdown_scores(
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
    assert texts_of(conditions)[NAMES[0]] == ["2.000"] * 4
    assert [cell.is_best for cell in conditions.rows[1].cells] == [True] * 4
    unknown = xr.concat(
        [0 * lead, 0 * lead, lead], xr.DataArray(list(CONDITIONS), dims="condition", name="condition")
    )
    assert len(score_tables(replace(known, sums=replace(scores.sums, by_condition=unknown)))) == 1


def test_a_bar_in_a_name_does_not_break_a_markdown_table():
    text = markdown_table(Table.of_texts("T", ["a", "b"], {"x | y": ["1"]}))
    assert text == "T:\n\n| a | b |\n| --- | ---: |\n| x \\| y | 1 |\n"
