"""The moment a request asks for: `at` -> service date and t0."""

import re
from datetime import date, datetime

from headway_prediction.service.api.errors import ApiError
from headway_prediction.service.live.line_state import origin_at
from headway_prediction.transit.clock import time_zone

UNESCAPED_PLUS = re.compile(r" (\d\d:?\d\d)$")
"""A plus sign that was not escaped in a query means a space there: `…T08:30:00 01:00`."""


def parse_origin(at: str, zone_name: str) -> tuple[date, int]:
    """Return the service date and t0 that the service publishes at `at` (ISO 8601; the line's own time without an offset).

    Raises Refusal (422) for what is no time.
    """
    try:
        read = datetime.fromisoformat(UNESCAPED_PLUS.sub(r"+\1", at))
        aware = read if read.tzinfo else read.replace(tzinfo=time_zone(zone_name))
        return origin_at(aware.timestamp(), zone_name)
    except (ValueError, OverflowError) as error:
        raise ApiError(
            422,
            f"at={at[:40]!r} is no time",
            "ISO 8601 such as 2026-01-13T08:30:00+00:00",
            "take a `time` of /moments",
        ) from error
