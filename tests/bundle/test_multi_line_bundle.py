"""A bundle of several lines forecasts a line that it has never seen, from that line's own past and from nothing later."""

import json
import shutil
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from headway_prediction.bundle.bundle import Bundle
from headway_prediction.bundle.line_adaptation import BLENDED, LineAdaptation, adaptation_dates
from headway_prediction.errors import HeadwayError
from headway_prediction.evaluation.backtest import scored_origins
from headway_prediction.evaluation.leakage.lookahead import with_random_future
from headway_prediction.evaluation.truth import day_truth
from headway_prediction.forecasters.rolling_fit import RollingFit, RollingPrior, history_before
from headway_prediction.forecasters.rollout import Rollout
from headway_prediction.forecasters.st_convnet import STConvNetForecaster
from headway_prediction.forecasters.trip_propagation import TripPropagation
from headway_prediction.grid.history import LineHistory
from headway_prediction.grid.plan_variants import PlanKind, with_plan
from headway_prediction.grid.store import read_history
from helpers.lines import MONDAY, noisy_history

DATES = [MONDAY + timedelta(days=k) for k in range(5)]


@pytest.fixture(scope="module")
def bundle(three_lines) -> Bundle:
    return Bundle.load(three_lines / "bundle")


@pytest.fixture(scope="module")
def unseen(three_lines) -> LineHistory:
    return read_history(three_lines / "c.zarr")


def test_it_knows_the_lines_and_days_it_was_trained_on(bundle):
    assert not bundle.is_single_line
    with pytest.raises(
        HeadwayError, match="the bundle is of several lines, a, b; expected the bundle of one line"
    ):
        bundle.line  # noqa: B018
    assert [known.line.line_id for known in bundle.lines] == ["a", "b"]
    assert [len(known.line.stations) for known in bundle.lines] == [4, 6]
    assert [list(known.days["training"]) for known in bundle.lines] == [DATES[:4], DATES[:2]]
    assert [list(known.days["test"]) for known in bundle.lines] == [DATES[4:5], DATES[2:3]]
    assert len(bundle.network_paths) == 2
    assert bundle.details["validation_scores"]["mae_mins"] > 0


def without_arrays(bundle):
    return replace(bundle, network_paths=(), calibration=None, rollout=None, prior=None)


def test_saved_and_loaded_again_it_is_the_same(bundle, unseen, tmp_path):
    bundle.save(tmp_path / "again")
    again = Bundle.load(tmp_path / "again")
    assert without_arrays(again) == without_arrays(bundle)
    origins = scored_origins(unseen, DATES[2])[:3]
    first, second = (one.method("st-convnet").forecast(unseen, DATES[2], origins) for one in (bundle, again))
    assert first.mean.tobytes() == second.mean.tobytes()


def test_a_changed_file_is_refused(three_lines, tmp_path):
    copied = shutil.copytree(three_lines / "bundle", tmp_path / "bundle")
    manifest = json.loads((copied / "bundle.json").read_text())
    manifest["lines"] = manifest["lines"][:1]
    (copied / "bundle.json").write_text(json.dumps(manifest))
    with pytest.raises(HeadwayError, match=r"bundle\.json was changed"):
        Bundle.load(copied)


def test_every_method_forecasts_every_cell_of_the_unseen_line(bundle, unseen):
    names = bundle.methods_on(unseen)
    assert names == [
        "persistence", "climatology", "propagation", "trip-propagation", "st-convnet", "st-convnet-blend",
    ]  # fmt: skip
    planned = with_plan(unseen, PlanKind.ORACLE)
    assert "schedule" in bundle.methods_on(planned)
    origins = scored_origins(unseen, DATES[1])
    for name in names:
        forecast = bundle.method(name).forecast(unseen, DATES[1], origins)
        assert forecast.mean.shape == (len(origins), 15, 5, 2)
        assert np.isfinite(forecast.mean).mean() > 0.95


def test_an_unknown_method_is_refused_with_those_it_has(bundle):
    with pytest.raises(HeadwayError, match=r"no method 'lightgbm'.*propagation.*st-convnet"):
        bundle.method("lightgbm")


def knowing_nothing(bundle) -> STConvNetForecaster:
    """The same networks with a first guess that was not fitted on anything yet."""
    prior = RollingPrior(RollingFit(TripPropagation))
    return STConvNetForecaster(bundle.networks, bundle.config, prior, bundle.calibration)


@pytest.mark.parametrize("name", ["st-convnet", BLENDED])
@pytest.mark.parametrize("day", [DATES[0], DATES[2]])
def test_the_network_sees_no_future_of_the_unseen_line(bundle, unseen, day, name):
    origins = scored_origins(unseen, day)[[0, 7, -1]]
    whole = bundle.method(name).forecast(unseen, day, origins)
    assert np.ptp(whole.mean) > 0
    for index, t0 in enumerate(origins):
        for known in (unseen.as_of(day, int(t0)), with_random_future(unseen, day, int(t0))):
            alone = RollingFit(LineAdaptation(knowing_nothing(bundle), name)).forecast(
                known, day, np.array([t0])
            )
            assert alone.mean[0].tobytes() == whole.mean[index].tobytes()
            for level, values in alone.quantiles.items():
                assert values[0].tobytes() == whole.quantiles[level][index].tobytes()


@pytest.mark.parametrize("day", [DATES[0], DATES[2]])
def test_the_rollout_sees_no_future(bundle, unseen, day):
    t0 = int(scored_origins(unseen, day)[5])
    whole = bundle.method("st-convnet-60").forecast(unseen, day, np.array([t0]))
    assert whole.mean.shape == (1, 60, 5, 2)
    for known in (unseen.as_of(day, t0), with_random_future(unseen, day, t0)):
        alone = Rollout(knowing_nothing(bundle), bundle.rollout).forecast(known, day, np.array([t0]))
        assert alone.mean.tobytes() == whole.mean.tobytes()


class TestOwnTrust:
    """The unseen line's fourth date is forecast with intervals of its second and third."""

    def test_they_cover_as_many_event_cells_of_the_days_before_as_they_say(self, bundle, unseen):
        fitted = LineAdaptation(knowing_nothing(bundle)).fit(history_before(unseen, DATES[3], 0))
        assert not np.array_equal(fitted.calibration.stretch, bundle.calibration.stretch)
        inside = []
        for day in DATES[1:3]:
            forecast = fitted.forecast(unseen, day, scored_origins(unseen, day))
            truth = day_truth(unseen, day, forecast.origins)
            low, high = (forecast.quantiles[level][truth.event] for level in (0.1, 0.9))
            inside.append((low <= truth.headway[truth.event]) & (truth.headway[truth.event] <= high))
        assert 0.7 < np.concatenate(inside).mean() < 0.9

    def test_they_stand_in_the_forecast(self, bundle, unseen):
        origins = scored_origins(unseen, DATES[3])[:5]
        fitted = LineAdaptation(knowing_nothing(bundle)).fit(history_before(unseen, DATES[3], 0))
        by_hand, forecast = (
            method.forecast(unseen, DATES[3], origins) for method in (fitted, bundle.method("st-convnet"))
        )
        np.testing.assert_array_equal(forecast.quantiles[0.9], by_hand.quantiles[0.9])

    @pytest.mark.parametrize("day", DATES[:2])
    def test_before_a_line_has_days_to_calibrate_on_those_of_other_lines_stand_in(self, bundle, unseen, day):
        network = knowing_nothing(bundle)
        assert LineAdaptation(network).fit(history_before(unseen, day, 9)) is network

    def test_the_blend_is_a_separate_method_and_better_on_the_adaptation_days(self, bundle, unseen):
        past = history_before(unseen, DATES[3], 0)
        alone, blended = (
            LineAdaptation(knowing_nothing(bundle), name).fit(past) for name in ("st-convnet", BLENDED)
        )
        assert alone.blend is None and blended.blend is not None
        errors = {"alone": [], "blended": []}
        for day in DATES[1:3]:
            truth = day_truth(unseen, day, scored_origins(unseen, day))
            for name, method in (("alone", alone), ("blended", blended)):
                forecast = method.forecast(unseen, day, truth.origins)
                errors[name].append(((forecast.mean - truth.headway)[truth.valid]) ** 2)
        assert np.concatenate(errors["blended"]).mean() < np.concatenate(errors["alone"]).mean()

    def test_adaptation_dates_have_an_earlier_date_of_their_type(self):
        monday = date(2025, 7, 28)
        week = [monday + timedelta(days=number) for number in range(8)]
        assert adaptation_dates(week[:7]) == week[1:5]  # not the one Saturday and Sunday
        assert adaptation_dates(week) == [*week[2:5], week[7]]
        assert adaptation_dates([week[0], *week[5:7]]) == week[5:7]  # nothing better is there
        assert adaptation_dates(week[:1]) == adaptation_dates([]) == []


class TestDates:
    def test_all_days_but_the_first_of_an_unseen_line(self, bundle, unseen):
        assert bundle.select_test_dates(unseen) == DATES[1:4]
        assert bundle.select_test_dates(unseen, [DATES[3], DATES[0]]) == [DATES[0], DATES[3]]

    def test_the_test_days_of_a_line_trained_on(self, bundle, three_lines):
        history = read_history(three_lines / "a.zarr")
        assert bundle.select_test_dates(history) == [DATES[4]]
        with pytest.raises(HeadwayError, match=r"2025-09-30 was used"):
            bundle.select_test_dates(history, [DATES[1], DATES[4]])

    def test_a_branch_of_a_line_trained_on_is_that_line(self, bundle):
        with pytest.raises(HeadwayError, match=r"2025-09-29 was used"):
            bundle.select_test_dates(noisy_history("a", 7, 2), [DATES[0]])

    def test_a_line_of_one_day_gives_that_day(self, bundle):
        assert bundle.select_test_dates(noisy_history("d", 3, 1)) == [DATES[0]]


def test_a_grid_of_another_cap_is_refused(bundle, unseen):
    bundle.check_fits(unseen)
    with pytest.raises(HeadwayError, match=r"caps headways at 20.*30"):
        bundle.check_fits(replace(unseen, grid=unseen.grid.assign_attrs(cap_mins=20.0)))
