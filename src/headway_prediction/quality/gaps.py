"""Gaps: one platform is silent for long while the line runs, for want of trains or of data."""

from dataclasses import astuple
from datetime import date

import numpy as np
import polars as pl

from headway_prediction.quality.outages import SILENCE_COLUMNS, minutes_by_date
from headway_prediction.quality.platform_rows import DAY_PLATFORM, PLATFORM
from headway_prediction.quality.silences import Minutes, unusual_silences
from headway_prediction.transit.line import Line
from headway_prediction.transit.timetable import PLANNED_COLUMNS, Timetable

GAP_MINS = 10
GAP_COLUMNS = {"direction": pl.Int8, "station": pl.Int16} | SILENCE_COLUMNS


def gaps(
    passings: pl.DataFrame, line: Line, timetable: Timetable | None, outages: pl.DataFrame
) -> pl.DataFrame:
    """Return the gaps (GAP_COLUMNS): unusual silences of 10 minutes or more of a platform on dates on which the line ran.

    One that is mostly an outage of the line is none of the platform's own.
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
    columns = {name: PLANNED_COLUMNS[name] for name in (*PLATFORM, "minute")}
    schema = {"service_date": pl.Date} | columns
    days = [
        timetable.planned_on(day).select(pl.lit(day).alias("service_date"), *columns).cast(schema)
        for day in dates
    ]
    parts = pl.concat(days).partition_by(PLATFORM, as_dict=True)
    return {key: minutes_by_date(own) for key, own in parts.items()}


def _not_in_outages(gaps: pl.DataFrame, outages: pl.DataFrame) -> pl.DataFrame:
    """Leave out the gaps of which at least half is an outage."""
    span = outages.select("service_date", since="first_minute", until="end_minute")
    shared = pl.min_horizontal("end_minute", "until") - pl.max_horizontal("first_minute", "since")
    covered = (
        gaps.join(span, on="service_date")
        .group_by(gaps.columns)
        .agg(shared.clip(0).sum().alias("covered"))
        .filter(2 * pl.col("covered") >= pl.col("end_minute") - pl.col("first_minute"))
    )
    return gaps.join(covered, on=gaps.columns, how="anti").sort("service_date", *PLATFORM, "first_minute")
