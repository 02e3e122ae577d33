"""Kinds of days: a timetable usually has one for weekdays, one for Saturdays and one for Sundays."""

from datetime import date

DAY_TYPES = (0, 1, 2)


def day_type_of(service_date: date) -> int:
    """Return 0 on weekdays, 1 on Saturdays, 2 on Sundays."""
    return max(0, service_date.weekday() - 4)
