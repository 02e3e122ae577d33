import json
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from headway_prediction.errors import HeadwayError
from headway_prediction.evaluation.backtest import backtest, scored_origins
from headway_prediction.evaluation.cell_statistics import total
from headway_prediction.evaluation.compare import bootstrap_over_days, score_methods
from headway_prediction.evaluation.truth import TypicalHeadway, day_truth
from headway_prediction.feeds.logs.arrivals import read_arrivals
from headway_prediction.forecasters.base import Forecast
from headway_prediction.forecasters.baselines import Persistence
from headway_prediction.grid.history import history_from_log
from headway_prediction.reporting.scores_json import scores_json
from headway_prediction.transit.line import Line
from helpers.lines import MONDAY, ZONE, log_of, regular_rows, train

DAYS = [MONDAY + timedelta(days=k) for k in range(4)]


@pytest.fixture(scope="module")
def history():
    """Three irregular days between A, B and C, and a fourth with a single train."""
    log = log_of(
        regular_rows(stations=3, headway=8, days=DAYS[:3], noise=2.0) + train("x", "ABC", 400, day=DAYS[3])
    )
    return history_from_log(log, Line.from_arrivals(log, ZONE))


def shifted(history, offset, days=DAYS[:3], origins=None):
    """Forecasts that are `offset` minutes above the truth."""
    forecasts = {}
    for day in days:
        truth = day_truth(history, day, scored_origins(history, day) if origins is None else origins)
        forecasts[day] = Forecast.of_points(day, truth.origins, truth.headway + offset)
    return forecasts


def test_methods_are_scored_on_the_same_rows(history):
    scores = score_methods(history, DAYS, {"near": shifted(history, 1), "far": shifted(history, -3)})
    assert scores.methods == ["near", "far"]
    assert scores.service_dates == DAYS[:3]
    assert scores.windows == sum(len(scored_origins(history, day)) for day in DAYS)
    truths = [day_truth(history, day, scored_origins(history, day)) for day in DAYS[:3]]
    assert scores.cells == {
        "valid": sum(truth.valid.sum() for truth in truths),
        "event": sum(truth.event.sum() for truth in truths),
    }
    table = scores.table()
    for method, error in (("near", 1), ("far", 3)):
        for metric in ("mae", "rmse", "mae@5", "mae@10", "mae@15", "ev_mae", "ev_mae_late"):
            assert table[method][metric] == pytest.approx(error, rel=1e-5)


def test_every_slice_of_a_steady_error_is_that_error(history):
    scores = score_methods(history, DAYS, {"far": shifted(history, 3)})
    slices = (
        scores.by_lead(),
        scores.by_platform(),
        scores.by_direction(),
        scores.by_hour(),
        scores.by_date(),
    )
    for sliced, cells in zip(slices, (15, 6, 2, 27, 3), strict=True):
        errors = sliced["mae"].values
        assert errors.size == cells
        assert np.nanmax(abs(errors - 3)) < 1e-5
    assert np.isfinite(scores.by_hour()["mae"].sel(hour=[8, 9, 10])).all()
    assert np.isnan(scores.by_hour()["mae"].sel(hour=3)).all()


def test_disturbed_windows_are_scored_apart_where_earlier_days_give_typical_headways(history):
    rows = regular_rows(stations=3, days=DAYS[:2])
    log = log_of([row for row in rows if row[0] == DAYS[0] or not 500 <= row[5] < 540])
    gap = history_from_log(log, Line.from_arrivals(log, ZONE))
    scores = score_methods(gap, DAYS[1:2], {"far": shifted(gap, 3, DAYS[1:2])})
    counts = total(
        scores.sums.by_condition.sel(statistic="count", population="valid"), "service_date", "lead"
    )
    quiet, disturbed, unknown = counts.values[0]
    assert quiet > 0 and disturbed > 0 and unknown == 0
    np.testing.assert_allclose(scores.by_condition()["mae"].values[0, :2], 3, rtol=1e-5)
    assert scores.by_condition_and_lead()["mae"].shape == (1, 3, 15)
    blind = score_methods(history, DAYS[:3], {"far": shifted(history, 3)}).by_condition()["mae"]
    np.testing.assert_allclose(blind.values[0], [np.nan, np.nan, 3], rtol=1e-5)


def test_bunched_and_gapped_trains_are_judged_against_earlier_days(history):
    days = DAYS[1:3]
    methods = {"oracle": shifted(history, 0, days), "late": shifted(history, 8, days)}
    scores = score_methods(history, days, methods)
    assert len(scores.events.truth) == scores.cells["event"]
    for kind in ("bunched", "gapped"):
        found = scores.detection(kind)["all"]
        assert list(found) == ["oracle", "late", "always", "never"]
        assert 0 < found["oracle"]["base_rate"] < 0.5
        assert found["oracle"]["mcc"] == pytest.approx(1)
        assert found["oracle"]["average_precision"] == 1
        assert found["late"]["mcc"] < 1
    assert len(score_methods(history, DAYS, {"oracle": shifted(history, 0)}).events.truth) == 0


def test_report_and_scores_use_the_same_typical_headway_where_a_date_has_no_origins():
    rows = train("x", "ABC", 400, day=DAYS[0]) + regular_rows(stations=3, days=DAYS[1:3])
    log = log_of(rows)
    gap = history_from_log(log, Line.from_arrivals(log, ZONE))
    scores = score_methods(gap, DAYS[:3], {"net": shifted(gap, 0, DAYS[1:3])})
    assert scores.service_dates == DAYS[1:3]
    truths = [
        day_truth(gap, day, scored_origins(gap, day), TypicalHeadway.before(gap, scores.service_dates))
        for day in scores.service_dates
    ]
    known = sum(int((truth.event & np.isfinite(truth.typical)).sum()) for truth in truths)
    assert len(scores.events.truth) == known


def test_an_error_at_one_platform_is_found_there(history):
    forecasts = shifted(history, 0)
    for forecast in forecasts.values():
        forecast.mean[:, :, 1, 0] += 2
    errors = score_methods(history, DAYS, {"net": forecasts}).by_platform()["mae"].sel({"method": "net"})
    assert errors.sel(station=1, direction=0) == pytest.approx(2, rel=1e-5)
    assert float(errors.sum()) == pytest.approx(2, rel=1e-5)


def test_a_day_or_origin_that_a_method_lacks_counts_as_ten_minutes(history):
    full = score_methods(history, DAYS, {"one": shifted(history, 0), "two": shifted(history, 0, DAYS[:1])})
    assert full.table()["one"]["missing"] == 0
    daily = full.by_date().sel({"method": "two"})
    np.testing.assert_allclose(daily["missing"], [0, 1, 1])
    truth = day_truth(history, DAYS[1], scored_origins(history, DAYS[1]))
    expected = np.abs(10 - truth.headway[truth.valid]).mean()
    assert float(daily["mae"][1]) == pytest.approx(expected, rel=1e-5)


def test_a_day_that_an_interval_method_lacks_does_not_undo_its_intervals(history):
    forecasts = shifted(history, 0, DAYS[:2])
    wide = {
        day: Forecast(day, f.origins, f.mean, {0.1: f.mean - 1, 0.5: f.mean, 0.9: f.mean + 1})
        for day, f in forecasts.items()
    }
    scores = score_methods(history, DAYS, {"wide": wide, "point": shifted(history, 0)})
    np.testing.assert_allclose(scores.by_date()["coverage"].sel({"method": "wide"})[:2], 1)
    assert 0 < scores.table()["wide"]["coverage"] < 1
    assert np.isnan(scores.table()["point"]["coverage"])
    checks = json.loads(scores_json(scores))["coverage_checks"]
    assert checks["point"] == []
    assert [check["verdict"] for check in checks["wide"]][-1] == "too narrow"


def test_differences_are_bootstrapped_over_the_scored_days(history):
    scores = score_methods(history, DAYS, {"near": shifted(history, 1), "far": shifted(history, -3)})
    found = scores.difference("near", "far")
    assert (found.estimate, found.low, found.high) == pytest.approx((-2, -2, -2), rel=1e-5)


def test_the_difference_of_every_compared_metric_equals_the_tables(history):
    uneven = {
        day: replace(f, mean=f.mean + 4 * (f.origins % 20 == 0)[:, None, None, None])
        for day, f in shifted(history, 1).items()
    }
    scores = score_methods(history, DAYS, {"uneven": uneven, "far": shifted(history, -3)})
    table = scores.table()
    for metric in ("mae", "rmse", "ev_mae"):
        found = scores.difference("uneven", "far", metric)
        assert found.estimate == pytest.approx(table["uneven"][metric] - table["far"][metric])
        assert found.low <= found.estimate <= found.high
    assert (
        scores.difference("uneven", "far", "rmse").estimate > 0 > scores.difference("uneven", "far").estimate
    )


def test_json_holds_table_and_slices_and_no_nan(history):
    scores = score_methods(history, DAYS, {"near": shifted(history, 1), "far": shifted(history, -3)})
    plain = json.loads(scores_json(scores), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert plain["line_id"] == "toy"
    assert plain["stations"] == ["A Street", "B Street", "C Street"]
    assert plain["service_dates"] == [day.isoformat() for day in DAYS[:3]]
    assert plain["methods"]["far"]["mae"] == pytest.approx(3, rel=1e-5)
    assert plain["methods"]["far"]["coverage"] is None
    assert plain["by_lead"]["bins"] == {"lead": list(range(1, 16))}
    assert plain["by_lead"]["mae"]["near"] == pytest.approx([1] * 15, rel=1e-5)
    assert np.shape(plain["by_station_and_direction"]["mae"]["near"]) == (3, 2)
    assert plain["by_service_date"]["bins"]["service_date"] == plain["service_dates"]
    assert plain["by_hour"]["mae"]["near"][3] is None
    assert plain["by_condition"]["bins"] == {"condition": ["quiet", "disturbed", "unknown"]}
    assert plain["by_condition"]["mae"]["near"] == [None, None, pytest.approx(1, rel=1e-5)]
    assert np.shape(plain["by_condition_and_lead"]["mae"]["near"]) == (3, 15)
    assert plain["detection_cells"] == 0
    assert plain["detection"]["bunched"]["11-15"]["never"]["mcc"] is None
    pairs = plain["differences"]
    assert [pair["metric"] for pair in pairs] == ["mae", "rmse", "ev_mae"]
    for pair in pairs:
        assert (pair["method"], pair["other"]) == ("near", "far")
        assert pair["estimate"] == pytest.approx(-2, rel=1e-5)


def test_nothing_to_score_is_refused(history):
    with pytest.raises(HeadwayError, match="no forecasts"):
        score_methods(history, DAYS, {})
    with pytest.raises(HeadwayError, match="none of the 1 service dates"):
        score_methods(history, DAYS[3:], {"net": shifted(history, 0)})
    with pytest.raises(HeadwayError, match="late forecasts no scored minute of 2025-09-29 to 2025-10-01"):
        score_methods(history, DAYS, {"net": shifted(history, 0), "late": shifted(history, 0, DAYS[:1], [5])})


# Persistence on other days of these lines, independently implemented: MAE, RMSE, MAE@5, MAE@15, ev_MAE, ev_MAE late.
INDEPENDENT_SCORES = {
    "dublin-dart": ("Europe/Dublin", (2.617, 4.646, 1.933, 4.029, 4.639, 4.474)),
    "sydney-t4": ("Australia/Sydney", (1.819, 3.557, 1.433, 2.729, 2.939, 2.918)),
}


@pytest.mark.parametrize("name", INDEPENDENT_SCORES)
def test_persistence_is_near_independent_scores_on_real_lines(real_line, name):
    zone, expected = INDEPENDENT_SCORES[name]
    log = read_arrivals(real_line(name) / "arrivals.parquet")
    history = history_from_log(log, Line.from_arrivals(log, zone))
    dates = history.service_dates
    forecasts = {f.service_date: f for f in backtest(history, Persistence(), dates)}
    row = score_methods(history, dates, {"persistence": forecasts}).table()["persistence"]
    found = [row[metric] for metric in ("mae", "rmse", "mae@5", "mae@15", "ev_mae", "ev_mae_late")]
    assert found == pytest.approx(expected, rel=0.05)


CELLS = np.full(20, 1000)


def test_the_estimate_is_the_difference_of_the_pooled_errors():
    # 30 of 10 cells and 30 of 30 cells: 60/40 against 20/40.
    found = bootstrap_over_days(np.array([30.0, 30]), np.array([10.0, 10]), np.array([10, 30]))
    assert found.estimate == pytest.approx(1.0)
    # The draws are twice the first day (2), one of each (1), or twice the second (2/3).
    assert (found.low, found.high) == pytest.approx((2 / 3, 2))


def test_roots_are_taken_of_the_pooled_squares_of_each_draw():
    # Squares of 1 and 9 against 4 and 4: of both days the roots are sqrt(5) and 2, of one day drawn twice 1 - 2 and 3 - 2.
    found = bootstrap_over_days(
        np.array([10.0, 90]), np.array([40.0, 40]), np.array([10, 10]), metric=np.sqrt
    )
    assert found.estimate == pytest.approx(np.sqrt(5) - 2)
    assert (found.low, found.high) == pytest.approx((-1, 1))


def test_a_method_is_no_better_than_itself():
    errors = np.random.default_rng(0).uniform(500, 1500, 20)
    found = bootstrap_over_days(errors, errors, CELLS)
    assert (found.estimate, found.low, found.high, found.p_value) == (0, 0, 0, 1)
    assert not found.is_clear


def test_better_on_every_day_is_clear():
    errors = np.random.default_rng(1).uniform(500, 1500, 20)
    found = bootstrap_over_days(errors, errors + 100, CELLS)
    assert found.low == pytest.approx(-0.1) and found.high == pytest.approx(-0.1)
    assert found.p_value < 0.001
    assert found.is_clear


def test_swapping_the_methods_mirrors_the_difference():
    random = np.random.default_rng(2)
    a, b = random.uniform(500, 1500, (2, 20))
    there, back = bootstrap_over_days(a, b, CELLS, seed=5), bootstrap_over_days(b, a, CELLS, seed=5)
    assert (there.estimate, there.low, there.high) == pytest.approx((-back.estimate, -back.high, -back.low))
    assert there.p_value == back.p_value


def test_one_bad_day_in_many_is_not_significant():
    gaps = np.zeros(20)
    gaps[3] = 5000
    found = bootstrap_over_days(gaps, np.zeros(20), CELLS)
    assert found.low == 0
    assert not found.is_clear


def test_the_interval_is_about_as_wide_as_the_normal_one():
    gaps = np.random.default_rng(3).normal(100, 200, 200)
    found = bootstrap_over_days(gaps, np.zeros(200), np.full(200, 1000))
    assert (found.high - found.low) == pytest.approx(2 * 1.96 * gaps.std() / 1000 / np.sqrt(200), rel=0.05)


@pytest.mark.parametrize(("days", "p_value"), [(2, 1 / 2), (3, 1 / 4), (6, 1 / 32)])
def test_few_days_that_agree_have_the_p_value_of_a_sign_test(days, p_value):
    found = bootstrap_over_days(np.full(days, 10.0), np.full(days, 30.0), np.full(days, 10))
    assert (found.estimate, found.low, found.high) == (-2, -2, -2)
    assert found.p_value == p_value


def test_a_single_day_has_neither_interval_nor_p_value():
    found = bootstrap_over_days(np.array([10.0]), np.array([30.0]), np.array([10]))
    assert found.estimate == -2
    assert np.isnan([found.low, found.high, found.p_value]).all()
    assert not found.is_clear


def test_the_seed_decides():
    a, b = np.random.default_rng(4).uniform(500, 1500, (2, 20))
    assert bootstrap_over_days(a, b, CELLS, seed=1) == bootstrap_over_days(a, b, CELLS, seed=1)
    assert bootstrap_over_days(a, b, CELLS, seed=1) != bootstrap_over_days(a, b, CELLS, seed=2)
