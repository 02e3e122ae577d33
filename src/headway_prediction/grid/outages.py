"""Outages in the grid: minutes in which nothing is known of a line, so that no headway spans them.

A mask is made from the whole day: whoever gives one says more than was known at the time, but only of minutes whose
cells it takes away. Without outages `valid` is that of docs/methodology.md.
"""

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
import polars as pl

OUTAGE_COLUMNS = {"service_date": pl.Date, "first_minute": pl.Int64, "end_minute": pl.Int64}
"""An outage lasts from the start of `first_minute` to the start of `end_minute` of its service day."""
OUTAGES_ATTRIBUTE = "outages"

Outage = tuple[int, int]


def outages_attribute(outages: pl.DataFrame) -> dict[str, list]:
    """Return the attribute of a grid that holds these outages (OUTAGE_COLUMNS); none where there are none."""
    rows = outages.select(list(OUTAGE_COLUMNS)).unique().sort(list(OUTAGE_COLUMNS)).rows()
    return {OUTAGES_ATTRIBUTE: [[day.isoformat(), first, end] for day, first, end in rows]} if rows else {}


def outages_on(attributes: Mapping[str, object], service_date: date) -> list[Outage]:
    """Return the outages (first minute, end minute) of one service date from a grid's attributes."""
    day = service_date.isoformat()
    return [(int(first), int(end)) for own, first, end in attributes.get(OUTAGES_ATTRIBUTE, ()) if own == day]


def outages_known_at(attributes: Mapping[str, object], service_date: date, t0: int) -> dict[str, list]:
    """Return the attribute with the outages that had begun by the end of minute `t0`; one that lasts on ends there."""
    begun = [
        [day, first, min(end, t0 + 1) if day == service_date.isoformat() else end]
        for day, first, end in attributes.get(OUTAGES_ATTRIBUTE, ())
        if (date.fromisoformat(day), first) <= (service_date, t0)
    ]
    return {OUTAGES_ATTRIBUTE: begun} if begun else {}


def spans_outage(earlier: np.ndarray, later: np.ndarray, outages: Sequence[Outage]) -> np.ndarray:
    """Tell which pairs of minutes, alike in shape, have an outage between them or lie in one."""
    crossed = np.zeros(np.broadcast(earlier, later).shape, dtype=bool)
    for first, end in outages:
        crossed |= (earlier < end) & (later >= first)
    return crossed
