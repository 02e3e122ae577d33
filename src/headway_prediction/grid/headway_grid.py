"""The cells of the grid (docs/methodology.md), by minute and platform: `day_grid` computes them for one service day.

The headway of the last passing is held from minute to minute, beside the minutes elapsed since it, the minutes in which
trains arrived, and which cells are valid. `planned_terminals` does the same for planned departures.

An outage is a span of minutes in which nothing is known of a line: no headway spans one. Outages are found on whole days,
so a list of them holds more than was known at the time, but only about minutes whose cells it makes invalid.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from headway_prediction.transit.clock import SCORED_DAY_MINS
from headway_prediction.transit.line import DIRECTIONS, Line
from headway_prediction.transit.timetable import Timetable

CAP_MINS = 30.0
MAX_HEADWAY_MINS = 60.0
"""A longer headway, or a longer time since the last passing, is no headway of a running service (docs/methodology.md)."""
OUTAGE_COLUMNS = {"service_date": pl.Date, "first_minute": pl.Int64, "end_minute": pl.Int64}
"""An outage lasts from the start of `first_minute` to the start of `end_minute` of its service day."""
OUTAGES_ATTRIBUTE = "outages"

Outage = tuple[int, int]


def outages_attribute(outages: pl.DataFrame) -> dict[str, list[Any]]:
    """Return the attribute of a grid that holds these outages (OUTAGE_COLUMNS); none where there are none."""
    rows = outages.select(list(OUTAGE_COLUMNS)).unique().sort(list(OUTAGE_COLUMNS)).rows()
    return {OUTAGES_ATTRIBUTE: [[day.isoformat(), first, end] for day, first, end in rows]} if rows else {}


def outages_on(attributes: Mapping[str, Any], service_date: date) -> list[Outage]:
    """Return the outages (first minute, end minute) of one service date from a grid's attributes."""
    day = service_date.isoformat()
    return [(int(first), int(end)) for own, first, end in attributes.get(OUTAGES_ATTRIBUTE, ()) if own == day]


def outages_known_at(attributes: Mapping[str, Any], service_date: date, t0: int) -> dict[str, list[Any]]:
    """Return the attribute with the outages that had begun by the end of minute `t0`; one that lasts on ends there."""
    begun = [
        [day, first, min(end, t0 + 1) if day == service_date.isoformat() else end]
        for day, first, end in attributes.get(OUTAGES_ATTRIBUTE, ())
        if (date.fromisoformat(day), first) <= (service_date, t0)
    ]
    return {OUTAGES_ATTRIBUTE: begun} if begun else {}


def spans_outage(earlier: np.ndarray, later: np.ndarray, outages: Sequence[Outage]) -> np.ndarray:
    """Return which pairs of minutes, of one shape, have an outage between them or lie in one."""
    crossed = np.zeros(np.broadcast(earlier, later).shape, dtype=bool)
    for first, end in outages:
        crossed |= (earlier < end) & (later >= first)
    return crossed


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


def planned_terminals(
    timetable: Timetable | None, line: Line, service_dates: Sequence[date], cap_mins: float = CAP_MINS
) -> tuple[np.ndarray, np.ndarray]:
    """Return planned terminal headways (float32, minutes) and departures (uint8, a count): (days x 1620, 2) each.

    The headway is that of the latest planned departure at the first platform, held and capped; NaN without a plan.
    """
    headways = np.full((len(service_dates), SCORED_DAY_MINS, 2), np.nan, dtype=np.float32)
    departures = np.zeros((len(service_dates), SCORED_DAY_MINS, 2), dtype=np.uint8)
    if timetable is None:
        return headways.reshape(-1, 2), departures.reshape(-1, 2)
    for day, service_date in enumerate(service_dates):
        for direction in DIRECTIONS:
            minutes = timetable.departures(service_date, direction, line.first_station(direction))
            held, _, _ = held_headways(minutes, np.zeros(len(minutes), dtype=np.int64), 1)
            headways[day, :, direction] = np.minimum(held[:, 0], cap_mins)
            rows = np.floor(minutes[minutes < SCORED_DAY_MINS]).astype(np.int64)
            np.add.at(departures[day, :, direction], rows, 1)
    return headways.reshape(-1, 2), departures.reshape(-1, 2)
