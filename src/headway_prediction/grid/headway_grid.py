"""The headway grid of docs/methodology.md: last headway held, minutes since, arrivals and validity, per minute and platform."""

from collections.abc import Iterable, Sequence
from datetime import date

import numpy as np
import polars as pl

from headway_prediction.grid.outages import Outage, spans_outage
from headway_prediction.transit.clock import SCORED_DAY_MINS

CAP_MINS = 30.0
MAX_HEADWAY_MINS = 60.0
"""A longer headway, or a longer time since the last passing, is no headway of a running service (docs/methodology.md)."""


def held_headways(
    minutes: np.ndarray, platforms: np.ndarray, platform_count: int, outages: Sequence[Outage] = ()
) -> tuple[np.ndarray, ...]:
    """Hold, at each platform, the headway of its last passing from minute to minute of one service day.

    `minutes` (float64, sorted within each platform) and `platforms` (indices below `platform_count`, sorted) describe
    the passings. Returns arrays of shape (1620, platforms): the raw headway of the last passing known at the end of
    each minute (NaN before the second passing), the minutes elapsed since it (NaN before the first), and whether a
    passing with a headway of at most 60 min fell in the minute. During one of the `outages` nothing is known, nor after it
    before a platform's first passing; that one's headway is unknown too.
    """
    passing_headways = np.full(len(minutes), np.nan)
    same_platform = np.flatnonzero(platforms[1:] == platforms[:-1]) + 1
    # Rounded, so that 60 minutes between two times to the second do not come out a hair longer.
    passing_headways[same_platform] = np.round(minutes[same_platform] - minutes[same_platform - 1], 9)
    passing_headways[1:][spans_outage(minutes[:-1], minutes[1:], outages)] = np.nan
    rows = np.floor(minutes).astype(np.int64)
    inside = (rows >= 0) & (rows < SCORED_DAY_MINS)
    last = _last_passing(rows[inside], platforms[inside], np.flatnonzero(inside), platform_count)
    ends = np.arange(1, SCORED_DAY_MINS + 1)[:, None]
    known = (last >= 0) & ~spans_outage(np.append(minutes, np.nan)[last], ends - 1, outages)
    headways = np.where(known, np.append(passing_headways, np.nan)[last], np.nan)
    elapsed = np.where(known, ends - np.append(minutes, np.nan)[last], np.nan)
    arrived = np.zeros((SCORED_DAY_MINS, platform_count), dtype=bool)
    counted = inside & (passing_headways <= MAX_HEADWAY_MINS)
    arrived[rows[counted], platforms[counted]] = True
    return headways, elapsed, arrived


def _last_passing(
    rows: np.ndarray, platforms: np.ndarray, passings: np.ndarray, platform_count: int
) -> np.ndarray:
    """Index of the last passing at or before each minute, per platform; −1 before the first: (1620, platforms)."""
    last = np.full((SCORED_DAY_MINS, platform_count), -1, dtype=np.int64)
    np.maximum.at(last, (rows, platforms), passings)
    return np.maximum.accumulate(last, axis=0)


def day_grid(
    passings: pl.DataFrame,
    station_count: int,
    observed_until: float,
    cap_mins: float = CAP_MINS,
    outages: Sequence[Outage] = (),
) -> dict[str, np.ndarray]:
    """Return headway, elapsed (float32), arrived and valid (bool) of one service day: (1620, stations, 2) each.

    `passings` (columns direction, station, minute; sorted by platform and minute, without duplicates) are those of the
    day; minutes after `observed_until` are not valid, nor are those of `outages`, nor is a headway across one.
    """
    platforms = (
        passings["direction"].to_numpy().astype(np.int64) * station_count + passings["station"].to_numpy()
    )
    headways, elapsed, arrived = held_headways(
        passings["minute"].to_numpy(), platforms, 2 * station_count, outages
    )
    observed = np.arange(SCORED_DAY_MINS)[:, None] <= observed_until
    with np.errstate(invalid="ignore"):
        valid = (headways <= MAX_HEADWAY_MINS) & (elapsed < MAX_HEADWAY_MINS) & observed
    cells = {
        "headway": np.minimum(headways, cap_mins).astype(np.float32),
        "elapsed": elapsed.astype(np.float32),
        "arrived": arrived,
        "valid": valid,
    }
    return {name: _by_station(cell, station_count) for name, cell in cells.items()}


def _by_station(cells: np.ndarray, station_count: int) -> np.ndarray:
    return cells.reshape(SCORED_DAY_MINS, 2, station_count).transpose(0, 2, 1)  # (minute, station, direction)


def last_logged_minutes(passings: pl.DataFrame) -> dict[date, int]:
    """Return, per service date, the last minute in which any passing was logged."""
    last = passings.group_by("service_date").agg(pl.col("minute").max().floor().cast(pl.Int64))
    return dict(last.sort("service_date").iter_rows())


def stack_days(days: Iterable[dict[str, np.ndarray]], day_count: int) -> dict[str, np.ndarray]:
    """Stack the grids of `day_count` service days along time: (days x 1620, stations, 2) each."""
    stacked: dict[str, np.ndarray] = {}
    for number, day in enumerate(days):
        rows = slice(number * SCORED_DAY_MINS, (number + 1) * SCORED_DAY_MINS)
        for name, cells in day.items():
            # One array from the start: a list of days joined at the end would need twice the memory.
            if name not in stacked:
                stacked[name] = np.empty((day_count * SCORED_DAY_MINS, *cells.shape[1:]), cells.dtype)
            stacked[name][rows] = cells
    return stacked
