"""The moment a request asks for: `at` -> service date and t0."""

import re
from datetime import date, datetime, timedelta

from headway_prediction.clock import service_moment, time_zone
from headway_prediction.service.api.refusal import Refusal

LOST_PLUS = re.compile(r" (\d\d:?\d\d)$")
"""A plus sign that was not escaped in a query means a space there: `…T08:30:00 01:00`."""


def origin_at(at: str, zone_name: str) -> tuple[date, int]:
    """Return the service date and the last minute over at `at` (ISO 8601; the line's own time without an offset).

    Raises Refusal (422) for what is no time.
    """
    try:
        read = datetime.fromisoformat(LOST_PLUS.sub(r"+\1", at))
        aware = read if read.tzinfo else read.replace(tzinfo=time_zone(zone_name))
        service_date, minute = service_moment(aware - timedelta(minutes=1), zone_name)
    except (ValueError, OverflowError) as error:
        raise Refusal(
            422,
            f"at={at[:40]!r} is no time",
            "ISO 8601 such as 2026-01-13T08:30:00+00:00",
            "take a `time` of /moments",
        ) from error
    return service_date, int(minute)
