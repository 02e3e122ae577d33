"""What the checks found as JSON: everything, for programs."""

import json
from datetime import date

import polars as pl

from headway_prediction.quality.check import Quality, by_date, by_platform, by_station
from headway_prediction.transit.line import Line

FOUND = ("outages", "gaps", "duplicates", "misdated", "headways", "backward", "overtaking")


def quality_json(quality: Quality) -> str:
    """Return the line, the counts by date, station and platform, and every single find.

    Minutes are those of the service day; a platform is its direction_id, stop_id and stop_name. What is not known is null.
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
        "found": {name: _named(getattr(quality, name), quality.line).to_dicts() for name in FOUND},
    }
    return json.dumps(plain, default=date.isoformat, allow_nan=False, ensure_ascii=False, indent=1)


def _named(rows: pl.DataFrame, line: Line) -> pl.DataFrame:
    """The rows with platforms by name instead of by number."""
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
        before = names.select("direction", previous_station="station", previous_stop_id="stop_id")
        named = named.join(before, on=["direction", "previous_station"], how="left", maintain_order="left")
    first = ["service_date", "direction_id", "stop_id", "stop_name"]
    return named.select(*first, pl.all().exclude(*first, "direction", "station", "previous_station"))
