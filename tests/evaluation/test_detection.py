from math import nan, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway_prediction.evaluation.detection import (
    THRESHOLDS,
    EventCells,
    average_precision,
    detection_by_leads,
    detection_scores,
    detector_scores,
    event_cells,
    matthews_correlation,
    recall_at_precision,
)
from helpers.truths import truth_of

BOOLS = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40)
RANKED = st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=1, max_size=30)


def yes(text):
    return np.array([letter == "y" for letter in text])


def test_thresholds_are_below_half_and_above_one_and_a_half_times_the_typical_headway():
    ratios = np.array([0.49, 0.5, 1.0, 1.5, 1.51])
    assert THRESHOLDS["bunched"].is_met(ratios).tolist() == [True, False, False, False, False]
    assert THRESHOLDS["gapped"].is_met(ratios).tolist() == [False, False, False, False, True]


def test_matthews_by_hand():
    # 3 hits, 1 miss, 2 false alerts, 4 correct rejections.
    actual, alerted = yes("yyyynnnnnn"), yes("yyynyynnnn")
    assert matthews_correlation(actual, alerted) == pytest.approx((3 * 4 - 2 * 1) / sqrt(5 * 4 * 6 * 5))


@given(BOOLS)
def test_matthews_is_a_correlation(pairs):
    actual, alerted = np.array(pairs).T
    found = matthews_correlation(actual, alerted)
    assert -1 - 1e-9 <= found <= 1 + 1e-9
    assert matthews_correlation(alerted, actual) == pytest.approx(found)
    assert matthews_correlation(actual, ~alerted) == pytest.approx(-found)
    if actual.std() and alerted.std():
        assert found == pytest.approx(np.corrcoef(actual, alerted)[0, 1])
        assert matthews_correlation(actual, actual) == pytest.approx(1)


def test_average_precision_by_hand():
    # Thresholds 0.9, 0.8, 0.7, 0.6: found 1 of 1, 1 of 2, 2 of 3, 2 of 4; the recall rises by half twice.
    assert average_precision(yes("ynyn"), np.array([0.9, 0.8, 0.7, 0.6])) == pytest.approx((1 + 2 / 3) / 2)
    # A tie is one threshold: 1 of 2 at once, then 2 of 3.
    assert average_precision(yes("yny"), np.array([0.9, 0.9, 0.7])) == pytest.approx((1 / 2 + 2 / 3) / 2)


@given(RANKED)
def test_average_precision_is_the_mean_precision_at_the_positive_cells(pairs):
    actual, strength = (np.array(part) for part in zip(*pairs, strict=True))
    if not actual.any():
        assert np.isnan(average_precision(actual, strength))
        return
    precisions = [actual[strength >= limit].mean() for limit in strength[actual]]
    assert average_precision(actual, strength) == pytest.approx(np.mean(precisions))
    assert average_precision(actual, 3.0 * strength - 7) == pytest.approx(np.mean(precisions))
    assert average_precision(actual, actual.astype(float)) == 1
    assert average_precision(actual, np.ones(len(actual))) == pytest.approx(actual.mean())


def test_recall_at_a_precision_of_80_percent_by_hand():
    # Precision by threshold: 1, 1, 2/3, 3/4, 4/5, 4/6, 5/7. The fifth finds 4 of 5.
    strength = np.arange(7, 0, -1.0)
    assert recall_at_precision(yes("yynyyny"), strength) == pytest.approx(4 / 5)
    assert recall_at_precision(yes("nyyy"), np.array([4.0, 3.0, 2.0, 1.0])) == 0
    # A tie is one threshold.
    assert recall_at_precision(yes("yny"), np.array([0.9, 0.9, 0.7])) == 0
    assert np.isnan(recall_at_precision(yes("nn"), np.array([1.0, 2.0])))


@given(RANKED)
def test_recall_at_a_precision_is_the_best_of_all_thresholds(pairs):
    actual, strength = (np.array(part) for part in zip(*pairs, strict=True))
    if actual.any():
        alerted = [strength >= limit for limit in strength]
        recalls = [alert[actual].mean() for alert in alerted if actual[alert].mean() >= 0.8]
        assert recall_at_precision(actual, strength) == pytest.approx(max(recalls, default=0.0))


def test_recall_and_precision_are_shares_of_positive_cells_and_of_alerts():
    found = detector_scores(yes("yyyynnnnnn"), yes("yyynyynnnn"), np.arange(10.0))
    assert (found["recall"], found["precision"], found["base_rate"]) == pytest.approx((3 / 4, 3 / 5, 4 / 10))
    silent = detector_scores(yes("nnnn"), yes("nnnn"), np.arange(4.0))
    assert [silent[name] for name in ("recall", "precision", "average_precision")] == pytest.approx(
        [nan] * 3, nan_ok=True
    )
    assert silent["mcc"] == 0


def cells_of(truth, **forecasts):
    lead = np.arange(1, len(truth) + 1)
    return EventCells(
        lead, np.array(truth, float), {name: np.array(ratios, float) for name, ratios in forecasts.items()}
    )


def test_the_trivial_detectors_have_no_skill():
    cells = cells_of([0.4, 1.0, 0.3, 2.0], net=[0.4, 0.9, 0.6, 1.6])
    bunched = detection_scores(cells, THRESHOLDS["bunched"])
    assert list(bunched) == ["net", "always", "never"]
    for name in ("always", "never"):
        assert (bunched[name]["mcc"], bunched[name]["average_precision"]) == (0, 0.5)
    assert (bunched["always"]["recall"], bunched["always"]["precision"]) == (1, 0.5)
    assert bunched["never"]["recall"] == 0 and np.isnan(bunched["never"]["precision"])
    # The net calls one of two; by rank it is perfect.
    assert bunched["net"]["recall"] == 0.5 and bunched["net"]["precision"] == 1
    assert bunched["net"]["average_precision"] == 1
    gapped = detection_scores(cells, THRESHOLDS["gapped"])
    assert gapped["net"]["mcc"] == pytest.approx(1) and gapped["net"]["average_precision"] == 1


def test_groups_of_leads_hold_their_own_cells():
    cells = cells_of([0.4] * 5 + [1.0] * 5 + [0.4, 1.0] * 2 + [1.0], net=[0.4] * 5 + [1.0] * 10)
    found = detection_by_leads(cells, THRESHOLDS["bunched"])
    assert list(found) == ["all", "1-5", "6-10", "11-15"]
    assert [found[group]["net"]["base_rate"] for group in found] == pytest.approx([7 / 15, 1, 0, 2 / 5])
    assert [found[group]["net"]["recall"] for group in ("all", "1-5", "11-15")] == pytest.approx(
        [5 / 7, 1, 0]
    )


def test_event_cells_are_those_with_a_passing_and_a_typical_headway():
    event = np.zeros((1, 15, 1, 2), bool)
    event[0, [3, 9, 14], 0, 0] = True
    truth = truth_of(np.full((1, 15, 1, 2), 4.0), event=event)  # typical: 8
    truth.typical[0, 9] = np.nan
    median = np.full((1, 15, 1, 2), 12.0)
    cells = event_cells([truth, truth], {"net": (cells for cells in (median, median / 2))})
    assert cells.lead.tolist() == [4, 15, 4, 15]
    assert cells.truth.tolist() == [0.5] * 4
    assert cells.forecasts["net"].tolist() == [1.5, 1.5, 0.75, 0.75]


def test_without_typical_headways_all_scores_are_nan():
    scores = detection_by_leads(cells_of([], net=[]), THRESHOLDS["gapped"])
    assert all(np.isnan(value) for value in scores["all"]["net"].values())
