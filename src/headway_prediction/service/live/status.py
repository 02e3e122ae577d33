"""How far the forecast of this minute is to be trusted, from what the feed has said and when."""

from headway_prediction.service.live.published import Level, Status

STALE_AFTER_SECS = 120.0
CLIMATOLOGY_AFTER_SECS = 600.0
HISTORY_MINS = 30


def status_of(
    at: float, content_at: float | None, known_since: float | None, *, of_today: bool = True
) -> Status:
    """Return the status at a moment (epoch seconds).

    `content_at` is when the feed last said something new, however often it has answered since; None is never.
    `known_since` is when the unbroken knowledge of the line begins: with less than 30 minutes of it the level is STARTING.
    `of_today` says whether `content_at` lies on the service date of `at`: the last state of another date is none to go on
    from.
    """
    if content_at is None or known_since is None:
        return Status(Level.CLIMATOLOGY, ("the feed has not said anything yet",), float("nan"))
    age = max(0.0, at - content_at)
    if age > CLIMATOLOGY_AFTER_SECS or (age > STALE_AFTER_SECS and not of_today):
        return Status(Level.CLIMATOLOGY, (f"{_silent(age)}: these are the usual headways",), age)
    if age > STALE_AFTER_SECS:
        return Status(Level.STALE, (f"{_silent(age)}: forecast from what was known then",), age)
    known_mins = (at - known_since) / 60
    if known_mins < HISTORY_MINS:
        reason = f"only the last {max(0, int(known_mins))} of the {HISTORY_MINS} minutes before are known"
        return Status(Level.STARTING, (reason,), age)
    return Status(Level.LIVE, (), age)


def _silent(age_secs: float) -> str:
    return f"the feed has said nothing new for {int(age_secs // 60)} min {int(age_secs % 60):02d} s"
