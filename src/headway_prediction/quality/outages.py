"""Outages: the whole line is silent in hours when trains usually run."""

from collections.abc import Iterable
from dataclasses import astuple
from datetime import date

import numpy as np
import polars as pl

from headway_prediction.grid.outages import OUTAGE_COLUMNS
from headway_prediction.quality.silences import Minutes, unusual_silences
from headway_prediction.transit.timetable import Timetable

OUTAGE_MINS = 15
"""As `AppConfig.outage_mins`, which keeps training windows apart."""
SILENCE_COLUMNS = OUTAGE_COLUMNS | {"evidence": pl.String}


def outages(passings: pl.DataFrame, timetable: Timetable | None, min_mins: int = OUTAGE_MINS) -> pl.DataFrame:
    """Return the outages of at least so many minutes (SILENCE_COLUMNS) on the service dates that have passings.

    `evidence` says by what trains should have run: the plan, other days, or the hours before and after. An outage lasts
    from the minute after the last passing to the minute of the next one, at the ends of a day from or to where service
    usually begins or ends.
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
