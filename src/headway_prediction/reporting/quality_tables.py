"""The findings of the quality check as tables (page, terminal, Markdown) and as JSON."""

import json
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import polars as pl

from headway_prediction.quality.check import COUNTS, Quality, by_date, by_platform, by_station
from headway_prediction.reporting.tables import Cell, Row, Table
from headway_prediction.transit.line import Line

NONE = "·"
"""Printed for a count of zero, so that findings stand out."""
SHORT_LOG_DAYS = 31
COMPLETE = 0.95

Values = Mapping[str, Any]
"""A row of a frame: its values by column."""
FOUND = ("outages", "gaps", "duplicates", "misdated", "headways", "backward", "overtaking")


def date_table(quality: Quality, days: pl.DataFrame) -> Table:
    """Return a row per date that has passings; of more than 31 dates only those with findings.

    As in all these tables, a column that is empty in every row is dropped.
    """
    ran = days.filter(pl.col("passings") > 0)
    title, shown = "All days", ran
    if ran.height > SHORT_LOG_DAYS:
        shown = ran.filter(_has_findings())
        title = f"Days with findings: {shown.height} of {ran.height}"
    columns: dict[str, Callable[[Values], str]] = {
        "date": lambda row: f"{row['service_date']:%Y-%m-%d %a}",
        **_shared_columns(quality),
        "outage min": _counted("outage_mins"),
        **_fault_columns(),
        "resolution": lambda row: "" if row["seconds"] is None else f"{row['seconds']} s",
    }
    return _table(title, columns, shown)


def station_table(quality: Quality, stations: pl.DataFrame, title: str) -> Table:
    """Return a row per station, both directions together (see `quality.check.by_station`)."""
    names = quality.line.station_names
    columns: dict[str, Callable[[Values], str]] = {
        "station": lambda row: names[row["station"]],
        **_shared_columns(quality),
        **_fault_columns(),
    }
    return _table(title, columns, stations)


def _has_findings() -> pl.Expr:
    found = pl.any_horizontal(pl.col("outages", *COUNTS) > 0)
    return found | (pl.col("share") < COMPLETE).fill_null(False)


def _shared_columns(quality: Quality) -> dict[str, Callable[[Values], str]]:
    columns: dict[str, Callable[[Values], str]] = {
        "passings": lambda row: f"{row['passings']:,}",
        "observed": _share,
    }
    if quality.timetable is not None:
        columns["unplanned"] = _counted("unplanned")
        columns["delay min"] = lambda row: "" if row["late_mins"] is None else f"{row['late_mins']:.1f}"
    return columns


def _fault_columns() -> dict[str, Callable[[Values], str]]:
    return {
        "gaps": _counted("gaps"),
        "gap min": _counted("gap_mins"),
        "duplicates": _counted("duplicates"),
        "misdated": _counted("misdated"),
        "under 1 min": _counted("short"),
        "over 60 min": _counted("long"),
        "backwards": _counted("backward"),
        "overtaking": _counted("overtaking"),
    }


def _share(row: Values) -> str:
    return "" if row["share"] is None else f"{row['share']:.1%}"


def _counted(name: str) -> Callable[[Values], str]:
    return lambda row: "" if row[name] is None else f"{row[name]:,}" if row[name] else NONE


def _table(title: str, columns: Mapping[str, Callable[[Values], str]], rows: pl.DataFrame) -> Table:
    """The cells, without the columns that are empty in every row; the first column names the rows."""
    found = {heading: [text(row) for row in rows.iter_rows(named=True)] for heading, text in columns.items()}
    found = {heading: cells for heading, cells in found.items() if set(cells) - {NONE, ""}}
    lines = zip(*found.values(), strict=True)
    return Table(title, list(found), [Row(name, [Cell(text) for text in texts]) for name, *texts in lines])


def quality_json(quality: Quality) -> str:
    """Return the line, the counts by date, station and platform, and every single finding as JSON text.

    Minutes are those of the service day; a platform is its direction_id, stop_id and stop_name. Unknown values are null.
    """
    platforms = by_platform(quality)
    dates, stations = by_date(quality, platforms), by_station(platforms)
    names = pl.Series(
        "stop_name", [quality.line.station_names[place] for place in stations["station"]], pl.String
    )
    plain = {
        "line_id": quality.line.line_id,
        "time_zone": quality.line.time_zone,
        "with_plan": quality.timetable is not None,
        "dates": dates.to_dicts(),
        "stations": stations.select(names, pl.all().exclude("station")).to_dicts(),
        "platforms": _named(platforms, quality.line).to_dicts(),
        "findings": {name: _named(getattr(quality, name), quality.line).to_dicts() for name in FOUND},
    }
    return json.dumps(plain, default=date.isoformat, allow_nan=False, ensure_ascii=False, indent=1)


def _named(rows: pl.DataFrame, line: Line) -> pl.DataFrame:
    """The rows with the ids and names of platforms instead of their numbers."""
    if "station" not in rows.columns:
        return rows
    platforms = line.platforms()
    names = platforms.select(
        "direction",
        "station",
        "direction_id",
        "stop_id",
        stop_name=pl.Series([line.station_names[place] for place in platforms["station"]], dtype=pl.String),
    )
    named = rows.join(names, on=["direction", "station"], how="left", maintain_order="left")
    if "previous_station" in rows.columns:
        previous = names.select("direction", previous_station="station", previous_stop_id="stop_id")
        named = named.join(previous, on=["direction", "previous_station"], how="left", maintain_order="left")
    first = ["service_date", "direction_id", "stop_id", "stop_name"]
    return named.select(*first, pl.all().exclude(*first, "direction", "station", "previous_station"))
