"""Unusual silences: outages of the whole line, and gaps of single platforms.

A *silence* is the time from one passing to the next. Only its minutes in which trains typically run count: at least
`min_mins` of these must be silent, and three times as many as is typical at that time of day.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import date

import numpy as np
import polars as pl

from headway_prediction.grid.headway_grid import OUTAGE_COLUMNS
from headway_prediction.quality.log_rows import DAY_PLATFORM, PLATFORM
from headway_prediction.transit.clock import SCORED_DAY_MINS, day_type_of
from headway_prediction.transit.line import Line
from headway_prediction.transit.timetable import PLANNED_COLUMNS, Timetable

MIN_TIMES_TYPICAL = 3.0
MIN_DAYS = 3
NEARBY_MINS = 60
MIN_NEARBY = 3
"""Passings needed in the hour before a silence, and in the hour after it, to judge how often trains ran around it."""

Minutes = Mapping[date, np.ndarray]
"""Sorted service-day minutes of passings, by service date."""
OUTAGE_MINS = 15
"""As `AppConfig.outage_mins`, which keeps training windows apart."""
SILENCE_COLUMNS = OUTAGE_COLUMNS | {"evidence": pl.String}
GAP_MINS = 10
GAP_COLUMNS = {"direction": pl.Int8, "station": pl.Int16} | SILENCE_COLUMNS


def outages(passings: pl.DataFrame, timetable: Timetable | None, min_mins: int = OUTAGE_MINS) -> pl.DataFrame:
    """Return the outages of at least `min_mins` (SILENCE_COLUMNS) on the service dates that have passings.

    `evidence` is what shows that trains should have run: the plan, other days, or the hours before and after. An outage
    lasts from the minute after the last passing to the minute of the next one; at the ends of a day, from the typical
    start or to the typical end of service.
    """
    observed = minutes_by_date(passings)
    planned = {} if timetable is None else planned_minutes(timetable, observed)
    rows = [astuple(silence) for silence in unusual_silences(observed, planned, min_mins)]
    return pl.DataFrame(rows, SILENCE_COLUMNS, orient="row")


def minutes_by_date(passings: pl.DataFrame) -> dict[date, np.ndarray]:
    """Return the sorted minutes of the passings by service date."""
    days = passings.select("service_date", "minute").partition_by("service_date", as_dict=True)
    return {day: own["minute"].sort().to_numpy() for (day,), own in sorted(days.items())}


def planned_minutes(timetable: Timetable, service_dates: Iterable[date]) -> Minutes:
    """Return the sorted planned minutes of the dates that have a plan."""
    planned = {day: timetable.planned_on(day)["minute"].sort().to_numpy() for day in service_dates}
    return {day: minutes for day, minutes in planned.items() if len(minutes)}


def gaps(
    passings: pl.DataFrame, line: Line, timetable: Timetable | None, outages: pl.DataFrame
) -> pl.DataFrame:
    """Return the gaps (GAP_COLUMNS): unusual silences of 10 minutes or more at a platform on dates on which the line ran.

    A silence of which at least half is an outage of the line is excluded.
    """
    dates = passings["service_date"].unique().sort().to_list()
    observed = passings.select(*DAY_PLATFORM, "minute").partition_by(PLATFORM, as_dict=True)
    planned = _planned(timetable, dates)
    rows = []
    for direction, station in line.platforms().select(PLATFORM).sort(PLATFORM).rows():
        key = (direction, station)
        own = minutes_by_date(observed[key]) if key in observed else {}
        silences = unusual_silences(
            {day: own.get(day, np.empty(0)) for day in dates}, planned.get(key, {}), GAP_MINS
        )
        rows += [(*key, *astuple(silence)) for silence in silences]
    return _not_in_outages(pl.DataFrame(rows, GAP_COLUMNS, orient="row"), outages)


def _planned(timetable: Timetable | None, dates: list[date]) -> dict[tuple[int, int], Minutes]:
    """Sorted planned minutes by platform and date, of the dates and platforms that have a plan."""
    if timetable is None:
        return {}
    columns = [pl.col(name).cast(PLANNED_COLUMNS[name]) for name in (*PLATFORM, "minute")]
    days = [timetable.planned_on(day).select(pl.lit(day).alias("service_date"), *columns) for day in dates]
    parts = pl.concat(days).partition_by(PLATFORM, as_dict=True)
    return {key: minutes_by_date(own) for key, own in parts.items()}


def _not_in_outages(gaps: pl.DataFrame, outages: pl.DataFrame) -> pl.DataFrame:
    span = outages.select("service_date", since="first_minute", until="end_minute")
    shared = pl.min_horizontal("end_minute", "until") - pl.max_horizontal("first_minute", "since")
    covered = (
        gaps.join(span, on="service_date")
        .group_by(gaps.columns)
        .agg(shared.clip(0).sum().alias("covered"))
        .filter(2 * pl.col("covered") >= pl.col("end_minute") - pl.col("first_minute"))
    )
    return gaps.join(covered, on=gaps.columns, how="anti").sort("service_date", *PLATFORM, "first_minute")


@dataclass(frozen=True)
class Silence:
    """No passing from the start of `first_minute` to that of `end_minute`, although `evidence` shows that trains run."""

    service_date: date
    first_minute: int
    end_minute: int
    evidence: str


def unusual_silences(observed: Minutes, planned: Minutes, min_mins: int) -> list[Silence]:
    """Return the unusual silences of `min_mins` or more, in order.

    `observed` has every service date, with an empty array for a date without passings; `planned` the dates that have a plan.
    Trains typically run in a minute when the plan has trains there and, with three days of that day type (weekday,
    Saturday, Sunday) or more, most of these days do: a log that is cut to certain hours has no outages outside of them.
    Without either, a silence is compared with the hours before and after it.
    """
    typical = _typical_lengths(observed)
    found = []
    for day in sorted(observed):
        lengths, evidence = _expected_lengths(planned.get(day), typical.get(day_type_of(day)))
        for first, end in _silent_runs(observed[day], min_mins):
            if lengths is None:
                runs = [(first, end)] if _is_longer_than_around(observed[day], first, end) else []
            else:
                runs = _unusual_parts(lengths, first, end, min_mins)
            found += [Silence(day, *run, evidence) for run in runs]
    return found


def silence_lengths(minutes: np.ndarray) -> np.ndarray:
    """Return, for each minute of the service day, how long the silence is that it lies in, infinite outside of service."""
    lengths = np.concatenate([[np.inf], np.diff(minutes), [np.inf]]) if len(minutes) else np.array([np.inf])
    return lengths[np.searchsorted(minutes, np.arange(SCORED_DAY_MINS), side="right")]


def _typical_lengths(observed: Minutes) -> dict[int, np.ndarray]:
    """The median over the days of each day type with at least three: by day type, (1620,)."""
    by_type: dict[int, list[np.ndarray]] = {}
    for day, minutes in observed.items():
        by_type.setdefault(day_type_of(day), []).append(silence_lengths(minutes))
    return {day_type: _median(days) for day_type, days in by_type.items() if len(days) >= MIN_DAYS}


def _median(days: Sequence[np.ndarray]) -> np.ndarray:
    # The upper median: the mean of a finite and an infinite length is no length.
    return np.asarray(np.sort(np.stack(days), axis=0)[len(days) // 2])


def _expected_lengths(
    planned: np.ndarray | None, typical: np.ndarray | None
) -> tuple[np.ndarray | None, str]:
    plan = None if planned is None else silence_lengths(planned)
    if plan is None:
        return typical, "before and after" if typical is None else "other days"
    return (plan, "plan") if typical is None else (np.maximum(plan, typical), "plan and other days")


def _silent_runs(minutes: np.ndarray, min_mins: int) -> Iterator[tuple[int, int]]:
    """Runs of at least `min_mins` whole minutes without a passing, the ends of the service day included."""
    rows = np.unique(np.floor(minutes).astype(np.int64))
    firsts, ends = np.append(0, rows + 1), np.append(rows, SCORED_DAY_MINS)
    long = ends - firsts >= min_mins
    yield from zip(firsts[long].tolist(), ends[long].tolist(), strict=True)


def _unusual_parts(lengths: np.ndarray, first: int, end: int, min_mins: int) -> list[tuple[int, int]]:
    """The parts of a silence in which trains typically run, if long enough."""
    served = np.concatenate([[False], np.isfinite(lengths[first:end]), [False]])
    edges = first + np.flatnonzero(served[1:] != served[:-1])
    parts = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    return [(a, b) for a, b in parts if b - a >= max(min_mins, MIN_TIMES_TYPICAL * np.median(lengths[a:b]))]


def _is_longer_than_around(minutes: np.ndarray, first: int, end: int) -> bool:
    before = minutes[(minutes >= first - NEARBY_MINS) & (minutes < first)]
    after = minutes[(minutes >= end) & (minutes < end + NEARBY_MINS)]
    if min(len(before), len(after)) < MIN_NEARBY:
        return False
    return bool(end - first >= MIN_TIMES_TYPICAL * max(np.diff(before).max(), np.diff(after).max()))
