"""Oracle check: with the terminal departures that really happened, a method forecasts no worse than with the plan.

A method that is better with the plan found in it what a plan cannot know, or misreads it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from headway_prediction.errors import HeadwayError
from headway_prediction.evaluation.backtest import backtest
from headway_prediction.evaluation.compare import Difference, score_methods
from headway_prediction.forecasters.base import Forecast, Forecaster
from headway_prediction.grid.history import LineHistory
from headway_prediction.grid.plan_variants import PlanKind, plan_kind, with_plan
from headway_prediction.transit.line import DIRECTIONS
from headway_prediction.transit.timetable import Timetable

SIGNIFICANCE_LEVEL = 0.05
HALF_SECOND_MINS = 0.5 / 60
MAX_EXACT_SHARE = 0.9
"""On two real lines, whose plans stand on whole or half minutes, a quarter of the trains leave at the planned second."""


@dataclass(frozen=True)
class OracleComparison:
    """A method's MAE (minutes) with the plan and with its own oracle terminals on the same service dates.

    `difference` is the oracle's MAE minus the plan's, bootstrapped over service days.
    """

    method: str
    with_plan: float
    with_oracle: float
    difference: Difference

    @property
    def alarm(self) -> str | None:
        """A sentence if the plan is significantly better at the 5 % level, which takes six service days or more."""
        worse = self.difference
        if not (worse.low > 0 and worse.p_value < SIGNIFICANCE_LEVEL):
            return None
        return (
            f"{self.method} is better with the plan (MAE {self.with_plan:.3f} min) than with the observed departures "
            f"({self.with_oracle:.3f} min; by {worse.low:.3f} to {worse.high:.3f}, p = {worse.p_value:.3f})"
        )


def compare_with_oracle(
    history: LineHistory,
    methods: Mapping[str, Forecaster],
    training: Sequence[date],
    service_dates: Sequence[date],
) -> Iterator[OracleComparison]:
    """Compare each method with itself under oracle terminals, over the scored origins of `service_dates`.

    A method that can be fitted is fitted again on the `training` dates with their oracle terminals, so that it can rely on
    them; a trained network, which has no `fit`, only gets them as input, so a typical delay that it learned counts against
    its oracle. Methods that do not use the plan come out equal. Raises HeadwayError for a history whose plan is an oracle
    already.
    """
    if plan_kind(history) is PlanKind.ORACLE:
        found, expected = (
            "the grid's plan is the observed departures (oracle)",
            "a grid with its planned service or none",
        )
        raise HeadwayError(found, expected, "pass the grid that `headway grid` wrote")
    oracle = with_plan(history, PlanKind.ORACLE)
    for name, method in methods.items():
        oracle_method = type(method).fit(oracle.select(training)) if hasattr(method, "fit") else method
        forecasts = {
            "plan": _by_date(backtest(history, method, service_dates)),
            "oracle": _by_date(backtest(oracle, oracle_method, service_dates)),
        }
        scores = score_methods(history, service_dates, forecasts)
        table = scores.table()
        yield OracleComparison(
            name, table["plan"]["mae"], table["oracle"]["mae"], scores.difference("oracle", "plan")
        )


def _by_date(forecasts: Iterable[Forecast]) -> dict[date, Forecast]:
    return {forecast.service_date: forecast for forecast in forecasts}


def observed_plan_alarm(history: LineHistory, service_dates: Sequence[date]) -> str | None:
    """Return a sentence if the plan of these dates looks written from their log: over 90 % of departures to the second."""
    if history.timetable is None:
        return None
    plan = history.timetable
    misfits = [_misfits(history, plan, day, direction) for day in service_dates for direction in DIRECTIONS]
    departures = sum(map(len, misfits))
    exact = sum(int((misfit < HALF_SECOND_MINS).sum()) for misfit in misfits)
    if exact <= MAX_EXACT_SHARE * departures:
        return None
    return (
        f"the plan looks like the observed departures: {exact} of {departures} trains left their terminal at a "
        "planned time to the second"
    )


def _misfits(history: LineHistory, plan: Timetable, day: date, direction: int) -> np.ndarray:
    """Minutes between each observed departure of a direction and the nearest planned one; infinite without any."""
    station = history.line.first_station(direction)
    here = (pl.col("direction") == direction) & (pl.col("station") == station)
    observed = history.passings_on(day).filter(here)["minute"].to_numpy()
    planned = plan.departures(day, direction, station)
    return np.asarray(np.abs(observed[:, None] - planned).min(axis=1, initial=np.inf))
