"""What really happened after each origin (docs/methodology.md), the typical headway and the condition of the line.

Three parts: `TypicalHeadway`, against which a headway is short or long; `irregularity`, which separates quiet from
disturbed periods; and `day_truth`, which gathers both with the observed headways of one service date.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Self

import numpy as np
import xarray as xr

from headway_prediction.forecasters.base import LEADS
from headway_prediction.forecasters.baselines import HALF_HOURS, Climatology, Schedule, by_minute
from headway_prediction.grid.history import LineHistory
from headway_prediction.transit.clock import SCORED_DAY_MINS, is_weekend

LOOKBACK_MINS = 30
MIN_DISTURBED_IRREGULARITY = 0.53
"""From this irregularity on bunching is frequent: level of service E (Transit Capacity and Quality of Service Manual, 2nd
ed., TCRP Report 100, 2003, part 3, headway adherence). Set by the manual, not fitted to any line."""
CONDITIONS = ("quiet", "disturbed", "unknown")


@dataclass(frozen=True)
class TypicalHeadway:
    """The climatology (weekday or weekend, half-hours, stations, directions) of earlier days; None without any."""

    medians: np.ndarray | None = None

    @classmethod
    def before(cls, history: LineHistory, scored: Sequence[date]) -> Self:
        """Fit it on the service dates of `history` before the first scored one.

        No scored day and no later day is used, so the typical headway is the same for every method and could have been
        known on the day.
        """
        earlier = [day for day in history.service_dates if day < min(scored, default=date.min)]
        return cls(Climatology.fit(history.select(earlier)).medians if earlier else None)

    def on(self, history: LineHistory, service_date: date, interpolated: bool = False) -> np.ndarray:
        """Return the typical headway of every minute of a service date, in minutes: (1620, stations, directions).

        Where the earlier days have no value (no day of that kind, or no train in that half-hour) it is the planned headway
        of the platform; NaN where there is no plan either. `interpolated` is over time, between the middles of half-hours.
        """
        # The leads of these origins are all minutes of the day, in order.
        origins = np.arange(-1, SCORED_DAY_MINS - 1, LEADS)
        planned = Schedule().forecast(history, service_date, origins).mean
        planned = planned.reshape(SCORED_DAY_MINS, *planned.shape[2:])
        if self.medians is None:
            return planned
        medians = self.medians[int(is_weekend(service_date))]
        fitted = (
            by_minute(medians) if interpolated else np.repeat(medians, SCORED_DAY_MINS // HALF_HOURS, axis=0)
        )
        return np.where(np.isfinite(fitted), fitted, planned)


@dataclass(frozen=True)
class Truth:
    """What happened after the origins of one service date; arrays of shape (origins, leads, stations, directions).

    `headway` in minutes, at most `cap_mins`; `valid` marks the scored cells, `event` those of them in whose minute a train
    passed. `typical` is the typical headway of the same cells (NaN where unknown), `irregularity` (origins,) how uneven the
    headways of the line were at each origin.
    """

    service_date: date
    origins: np.ndarray
    headway: np.ndarray
    valid: np.ndarray
    event: np.ndarray
    typical: np.ndarray
    irregularity: np.ndarray
    cap_mins: float

    def at(self, rows: slice) -> Self:
        """Return the truth of some of the origins."""
        by_origin = ("origins", "headway", "valid", "event", "typical", "irregularity")
        return replace(self, **{name: getattr(self, name)[rows] for name in by_origin})


def day_truth(
    history: LineHistory,
    service_date: date,
    origins: np.ndarray | Sequence[int],
    typical: TypicalHeadway | None = None,
    leads: int = LEADS,
) -> Truth:
    """Return what happened at leads 1 to `leads` after each origin; minutes from 27:00 on are not scored.

    Without `typical` the planned headways are the typical ones.
    """
    day, origins = history.day(service_date), np.asarray(origins)
    normal = (typical or TypicalHeadway()).on(history, service_date)
    minutes = origins[:, None] + np.arange(1, leads + 1)
    inside = (minutes < SCORED_DAY_MINS)[:, :, None, None]
    rows = np.minimum(minutes, SCORED_DAY_MINS - 1)
    valid = day["valid"].values[rows] & inside
    return Truth(
        service_date,
        origins,
        headway=day["headway"].values[rows],
        valid=valid,
        event=day["arrived"].values[rows] & valid,
        typical=normal[rows],
        irregularity=irregularity(day, normal, origins),
        cap_mins=float(history.grid.attrs["cap_mins"]),
    )


def irregularity(day: xr.Dataset, typical: np.ndarray, origins: np.ndarray) -> np.ndarray:
    """Return how uneven the headways of the whole line are at each origin: (origins,), NaN without any headway.

    It is the manual's coefficient of variation: the root mean square deviation from the typical headway over the mean
    typical headway, of the passings in the 30 minutes up to the end of minute t0 in both directions, and of the headways
    that are still open then where they already exceed the typical one: a line that stands still has no passings. `day` is
    one service date of the grid, `typical` in minutes (1620, stations, directions).
    """
    known = np.isfinite(typical) & day["valid"].values
    passed = known & day["arrived"].values
    with np.errstate(invalid="ignore"):
        waiting = known & (day["elapsed"].values > typical)
    recent = [np.cumsum(sums) for sums in _deviation_sums(day["headway"].values, typical, passed)]
    still_open = _deviation_sums(day["elapsed"].values, typical, waiting)
    before = np.maximum(origins - LOOKBACK_MINS, -1)
    squares, expected, count = (
        np.append(past, 0.0)[origins] - np.append(past, 0.0)[before] + now[origins]
        for past, now in zip(recent, still_open, strict=True)
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.sqrt(squares / count) / (expected / count))


def _deviation_sums(headways: np.ndarray, typical: np.ndarray, cells: np.ndarray) -> list[np.ndarray]:
    """Squared deviations, typical headways and number of the cells, summed per minute: (1620,) each."""
    parts = ((headways - typical) ** 2, typical, np.ones_like(typical))
    return [np.where(cells, part, 0.0).sum(axis=(1, 2), dtype=np.float64) for part in parts]


def condition_of(irregularities: np.ndarray) -> np.ndarray:
    """Return the index in CONDITIONS of each irregularity."""
    disturbed = irregularities >= MIN_DISTURBED_IRREGULARITY
    known = np.where(disturbed, CONDITIONS.index("disturbed"), CONDITIONS.index("quiet"))
    return np.where(np.isfinite(irregularities), known, CONDITIONS.index("unknown"))
