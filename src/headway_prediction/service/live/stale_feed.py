"""What happens when a feed stops: the stages of a forecast without new data.

| since the last new data | level       | forecast                                                        |
|-------------------------|-------------|-----------------------------------------------------------------|
| up to 2 min             | live        | the network, from the line as known now                         |
| 2 to 10 min             | stale       | the network from the last known state, shifted (`continue_from`)|
| over 10 min             | climatology | the typical headways of the time of day (`climatology_forecast`)|

`status_of` decides the level. "New data" are changes of the feed's content: a server that repeats an old message counts as
silent. A silence of over ten minutes is an outage (`FeedOutages`): no headway is computed across it, because trains that
passed unseen would turn every silence into a gap. After an outage the level is "starting" until half an hour is known.
"""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
import polars as pl

from headway_prediction.config import middle_index
from headway_prediction.forecasters.base import FALLBACK_HEADWAY_MINS, Forecast
from headway_prediction.forecasters.baselines import SPREAD_LEVELS, Climatology, by_minute
from headway_prediction.grid.headway_grid import OUTAGE_COLUMNS, outages_attribute
from headway_prediction.grid.passings import MAX_SERVICE_DAY_MINS
from headway_prediction.service.live.line_state import origin_at
from headway_prediction.service.live.published import Level, Status
from headway_prediction.transit.clock import SCORED_DAY_MINS, is_weekend

STALE_AFTER_SECS = 120.0
CLIMATOLOGY_AFTER_SECS = 600.0
HISTORY_MINS = 30
"""The network's input: with less of it known the level is STARTING."""
OUTAGE_RETENTION_SECS = 48 * 3600.0
DEFAULT_SPREAD = (0.5, 1.5)
"""Times the typical headway: the interval where a bundle does not hold the spread of its training days. Beyond it a train is
bunched, or a gap."""


@dataclass(frozen=True)
class FeedState:
    """What is known from the feed at one moment, for one service date.

    `log`: the passings, as an arrival log typed as feeds.logs.arrivals.ARRIVAL_COLUMNS. `content_at`: time of the newest
    data; `known_since`: end of the last outage (epoch seconds, both None before any data). `attributes`: the outages as
    attributes of a grid (see grid.headway_grid).
    """

    log: pl.DataFrame
    content_at: float | None
    known_since: float | None
    attributes: Mapping[str, object] = field(default_factory=dict)


def status_of(
    at: float, content_at: float | None, known_since: float | None, *, same_service_date: bool = True
) -> Status:
    """Return the status at a moment (epoch seconds); `content_at` and `known_since` as in FeedState.

    `same_service_date`: whether `content_at` lies on the service date of `at`. The state of another service date cannot be
    continued, so the level is then CLIMATOLOGY instead of STALE.
    """
    if content_at is None or known_since is None:
        return Status(Level.CLIMATOLOGY, ("the feed has not given any data yet",))
    age = max(0.0, at - content_at)
    silence = f"no new data from the feed for {int(age // 60)} min {int(age % 60):02d} s"
    if age > CLIMATOLOGY_AFTER_SECS or (age > STALE_AFTER_SECS and not same_service_date):
        return Status(Level.CLIMATOLOGY, (f"{silence}: typical headways are shown",), age)
    if age > STALE_AFTER_SECS:
        return Status(Level.STALE, (f"{silence}: forecast from the last known state",), age)
    known_mins = (at - known_since) / 60
    if known_mins < HISTORY_MINS:
        reason = f"only the last {max(0, int(known_mins))} of the {HISTORY_MINS} minutes before are known"
        return Status(Level.STARTING, (reason,), age)
    return Status(Level.LIVE, (), age)


class FeedOutages:
    """Silences of over ten minutes, from the content times of successive polls (epoch seconds).

    `ended` are those that are over, as (start, end) in order. `known_since` is the end of the last one, or the first content
    time; `content_at` the newest one; both None before any.
    """

    def __init__(self, retention_secs: float = OUTAGE_RETENTION_SECS) -> None:
        self._retention_secs = retention_secs
        self.ended: list[tuple[float, float]] = []
        self.known_since: float | None = None
        self.content_at: float | None = None

    def record(self, content_at: float) -> None:
        """Take in the content time of a poll; one that is not newer than the newest changes nothing."""
        if self.content_at is None:
            self.known_since = content_at
        elif content_at - self.content_at > CLIMATOLOGY_AFTER_SECS:
            self.ended.append((self.content_at, content_at))
            self.known_since = content_at
        self.content_at = max(content_at, self.content_at or content_at)
        first_retained = bisect_left([end for _, end in self.ended], self.content_at - self._retention_secs)
        del self.ended[:first_retained]

    def table(self, at: float, zone_name: str) -> pl.DataFrame:
        """Return the outages up to `at`, an ongoing one included, with the columns OUTAGE_COLUMNS of grid.headway_grid."""
        spans = list(self.ended)
        if self.content_at is not None and at - self.content_at > CLIMATOLOGY_AFTER_SECS:
            spans.append((self.content_at, at))
        rows = [row for start, end in spans for row in _by_service_date(start, end, zone_name)]
        return pl.DataFrame(rows, schema=OUTAGE_COLUMNS, orient="row")

    def attributes(self, at: float, zone_name: str) -> dict[str, list[object]]:
        """Return `table` as the attributes of a grid."""
        return outages_attribute(self.table(at, zone_name))


def _by_service_date(start: float, end: float, zone_name: str) -> list[tuple[date, int, int]]:
    """(service date, first minute, end minute) of every date that an outage touches; minutes it covers partly included."""
    (first_date, before), (last_date, last) = (origin_at(moment, zone_name) for moment in (start, end))
    if first_date == last_date:
        return [(first_date, before + 1, last + 2)]
    between = range(1, (last_date - first_date).days)
    whole = [(first_date + timedelta(days=k), 0, MAX_SERVICE_DAY_MINS) for k in between]
    return [(first_date, before + 1, MAX_SERVICE_DAY_MINS), *whole, (last_date, 0, last + 2)]


def join_leads(near: Forecast, far: Forecast) -> Forecast:
    """Return `far` with its first leads replaced by those of `near`; both from one origin, with the same levels."""
    leads = near.mean.shape[1]

    def joined(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        return np.concatenate([first, second[:, leads:]], axis=1)

    quantiles = {level: joined(near.quantiles[level], far.quantiles[level]) for level in near.quantiles}
    return Forecast(near.service_date, near.origins, joined(near.mean, far.mean), quantiles)


def continue_from(earlier: Forecast, climatology: Forecast, cap_mins: float) -> Forecast:
    """Return the forecast from the origin of `climatology`, taken from the `earlier` origin as far as its leads reach.

    A forecast for lead 5 from a state that is 4 minutes old is the one for lead 9 from that state. Its interval is never
    narrower than that of a shorter lead from the same state, so intervals widen as the silence lasts. Beyond the leads of
    `earlier` the forecast is `climatology`, which has all wanted leads and the same levels.
    """
    wait, leads = int(climatology.origins[0] - earlier.origins[0]), climatology.mean.shape[1]
    reached = max(0, min(leads, earlier.mean.shape[1] - wait))

    def shifted(values: np.ndarray, beyond: np.ndarray) -> np.ndarray:
        return np.concatenate([values[:, wait : wait + reached], beyond[:, reached:]], axis=1)

    quantiles = {
        level: shifted(values, climatology.quantiles[level])
        for level, values in _widening(earlier, cap_mins).items()
    }
    mean = shifted(earlier.mean, climatology.mean)
    return Forecast(climatology.service_date, climatology.origins, mean, quantiles)


def _widening(forecast: Forecast, cap_mins: float) -> dict[float, np.ndarray]:
    """Quantiles whose distance from the median never shrinks from lead to lead."""
    levels = sorted(forecast.quantiles)
    median_place = middle_index(levels)
    median = forecast.quantiles[levels[median_place]]
    widened = {}
    for place, level in enumerate(levels):
        side = np.sign(place - median_place)
        distance = np.maximum.accumulate(side * (forecast.quantiles[level] - median), axis=1)
        widened[level] = np.clip(median + side * distance, 0.0, cap_mins).astype(np.float32)
    return widened


def climatology_forecast(
    climatology: Climatology,
    levels: tuple[float, ...],
    cap_mins: float,
    service_date: date,
    t0: int,
    leads: int,
) -> Forecast:
    """Return the typical headways at leads 1 to `leads`, with their spread over training days as the interval.

    Both are interpolated over time, between the middles of half-hours.
    Quantiles at `levels` are interpolated linearly between the spread's ends and the median; beyond them, they are the ends.
    """
    minutes = np.minimum(t0 + np.arange(1, leads + 1), SCORED_DAY_MINS - 1)
    kind = int(is_weekend(service_date))
    median = by_minute(climatology.medians[kind])[minutes]
    median = np.where(np.isfinite(median), median, FALLBACK_HEADWAY_MINS)
    low, high = (_spread_end(climatology, end, kind, minutes, median) for end in (0, 1))
    low, high = np.minimum(low, median), np.minimum(np.maximum(high, median), cap_mins)
    anchor_levels = (SPREAD_LEVELS[0], levels[middle_index(levels)], SPREAD_LEVELS[1])
    quantiles = {level: _interpolated(level, anchor_levels, (low, median, high))[None] for level in levels}
    return Forecast(service_date, np.array([t0]), median[None].astype(np.float32), quantiles)


def _spread_end(
    climatology: Climatology, end: int, kind: int, minutes: np.ndarray, median: np.ndarray
) -> np.ndarray:
    default = DEFAULT_SPREAD[end] * median
    if climatology.spread is None:
        return default
    learned = by_minute(climatology.spread[end, kind])[minutes]
    end_mins: np.ndarray = np.where(np.isfinite(learned), learned, default)
    return end_mins


def _interpolated(level: float, levels: tuple[float, ...], values: tuple[np.ndarray, ...]) -> np.ndarray:
    stacked = np.stack(values)
    place = int(np.clip(np.searchsorted(levels, level), 1, len(levels) - 1))
    share = np.clip((level - levels[place - 1]) / (levels[place] - levels[place - 1]), 0.0, 1.0)
    values_at: np.ndarray = (1 - share) * stacked[place - 1] + share * stacked[place]
    return values_at.astype(np.float32)
