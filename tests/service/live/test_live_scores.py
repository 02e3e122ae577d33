"""Live scores equal those of the evaluation, minute by minute, also after a restart."""

from datetime import date

import numpy as np
import pytest

from headway_prediction.evaluation.cell_statistics import day_sums
from headway_prediction.evaluation.metrics import metrics
from headway_prediction.evaluation.truth import day_truth
from headway_prediction.forecasters.base import Forecast
from headway_prediction.forecasters.baselines import Persistence
from headway_prediction.forecasters.propagation import Propagation
from headway_prediction.service.live.live_scores import LiveScorer
from headway_prediction.service.live.published import Level, PublishedForecast, Status
from helpers.lines import MONDAY, noisy_history

METHODS = ("st-convnet", "persistence")
FIRST, LAST = 360, 430


@pytest.fixture(scope="module")
def line():
    return noisy_history("toy", 4, 3, first=300, last=600)


@pytest.fixture(scope="module")
def forecasts(line):
    """In place of the network: propagation with an interval around it."""
    day, origins = MONDAY, np.arange(FIRST, LAST)
    made = Propagation.fit(line.select(line.service_dates[1:])).forecast(line, day, origins)
    network = Forecast(day, origins, made.mean, {0.1: made.mean - 2, 0.5: made.mean, 0.9: made.mean + 2})
    return {"st-convnet": network, "persistence": Persistence().forecast(line, day, origins)}


def at(forecast: Forecast, t0: int) -> Forecast:
    row = slice(t0 - FIRST, t0 - FIRST + 1)
    quantiles = {level: cells[row] for level, cells in forecast.quantiles.items()}
    return Forecast(forecast.service_date, forecast.origins[row], forecast.mean[row], quantiles)


def published(forecasts, t0: int, methods=METHODS) -> list[PublishedForecast]:
    status = Status(Level.LIVE)
    return [PublishedForecast("toy", name, t0 * 60.0, status, at(forecasts[name], t0)) for name in methods]


def live(line, forecasts, origins=range(FIRST, LAST), **methods) -> LiveScorer:
    scorer = LiveScorer(METHODS, line.line.time_zone)
    for t0 in origins:
        scorer.add(published(forecasts, t0, methods.get("methods", METHODS)))
        scorer.score_settled(line.as_of(MONDAY, t0).select([MONDAY]), t0)
    return scorer


@pytest.fixture(scope="module")
def scored(line, forecasts):
    """The scorer after the last minute, not to be changed."""
    return live(line, forecasts)


def test_live_scores_equal_those_of_the_evaluation_over_the_same_cells(line, forecasts, scored):
    scores = scored.scores(0.0)
    truth = day_truth(line, MONDAY, np.arange(FIRST, LAST))
    known = np.arange(FIRST, LAST)[:, None] + np.arange(1, 16) <= LAST - 1 - 5
    truth.valid[~known], truth.event[~known] = False, False
    for score in scores.methods:
        forecast = forecasts[score.method]
        expected = metrics(day_sums(truth, forecast, set(forecast.quantiles)).by_lead)
        np.testing.assert_allclose(score.mae, expected["mae"].values)
        np.testing.assert_allclose(score.rmse, expected["rmse"].values)
        np.testing.assert_array_equal(score.cells, truth.valid.sum(axis=(0, 2, 3)))
    assert 0 < scores.coverage <= 1


def test_a_restart_rebuilds_the_scores_from_the_store(line, forecasts, scored):
    restarted = LiveScorer(METHODS, line.line.time_zone)
    restarted.add(published(forecasts, LAST - 1))
    restarted.score_settled(line.as_of(MONDAY, LAST - 1).select([MONDAY]), LAST - 1)
    assert restarted.scores(0.0) is None
    restarted.restore(one for t0 in range(FIRST, LAST) for one in published(forecasts, t0))
    restarted.score_settled(line.as_of(MONDAY, LAST - 1).select([MONDAY]), LAST - 1)
    ours, theirs = restarted.scores(0.0), scored.scores(0.0)
    for one, other in zip(ours.methods, theirs.methods, strict=True):
        np.testing.assert_array_equal(one.cells, other.cells)
        np.testing.assert_allclose(one.mae, other.mae)
    assert ours.better_method == theirs.better_method and ours.coverage == pytest.approx(theirs.coverage)


def test_forecasts_published_while_the_store_is_read_are_scored_too(line, forecasts):
    last, later = FIRST + 20, FIRST + 40
    undisturbed, restarted = (
        live(line, forecasts, range(FIRST, last)),
        LiveScorer(METHODS, line.line.time_zone),
    )
    restarted.add(published(forecasts, last - 1))
    restarted.restore(one for t0 in range(FIRST, last - 1) for one in published(forecasts, t0))
    for scorer in (undisturbed, restarted):
        scorer.score_settled(line.as_of(MONDAY, later).select([MONDAY]), later)
    for one, other in zip(restarted.scores(0.0).methods, undisturbed.scores(0.0).methods, strict=True):
        np.testing.assert_array_equal(one.cells, other.cells)
    alone = LiveScorer(METHODS, line.line.time_zone)
    alone.add(published(forecasts, FIRST))
    alone.restore([])
    alone.score_settled(line.as_of(MONDAY, later).select([MONDAY]), later)
    assert alone.scores(0.0).methods[0].cells[0] == 8


def test_the_last_minutes_are_not_settled(line, forecasts):
    assert live(line, forecasts, range(FIRST, FIRST + 6)).scores(0.0) is None
    (score, _) = live(line, forecasts, range(FIRST, FIRST + 7)).scores(0.0).methods
    assert score.cells.tolist() == [8] + [0] * 14  # lead 1 of the first origin: four stations, two directions


def test_an_origin_without_one_of_the_methods_is_excluded_for_all(line, forecasts):
    scorer = LiveScorer(METHODS, line.line.time_zone)
    for t0 in range(FIRST, LAST):
        scorer.add(published(forecasts, t0, METHODS if t0 % 2 else METHODS[1:]))
    scorer.score_settled(line.select([MONDAY]), LAST + 30)
    network, persistence = scorer.scores(0.0).methods
    np.testing.assert_array_equal(network.cells, persistence.cells)
    assert network.cells[0] == 35 * 8


def test_a_simple_method_is_better_only_over_a_whole_hour(line, forecasts, scored):
    assert scored.scores(0.0).better_method is None
    swapped = {"st-convnet": forecasts["persistence"], "persistence": forecasts["st-convnet"]}
    assert (
        live(line, swapped, range(FIRST, FIRST + 50)).scores(0.0).better_method is None
    )  # not for long enough
    assert live(line, swapped).scores(0.0).better_method == "persistence"


def test_a_new_service_date_starts_again(line, forecasts):
    scorer = live(line, forecasts, range(FIRST, FIRST + 8))
    assert scorer.scores(0.0) is not None
    tuesday = date(2025, 9, 30)
    other = at(forecasts["persistence"], FIRST)
    later = Forecast(tuesday, other.origins, other.mean, other.quantiles)
    scorer.add([PublishedForecast("toy", "persistence", 0.0, Status(Level.LIVE), later)])
    assert scorer.scores(0.0) is None
