"""The only time-zone code: service-day minutes to instants and back.

A service day starts at local noon minus 12 hours, as GTFS counts (gtfs.org, reference, field type "Time"), so that its
minutes run past 1440 and keep their length on the days the clocks change.
"""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from headway_prediction.errors import HeadwayError

SCORED_DAY_MINS = 27 * 60
"""Minutes from 27:00 on are not scored (docs/methodology.md), so a grid's service day has this many."""


DAY_TYPES = (0, 1, 2)
"""A timetable usually has one variant for weekdays, one for Saturdays and one for Sundays."""


def time_zone(name: str) -> ZoneInfo:
    """Return the zone of that IANA name; raises HeadwayError when there is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise HeadwayError(
            f"the time zone {name!r} is unknown",
            "an IANA name such as Europe/Dublin",
            "pass the line's own zone, for instance with --time-zone Europe/Dublin",
        ) from error


def service_day_start(service_date: date, zone_name: str) -> datetime:
    """Return the instant (UTC) of minute 0 of a service day: local noon minus 12 hours."""
    noon = datetime(service_date.year, service_date.month, service_date.day, 12, tzinfo=time_zone(zone_name))
    return noon.astimezone(UTC) - timedelta(hours=12)


def service_minutes(instants: pl.Series, service_dates: pl.Series, zone_name: str) -> pl.Series:
    """Return minutes (Float64) of `instants` (aware datetimes) since the start of their `service_dates` (dates)."""
    days = service_dates.unique().drop_nulls()
    starts = [service_day_start(day, zone_name).timestamp() for day in days]
    start_seconds = service_dates.replace_strict(days, starts, return_dtype=pl.Float64)
    return (instants.dt.epoch("us") / 1e6 - start_seconds) / 60


def service_dates(instants: pl.Series, zone_name: str) -> pl.Series:
    """Return the service date of each aware instant, without nulls: the day before until that one's 27:00."""
    today = instants.dt.convert_time_zone(time_zone(zone_name).key).dt.date()
    yesterday = today.dt.offset_by("-1d")
    late = service_minutes(instants, yesterday, zone_name) < SCORED_DAY_MINS
    return yesterday.zip_with(late, today)


def local_instants(local: pl.Series, zone_name: str) -> pl.Series:
    """Return the instants (UTC) of local datetimes without a zone; null for a time that is skipped or comes twice."""
    zoned = local.dt.replace_time_zone(time_zone(zone_name).key, ambiguous="null", non_existent="null")
    return zoned.dt.convert_time_zone("UTC")


def instant(service_date: date, minute: float, zone_name: str) -> datetime:
    """Return the aware local datetime at `minute` of a service day."""
    moment = service_day_start(service_date, zone_name) + timedelta(minutes=float(minute))
    return moment.astimezone(time_zone(zone_name))


def local_datetime(at: float, zone_name: str) -> datetime:
    """Return the aware local datetime of epoch seconds."""
    return datetime.fromtimestamp(at, time_zone(zone_name))


def local_iso(service_date: date, minutes: np.ndarray, zone_name: str) -> list[str]:
    """Return ISO 8601 local times with offset, to the second, of service-day `minutes` (any shape is flattened)."""
    return [instant(service_date, m, zone_name).isoformat(timespec="seconds") for m in np.ravel(minutes)]


def service_date_and_minute(moment: datetime, zone_name: str) -> tuple[date, float]:
    """Return (service date, minute) of an aware instant; it belongs to the day before until that one's 27:00."""
    today = moment.astimezone(time_zone(zone_name)).date()
    for service_date in (today - timedelta(days=1), today):
        minute = (moment - service_day_start(service_date, zone_name)).total_seconds() / 60
        if minute < SCORED_DAY_MINS:
            break
    return service_date, minute


def gtfs_minutes(text: str) -> float:
    """Return service-day minutes of a GTFS time such as 25:10:00; raises HeadwayError for anything else."""
    parts = text.strip().split(":")
    if len(parts) not in (2, 3) or not all(part.isascii() and part.isdigit() for part in parts):
        raise HeadwayError(
            f"the time {text!r} is not a GTFS time", "H:MM:SS, which may pass 24:00:00", "correct that field"
        )
    hours, minutes, seconds = [int(part) for part in [*parts, "0"][:3]]
    if minutes > 59 or seconds > 59:
        raise HeadwayError(
            f"the time {text!r} has over 59 minutes or seconds", "H:MM:SS", "correct that field"
        )
    return hours * 60 + minutes + seconds / 60


def gtfs_time(minute: float) -> str:
    """Return the hours and minutes of a service-day minute as GTFS writes them, such as 25:10."""
    hour, rest = divmod(int(minute), 60)
    return f"{hour:02d}:{rest:02d}"


def day_type_of(service_date: date) -> int:
    """Return which of DAY_TYPES a date is: 0 on weekdays, 1 on Saturdays, 2 on Sundays."""
    return max(0, service_date.weekday() - 4)


def is_weekend(service_date: date) -> bool:
    """Return whether a date is a Saturday or Sunday."""
    return service_date.weekday() >= 5
