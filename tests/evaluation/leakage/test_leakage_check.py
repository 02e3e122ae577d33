"""The leakage checks raise an alarm for methods that use the future, and for no method that does not."""

from dataclasses import dataclass
from datetime import date
from typing import ClassVar

import numpy as np
import polars as pl
import pytest

from headway_prediction.errors import HeadwayError
from headway_prediction.evaluation.backtest import scored_origins
from headway_prediction.evaluation.leakage.lookahead import (
    DELETED,
    REPLACED,
    find_leaks,
    spread_origins,
    with_random_future,
)
from headway_prediction.evaluation.leakage.oracle import compare_with_oracle, observed_plan_alarm
from headway_prediction.forecasters.base import Forecast
from headway_prediction.forecasters.baselines import Persistence
from headway_prediction.forecasters.propagation import Propagation
from headway_prediction.forecasters.registry import fit_simple_methods
from headway_prediction.grid.build import read_line_files
from headway_prediction.grid.history import LineHistory
from headway_prediction.grid.plan_variants import PLAN_ATTRIBUTE, PlanKind, plan_kind, with_plan
from headway_prediction.simulate import Scenario, write_simulation

FITTED_DAYS = 4


@pytest.fixture(scope="module")
def history(tmp_path_factory) -> LineHistory:
    folder = tmp_path_factory.mktemp("leakage")
    return read_line_files(*write_simulation(folder, Scenario.of_size(5), days=12, seed=2))


@pytest.fixture(scope="module")
def days(history) -> tuple[list[date], list[date]]:
    """The dates to fit on and the dates to judge on."""
    return history.service_dates[:FITTED_DAYS], history.service_dates[FITTED_DAYS:]


@pytest.fixture(scope="module")
def simple(history, days):
    return fit_simple_methods(history.select(days[0]))


class OneMinuteAhead(Persistence):
    """Holds the headway of one minute after the origin."""

    name: ClassVar[str] = "one-minute-ahead"

    def forecast(self, history: LineHistory, service_date: date, origins: np.ndarray) -> Forecast:
        return super().forecast(history, service_date, origins + 1)


class UsesLaterDepartures(Propagation):
    """Uses the departures of the log as its plan, later ones included."""

    name: ClassVar[str] = "uses-later-departures"

    def forecast(self, history: LineHistory, service_date: date, origins: np.ndarray) -> Forecast:
        return super().forecast(with_plan(history, PlanKind.ORACLE), service_date, origins)


@dataclass(frozen=True)
class WorseWithOracle:
    """Forecasts well from a plan and badly from observed departures, as a method with a leak elsewhere would."""

    inner: Propagation
    name: ClassVar[str] = "worse-with-oracle"

    def forecast(self, history: LineHistory, service_date: date, origins: np.ndarray) -> Forecast:
        found = self.inner.forecast(history, service_date, origins)
        worse = found.mean + 2 * (plan_kind(history) is PlanKind.ORACLE)
        return Forecast.of_points(service_date, origins, worse)


def test_a_random_future_keeps_the_past_and_replaces_the_future(history, days):
    day, t0 = days[1][2], 700
    other = with_random_future(history, day, t0)
    assert other.service_dates == history.service_dates
    assert other.known_passings(day, t0).equals(history.known_passings(day, t0))
    now, was = (part.day(day).isel(time=slice(0, t0 + 1)) for part in (other, history))
    for name in ("headway", "elapsed", "arrived", "valid"):
        np.testing.assert_array_equal(now[name].values, was[name].values)
    for later in days[1][2:]:
        assert not other.passings_on(later).equals(history.passings_on(later))
    assert other.passings_on(days[1][1]).equals(history.passings_on(days[1][1]))
    assert not with_random_future(history, day, t0, seed=1).passings.equals(other.passings)


def test_after_midnight_the_rest_of_the_previous_day_is_replaced_too(history, days):
    night, day = days[1][0], days[1][1]
    other, known = with_random_future(history, day, 9), history.known_passings(day, 9)
    assert known.filter(service_date=night)["minute"].max() < 1450
    assert other.passings_on(night).filter(pl.col("minute") >= 1450).height > 0
    assert other.known_passings(day, 9).equals(known)


def test_origins_are_spread_over_all_days(history, days):
    origins = spread_origins(history, days[1], 8)
    assert sum(len(minutes) for minutes in origins.values()) == 8
    assert min(origins) == days[1][0] and max(origins) == days[1][-1]
    assert all(set(minutes) <= set(scored_origins(history, day)) for day, minutes in origins.items())
    assert spread_origins(history, [], 8) == {}


def test_methods_without_a_leak_pass(history, days, simple):
    assert find_leaks(history, simple, spread_origins(history, days[1], 10)) == {}
    results = {result.method: result for result in compare_with_oracle(history, simple, *days)}
    assert {result.alarm for result in results.values()} == {None}
    for name in ("persistence", "climatology"):
        assert results[name].with_plan == results[name].with_oracle
    assert results["propagation"].difference.high < 0  # observed departures improve the forecast


@pytest.mark.parametrize("leaking", [OneMinuteAhead, UsesLaterDepartures])
def test_a_method_that_uses_the_future_is_named_with_date_minute_and_cell(history, days, simple, leaking):
    methods = simple | {leaking.name: leaking.fit(history.select(days[0]))}
    alarms = find_leaks(history, methods, spread_origins(history, days[1], 10))
    assert list(alarms) == [leaking.name]
    sentence = alarms[leaking.name]
    assert sentence.startswith(f"{leaking.name} uses the future: at minute ")
    assert any(f" of {day} (" in sentence for day in days[1])
    assert any(f" for {name}, direction " in sentence for name in history.line.station_names)


def test_using_a_minute_without_a_passing_shows_beside_another_future(history, days):
    day = days[1][0]
    moments = scored_origins(history, day)
    comes = history.day(day)["arrived"].values[moments + 1].any(axis=(1, 2))
    for t0, how in ((moments[comes][0], DELETED), (moments[~comes][0], REPLACED)):
        alarms = find_leaks(history, {"ahead": OneMinuteAhead()}, {day: np.array([t0])})
        assert f"at minute {t0} of {day}" in alarms["ahead"] and alarms["ahead"].endswith(how)


def test_a_method_that_is_worse_with_the_oracle_is_reported_as_a_leak(history, days, simple):
    (result,) = compare_with_oracle(history, {"worse": WorseWithOracle(simple["propagation"])}, *days)
    assert result.with_oracle > result.with_plan + 1
    assert result.alarm.startswith("worse is better with the plan (MAE 0.")


def test_a_few_bad_days_are_no_leak(history, days, simple):
    methods = {"worse": WorseWithOracle(simple["propagation"])}
    (result,) = compare_with_oracle(history, methods, days[0], days[1][:5])
    assert result.with_oracle > result.with_plan and result.alarm is None


def test_a_method_that_can_be_fitted_is_fitted_again_on_the_oracle(history, days):
    """A plan that trains do not keep is not followed; observed departures are."""
    day = pl.col("minute") + 20 * pl.col("minute").sin()  # at no fixed distance from the truth
    plan = history.timetable.planned.with_columns(minute=day)
    loose = LineHistory(
        history.line,
        history.passings,
        type(history.timetable)(history.timetable.services, plan),
        history.grid,
    )
    method = Propagation.fit(loose.select(days[0]))
    assert not any(runs.follows_plan for runs in method.runs)
    (result,) = compare_with_oracle(loose, {"propagation": method}, *days)
    assert result.difference.high < 0


def test_an_oracle_grid_is_refused(history, days, simple):
    with pytest.raises(HeadwayError, match="observed departures"):
        next(compare_with_oracle(with_plan(history, PlanKind.ORACLE), simple, *days))


def test_a_plan_made_from_the_log_is_reported_as_a_leak(history, days):
    oracle = with_plan(history, PlanKind.ORACLE)
    unlabelled = LineHistory(oracle.line, oracle.passings, oracle.timetable, oracle.grid.drop_attrs())
    assert PLAN_ATTRIBUTE not in unlabelled.grid.attrs
    assert "trains left their terminal at a planned time to the second" in observed_plan_alarm(
        unlabelled, days[1]
    )
    assert observed_plan_alarm(history, days[1]) is None
    assert observed_plan_alarm(with_plan(history, PlanKind.NONE), days[1]) is None


@pytest.mark.parametrize("name", ["dublin-dart", "nyc-1"])
def test_the_simple_methods_pass_on_real_lines(real_line, name):
    folder = real_line(name)
    history = real_history(folder)
    fitted, judged = history.service_dates[:7], history.service_dates[7:14]
    history = history.select(fitted + judged)
    methods = fit_simple_methods(history.select(fitted))
    assert observed_plan_alarm(history, judged) is None
    assert find_leaks(history, methods, spread_origins(history, judged, 4)) == {}
    assert [result.alarm for result in compare_with_oracle(history, methods, fitted, judged)] == [None] * len(
        methods
    )


def real_history(folder) -> LineHistory:
    log, plan = folder / "arrivals.parquet", folder / "planned_departures.csv"
    if plan.is_file():
        return read_line_files(log, planned_departures=plan, time_zone="America/New_York")
    return read_line_files(log, folder / "gtfs.zip")
