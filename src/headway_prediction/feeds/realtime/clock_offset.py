"""Feeds whose clock is off by whole hours, as on the days when clocks change: told from what they say themselves."""

from collections.abc import Collection

HOUR = 3600
MAX_HEADER_ERROR_SECS = 300
"""A header is written when a poll is, or a little before; further away it tells nothing of when."""
NEAR_SECS = 600
"""A train's next stop is due, and its place was measured, about when the poll was made."""
MAX_OFFSET_HOURS = 14


def clock_offset_hours(header_at: float, fetched_at: float, times: Collection[float]) -> int | None:
    """Return by how many whole hours a feed's clock is ahead of ours; None for a header that is not to be believed.

    `times` are each trip's next stop and each vehicle's measurement. Only when more of them lie near `fetched_at` after
    setting the clock right than before, it is the clock: a header that stood still for an hour looks the same alone.
    """
    hours = round((header_at - fetched_at) / HOUR)
    if abs(header_at - hours * HOUR - fetched_at) > MAX_HEADER_ERROR_SECS or abs(hours) > MAX_OFFSET_HOURS:
        return None
    if hours and _near(times, fetched_at + hours * HOUR) <= _near(times, fetched_at):
        return None
    return hours


def _near(times: Collection[float], moment: float) -> int:
    return sum(abs(time - moment) <= NEAR_SECS for time in times)
