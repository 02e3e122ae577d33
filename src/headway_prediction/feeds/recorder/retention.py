"""Which days of an archive go when it grows too long or too large."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Retention:
    """How much of the past is kept; None is all of it."""

    days: int | None = None
    """Recorded days kept, today among them. They are counted, not dated: a clock set wrong must not empty an archive."""
    bytes: int | None = None
    """Room on the disk."""

    def expired(self, day_bytes: Mapping[str, int], today: str) -> list[str]:
        """Return the days to delete, oldest first, of `day_bytes` in bytes by day (ISO dates).

        Whole days go, because each is whole by itself; never today's or a later one, even if it alone is too large.
        """
        past, total = sorted(day for day in day_bytes if day < today), sum(day_bytes.values())
        too_many = 0 if self.days is None else len(past) + 1 - self.days
        going = []
        for number, day in enumerate(past):
            if number >= too_many and (self.bytes is None or total <= self.bytes):
                break
            going.append(day)
            total -= day_bytes[day]
        return going
