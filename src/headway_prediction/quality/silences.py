"""Silences that are unusual: longer than a service leaves between two passings at that time of day.

One rule for a whole line (outages) and for a platform (gaps). A *silence* is the time from one passing to the next. Of a
silence only the minutes count in which trains usually run; at least so many of these must be silent, and three times as
many as usual there.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from headway_prediction.transit.clock import SCORED_DAY_MINS, day_type_of

MIN_TIMES_TYPICAL = 3.0
MIN_DAYS = 3
NEARBY_MINS = 60
MIN_NEARBY = 3
"""Passings in the hour before a silence, and in the hour after it, that tell how often trains ran around it."""

Minutes = Mapping[date, np.ndarray]


@dataclass(frozen=True)
class Silence:
    """Nothing passed from the start of `first_minute` to that of `end_minute`, when trains run according to `evidence`."""

    service_date: date
    first_minute: int
    end_minute: int
    evidence: str


def unusual_silences(observed: Minutes, planned: Minutes, min_mins: int) -> list[Silence]:
    """Return the unusual silences of `min_mins` or more, in order.

    `observed` holds the sorted minutes of the passings of every service date, an empty array for a date without any, and
    `planned` those of the dates that have a plan. Trains usually run when the plan says so and, of that kind of day
    (weekday, Saturday, Sunday), most days do, where there are three; a log that is cut to certain hours is then silent
    outside of them without fault. Without either, a silence is held against the hours before and after it.
    """
    typical = _usual_lengths(observed)
    found = []
    for day in sorted(observed):
        lengths, evidence = _expected_lengths(planned.get(day), typical.get(day_type_of(day)))
        for first, end in _silent_runs(observed[day], min_mins):
            if lengths is None:
                runs = [(first, end)] if _stands_out(observed[day], first, end) else []
            else:
                runs = _unusual_parts(lengths, first, end, min_mins)
            found += [Silence(day, *run, evidence) for run in runs]
    return found


def silence_lengths(minutes: np.ndarray) -> np.ndarray:
    """Return, for each minute of the service day, how long the silence is that it lies in, infinite outside of service."""
    lengths = np.concatenate([[np.inf], np.diff(minutes), [np.inf]]) if len(minutes) else np.array([np.inf])
    return lengths[np.searchsorted(minutes, np.arange(SCORED_DAY_MINS), side="right")]


def _usual_lengths(observed: Minutes) -> dict[int, np.ndarray]:
    """The median over the days of each kind, where there are three: by kind, (1620,)."""
    kinds: dict[int, list[np.ndarray]] = {}
    for day, minutes in observed.items():
        kinds.setdefault(day_type_of(day), []).append(silence_lengths(minutes))
    return {kind: _median(days) for kind, days in kinds.items() if len(days) >= MIN_DAYS}


def _median(days: Sequence[np.ndarray]) -> np.ndarray:
    # The higher of the two middle ones: a mean of one that is infinite and one that is not would be no length.
    return np.sort(np.stack(days), axis=0)[len(days) // 2]


def _expected_lengths(
    planned: np.ndarray | None, typical: np.ndarray | None
) -> tuple[np.ndarray | None, str]:
    plan = None if planned is None else silence_lengths(planned)
    if plan is None:
        return typical, "before and after" if typical is None else "other days"
    return (plan, "plan") if typical is None else (np.maximum(plan, typical), "plan and other days")


def _silent_runs(minutes: np.ndarray, min_mins: int) -> Iterator[tuple[int, int]]:
    """Runs of at least so many whole minutes without a passing, the ends of the service day included."""
    rows = np.unique(np.floor(minutes).astype(np.int64))
    firsts, ends = np.append(0, rows + 1), np.append(rows, SCORED_DAY_MINS)
    long = ends - firsts >= min_mins
    yield from zip(firsts[long].tolist(), ends[long].tolist(), strict=True)


def _unusual_parts(lengths: np.ndarray, first: int, end: int, min_mins: int) -> list[tuple[int, int]]:
    """The parts of a silence in which trains usually run, where these are long enough."""
    served = np.concatenate([[False], np.isfinite(lengths[first:end]), [False]])
    edges = first + np.flatnonzero(served[1:] != served[:-1])
    parts = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    return [(a, b) for a, b in parts if b - a >= max(min_mins, MIN_TIMES_TYPICAL * np.median(lengths[a:b]))]


def _stands_out(minutes: np.ndarray, first: int, end: int) -> bool:
    before = minutes[(minutes >= first - NEARBY_MINS) & (minutes < first)]
    after = minutes[(minutes >= end) & (minutes < end + NEARBY_MINS)]
    if min(len(before), len(after)) < MIN_NEARBY:
        return False
    return bool(end - first >= MIN_TIMES_TYPICAL * max(np.diff(before).max(), np.diff(after).max()))
