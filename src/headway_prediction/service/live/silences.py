"""When the feed was silent for so long that headways across the silence are unknown.

A train that nobody saw shortens no headway: without this every silence would end in a gap that never was.
"""

from bisect import bisect_left
from datetime import date, timedelta

import polars as pl

from headway_prediction.grid.outages import OUTAGE_COLUMNS, outages_attribute
from headway_prediction.grid.passings import MAX_SERVICE_DAY_MINS
from headway_prediction.service.live.live_line import origin_at
from headway_prediction.service.live.status import CLIMATOLOGY_AFTER_SECS

RETENTION_SECS = 48 * 3600.0


class FeedOutages:
    """Silences of over ten minutes, told from the moments (epoch seconds) at which the feed said something new.

    `ended` are those that are over, (first, end) in order; `known_since` is when the unbroken knowledge of the line begins
    and `content_at` when something new was heard last, both None before anything was.
    """

    def __init__(self, retention_secs: float = RETENTION_SECS) -> None:
        self._kept_secs = retention_secs
        self.ended: list[tuple[float, float]] = []
        self.known_since: float | None = None
        self.content_at: float | None = None

    def record(self, content_at: float) -> None:
        """Take note that the feed said something new; what is older than the last news changes nothing."""
        if self.content_at is None:
            self.known_since = content_at
        elif content_at - self.content_at > CLIMATOLOGY_AFTER_SECS:
            self.ended.append((self.content_at, content_at))
            self.known_since = content_at
        self.content_at = max(content_at, self.content_at or content_at)
        first_kept = bisect_left([end for _, end in self.ended], self.content_at - self._kept_secs)
        del self.ended[:first_kept]

    def outages(self, at: float, zone_name: str) -> pl.DataFrame:
        """Return the silences up to `at`, the one that lasts among them, as OUTAGE_COLUMNS of grid.outages."""
        spans = list(self.ended)
        if self.content_at is not None and at - self.content_at > CLIMATOLOGY_AFTER_SECS:
            spans.append((self.content_at, at))
        rows = [row for first, end in spans for row in _by_service_date(first, end, zone_name)]
        return pl.DataFrame(rows, schema=OUTAGE_COLUMNS, orient="row")

    def attributes(self, at: float, zone_name: str) -> dict[str, list]:
        """Return the same as a grid's attribute."""
        return outages_attribute(self.outages(at, zone_name))


def _by_service_date(first: float, end: float, zone_name: str) -> list[tuple[date, int, int]]:
    """The whole and begun minutes of a silence, by service date."""
    (first_date, before), (last_date, last) = (origin_at(moment, zone_name) for moment in (first, end))
    if first_date == last_date:
        return [(first_date, before + 1, last + 2)]
    between = ((last_date - first_date).days - 1) * [0]
    whole = [
        (first_date + timedelta(days=k), 0, MAX_SERVICE_DAY_MINS) for k, _ in enumerate(between, start=1)
    ]
    return [(first_date, before + 1, MAX_SERVICE_DAY_MINS), *whole, (last_date, 0, last + 2)]
