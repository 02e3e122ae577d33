"""The usual headway, against which a headway is short or long: that of earlier days, else the planned one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from headway_prediction.forecasters.base import LEADS
from headway_prediction.forecasters.baselines import HALF_HOURS, Climatology, Schedule
from headway_prediction.grid.history import LineHistory
from headway_prediction.transit.clock import SCORED_DAY_MINS, is_weekend


@dataclass(frozen=True)
class TypicalHeadway:
    """The climatology (weekday or weekend, half-hours, stations, directions) of earlier days, None without any."""

    medians: np.ndarray | None = None

    @classmethod
    def before(cls, history: LineHistory, scored: Sequence[date]) -> "TypicalHeadway":
        """Learn it from the service dates of `history` before the first one that is scored.

        Neither a scored day nor anything after one has a say, so that it is the same for every method and could have been
        known on the day.
        """
        earlier = [day for day in history.service_dates if day < min(scored, default=date.min)]
        return cls(Climatology.fit(history.select(earlier)).medians if earlier else None)

    def on(self, history: LineHistory, service_date: date) -> np.ndarray:
        """Return the usual headway of every minute of a service date, in minutes: (1620, stations, directions).

        Where no earlier day tells (none of the kind, or no train in that half-hour) it is the planned headway of that
        platform; NaN where there is no plan either.
        """
        origins = np.arange(
            -1, SCORED_DAY_MINS - 1, LEADS
        )  # their leads are all minutes of the day, in order
        planned = Schedule().forecast(history, service_date, origins).mean
        planned = planned.reshape(SCORED_DAY_MINS, *planned.shape[2:])
        if self.medians is None:
            return planned
        learned = np.repeat(
            self.medians[int(is_weekend(service_date))], SCORED_DAY_MINS // HALF_HOURS, axis=0
        )
        return np.where(np.isfinite(learned), learned, planned)
