"""Each method beside itself with oracle terminals: told when trains really leave, it forecasts no worse than from the plan.

A method that is better with the plan got from it what a plan cannot know, or reads it wrongly.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from headway_prediction.errors import HeadwayError
from headway_prediction.evaluation.backtest import backtest
from headway_prediction.evaluation.compare import score_methods
from headway_prediction.evaluation.significance import Difference
from headway_prediction.forecasters.base import Forecaster
from headway_prediction.grid.history import LineHistory
from headway_prediction.grid.plan_variants import PlanKind, plan_kind, with_plan
from headway_prediction.transit.line import DIRECTIONS

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
        """A sentence if the plan is better by more than these days' noise, at the 5 % level; six days are the fewest."""
        worse = self.difference
        if not (worse.low > 0 and worse.p_value < SIGNIFICANCE_LEVEL):
            return None
        return (
            f"{self.method} is better with the plan (MAE {self.with_plan:.3f} min) than told when trains really leave "
            f"({self.with_oracle:.3f} min; by {worse.low:.3f} to {worse.high:.3f}, p = {worse.p_value:.3f})"
        )


def compare_with_oracle(
    history: LineHistory,
    methods: Mapping[str, Forecaster],
    training: Sequence[date],
    service_dates: Sequence[date],
) -> Iterator[OracleComparison]:
    """Compare each method with itself under oracle terminals, over the scored origins of `service_dates`.

    A method that can be fitted is fitted again on the `training` dates with their oracle terminals, so that it may trust
    them; a trained network, which has no `fit`, is only fed them: a lateness that it learned counts against its oracle.
    Methods without use for the plan come out equal. Raises HeadwayError for a history whose plan is an oracle already.
    """
    if plan_kind(history) is PlanKind.ORACLE:
        raise HeadwayError(
            "the grid's plan is the observed departures (oracle)",
            "a grid with its planned service or none",
            "give the grid that `headway grid` wrote",
        )
    oracle = with_plan(history, PlanKind.ORACLE)
    for name, method in methods.items():
        with_departures = type(method).fit(oracle.select(training)) if hasattr(method, "fit") else method
        forecasts = {
            "plan": {found.service_date: found for found in backtest(history, method, service_dates)},
            "oracle": {
                found.service_date: found for found in backtest(oracle, with_departures, service_dates)
            },
        }
        scores = score_methods(history, service_dates, forecasts)
        table = scores.table()
        yield OracleComparison(
            name, table["plan"]["mae"], table["oracle"]["mae"], scores.difference("oracle", "plan")
        )


def observed_plan_alarm(history: LineHistory, service_dates: Sequence[date]) -> str | None:
    """Return a sentence if the plan of these dates looks written from their log: over 90 % of departures to the second."""
    dates = service_dates if history.timetable is not None else ()
    misfits = [_misfits(history, day, direction) for day in dates for direction in DIRECTIONS]
    departures = sum(map(len, misfits))
    on_the_second = sum(int((misfit < HALF_SECOND_MINS).sum()) for misfit in misfits)
    if on_the_second <= MAX_EXACT_SHARE * departures:
        return None
    return (
        f"the plan looks like the observed departures: {on_the_second} of {departures} trains left their terminal at a "
        "planned time to the second"
    )


def _misfits(history: LineHistory, day: date, direction: int) -> np.ndarray:
    """Minutes between each observed departure of a direction and the nearest planned one; infinite without any."""
    station = history.line.first_station(direction)
    here = (pl.col("direction") == direction) & (pl.col("station") == station)
    observed = history.passings_on(day).filter(here)["minute"].to_numpy()
    planned = history.timetable.departures(day, direction, station)
    return np.abs(observed[:, None] - planned).min(axis=1, initial=np.inf)
