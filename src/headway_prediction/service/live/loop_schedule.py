"""When a minute is forecast: as soon as a poll shows that it is over and all told, or a little after it without one."""

GRACE_SECS = 20.0
MINUTE_SECS = 60.0


class LoopSchedule:
    """Gives each minute out once, in order; where several are due only the newest, for nobody waits for an old forecast."""

    def __init__(self, started_at: float) -> None:
        self._started_at = started_at
        self._done: float | None = None

    def due(self, newest_poll_at: float | None, now: float) -> float | None:
        """Return the end of the minute to be forecast now, all in epoch seconds by the feed's clock; None: none yet.

        `newest_poll_at` is when the newest poll of this process was fetched. It is waited for after the start too.
        """
        waited = now - GRACE_SECS
        ends = [] if newest_poll_at is None and waited < self._started_at else [_end_before(waited)]
        ends += [] if newest_poll_at is None else [_end_before(newest_poll_at)]
        newest = max(ends, default=None)
        if newest is None or (self._done is not None and newest <= self._done):
            return None
        self._done = newest
        return newest


def _end_before(moment: float) -> float:
    return moment // MINUTE_SECS * MINUTE_SECS
