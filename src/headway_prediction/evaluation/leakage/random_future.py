"""The same past and another future: what a forecast that does not peek cannot tell apart."""

from datetime import date

import numpy as np
import polars as pl

from headway_prediction.grid.headway_grid import last_logged_minutes
from headway_prediction.grid.history import LineHistory, build_history
from headway_prediction.grid.passings import PASSING_COLUMNS, without_duplicates
from headway_prediction.transit.clock import SCORED_DAY_MINS
from headway_prediction.transit.line import Line

LAST_MINUTE = SCORED_DAY_MINS + 60
PASSINGS = 400
CROWDING = 3
"""Minutes since the origin are a uniform draw to this power: many passings fall where the forecasts look first."""
TRAINS = 60


def with_random_future(history: LineHistory, service_date: date, t0: int, seed: int = 0) -> LineHistory:
    """Return the history with everything after minute `t0` of a service date replaced by trains at random.

    Deleting the future (`LineHistory.as_of`) shows a method that uses it; a method that takes missing passings for silence
    may hide from that, but not from a future that is there and different. All that `as_of` deletes is replaced: the rest
    of the date and of the night before, and every later date. The plan stays: it is known in advance.
    """
    random = np.random.default_rng((seed, service_date.toordinal(), t0))
    known = history.known_passings(service_date, t0)
    others = [
        _random_passings(history.line, day, since, random)
        for day, since in history.unknown_from(service_date, t0).items()
        if day in history.service_dates and since < LAST_MINUTE
    ]
    passings = without_duplicates(pl.concat([known, *others]))
    observed = last_logged_minutes(passings) | {service_date: SCORED_DAY_MINS}
    attributes = dict(history.grid.attrs)
    dates, cap_mins = history.service_dates, attributes["cap_mins"]
    return build_history(passings, history.line, history.timetable, dates, observed, attributes, cap_mins)


def _random_passings(line: Line, day: date, since: float, random: np.random.Generator) -> pl.DataFrame:
    platforms = line.platforms()
    chosen = platforms[random.integers(0, platforms.height, PASSINGS)]
    columns = {
        "service_date": pl.repeat(day, PASSINGS, eager=True),
        "direction": chosen["direction"],
        "station": chosen["station"],
        "minute": since + (LAST_MINUTE - since) * random.random(PASSINGS) ** CROWDING,
        "train": random.integers(-1, TRAINS, PASSINGS),
    }
    return pl.DataFrame(columns).select(pl.col(name).cast(kind) for name, kind in PASSING_COLUMNS.items())
