"""Recording a feed for weeks: fetch, classify, store, wait; a failing server or disk is logged and outlasted."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from email.utils import mktime_tz, parsedate_tz
from typing import Protocol

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.recorder.address import FeedAddress
from headway_prediction.feeds.recorder.archive import Retention
from headway_prediction.feeds.recorder.archive_format import Attempt, Outcome, day_name
from headway_prediction.feeds.recorder.classify import classify, failed_attempt
from headway_prediction.feeds.recorder.fetch import Fetcher, FetchError, Limits, Validators

FATAL_STATUSES = {400, 401, 403, 404, 410}
"""Statuses of a wrong request: fatal on the very first attempt, outlasted on a later one."""
MAX_BACKOFF_SECS = 300.0
"""After an outage of a night at most five minutes are missed."""
MAX_RETRY_AFTER_SECS = 24 * 3600.0
MAX_DOUBLINGS = 16


@dataclass(frozen=True)
class Clock:
    """The recorder's sources of time and randomness."""

    now: Callable[[], float] = time.time
    """Seconds since 1970-01-01 UTC, which jump when the clock is set."""
    elapsed: Callable[[], float] = time.monotonic
    """Seconds since some moment, which never jump."""
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random
    """A number in [0, 1)."""


@dataclass(frozen=True)
class RecorderSettings:
    """How a feed is recorded."""

    interval_secs: float = 15.0
    """Seconds from the start of one request to that of the next."""
    limits: Limits = field(default_factory=Limits)
    retention: Retention = field(default_factory=Retention)


class AttemptSink(Protocol):
    """Where a recorder puts its attempts: an Archive, or a consumer in memory."""

    day_bytes: dict[str, int]
    """Bytes by day, for the retention."""

    def add(self, attempt: Attempt, body: bytes | None = None) -> bool:
        """Take an attempt, and the body of one that brought a poll; return whether that was new."""
        ...

    def delete_day(self, day: str) -> None:
        """Delete a day of `day_bytes`."""
        ...


@dataclass
class AttemptCounters:
    """Numbers of attempts by result, and how many polls were new."""

    polls: int = 0
    new: int = 0
    quarantined: int = 0
    failed: int = 0
    lost: int = 0
    """Attempts that could not be stored: the disk was full."""

    def count(self, attempt: Attempt, stored: bool, new: bool) -> None:
        """Count one attempt."""
        if not stored:
            self.lost += 1
        elif attempt.outcome is Outcome.POLL:
            self.polls += 1
            self.new += new
        elif attempt.outcome is Outcome.QUARANTINED:
            self.quarantined += 1
        else:
            self.failed += 1

    def __str__(self) -> str:
        return ", ".join(f"{getattr(self, each.name):,} {each.name}" for each in fields(self))


class Recorder:
    """Records one feed into one archive. `log` gets a line when something changes, and each day's counters."""

    def __init__(
        self,
        address: FeedAddress,
        archive: AttemptSink,
        settings: RecorderSettings,
        log: Callable[[str], None],
        clock: Clock | None = None,
    ):
        self._address, self._archive, self._settings = address, archive, settings
        self._fetcher = Fetcher(address, settings.limits)
        self._log, self._clock = log, clock or Clock()
        self._validators = Validators()
        self._body: bytes | None = None
        """With its validators, of the newest stored poll: a conditional request is made only where the body is at hand."""
        self._day: str | None = None
        self._failures = 0
        self._last_reason: str | None = None
        self._write_failing = False
        self.today, self.total = AttemptCounters(), AttemptCounters()

    def run(self, attempts: int | None = None) -> None:
        """Poll `attempts` times, or until interrupted. Raises HeadwayError when the very first attempt is refused."""
        done = 0
        while attempts is None or done < attempts:
            started = self._clock.elapsed()
            done += 1
            pause = self.poll(last=done == attempts)
            if done != attempts:
                self._clock.sleep(max(0.0, pause - (self._clock.elapsed() - started)))

    def poll(self, last: bool = False) -> float:
        """Poll once; return the seconds from the start of this attempt to that of the next one, if it is not the `last`."""
        attempt, body, validators, retry_after = self._fetch()
        self._start_day(attempt)
        if self._store(attempt, body) and attempt.outcome is Outcome.POLL:
            self._validators, self._body = validators, body
        self._failures = 0 if attempt.outcome is Outcome.POLL else self._failures + 1
        pause = pause_seconds(
            self._settings.interval_secs,
            self._failures,
            self._clock.jitter(),
            retry_after=retry_after,
            now=attempt.fetched_at,
        )
        self._log_change(attempt, None if last else pause)
        return pause

    def _fetch(self) -> tuple[Attempt, bytes | None, Validators, str | None]:
        """Return the attempt, the body to store, its validators, and the Retry-After header."""
        started, key = self._clock.elapsed(), self._address.key
        try:
            response = self._fetcher.fetch(self._validators)
        except FetchError as failure:
            self._raise_if_refused(failure)
            return (
                failed_attempt(failure, self._clock.now(), key),
                None,
                self._validators,
                failure.retry_after,
            )
        seconds = self._clock.elapsed() - started
        body = self._body if response.body is None else response.body
        attempt, to_store = classify(response, body, self._clock.now(), seconds, key)
        return attempt, to_store, response.validators, None

    def _raise_if_refused(self, failure: FetchError) -> None:
        if failure.status in FATAL_STATUSES and self.total == AttemptCounters():
            raise HeadwayError(
                f"{self._address.url} answers with status {failure.status}",
                "a feed that may be fetched",
                "check the address and, where the feed needs one, the key (--key-variable)",
            )

    def _store(self, attempt: Attempt, body: bytes | None) -> bool:
        stored, new = True, False
        try:
            new = self._archive.add(attempt, body)
            if self._write_failing:
                self._log(f"the archive can be written again; {self.total.lost:,} attempts were lost so far")
        except HeadwayError as error:
            stored = False
            if not self._write_failing:
                self._log(f"{error} Until then polls are lost.")
        self._write_failing = not stored
        for counters in (self.today, self.total):
            counters.count(attempt, stored, new)
        return stored

    def _start_day(self, attempt: Attempt) -> None:
        day = day_name(attempt.fetched_at)
        if day != self._day:
            if self._day is not None:
                self._log(f"{self._day}: {self.today}")
            self._day, self.today = day, AttemptCounters()
        for old in self._settings.retention.expired(self._archive.day_bytes, day):
            self._delete(old)

    def _delete(self, day: str) -> None:
        size = self._archive.day_bytes[day]
        try:
            self._archive.delete_day(day)
            self._log(f"deleted {day} ({size / 1e6:,.1f} MB), by the retention of the archive")
        except HeadwayError as error:
            self._log(str(error))

    def _log_change(self, attempt: Attempt, pause: float | None) -> None:
        """Log what differs from the last attempt: an outage of a night takes two lines, not a thousand."""
        if attempt.reason != self._last_reason:
            retry = "" if pause is None else f"; next attempt in {pause:,.0f} s"
            self._log(f"{attempt.reason}{retry}" if attempt.reason else "the feed works again")
            self._last_reason = attempt.reason


def pause_seconds(
    interval_secs: float, failures: int, jitter: float, *, retry_after: str | None = None, now: float = 0.0
) -> float:
    """Return the seconds from the start of one request to that of the next.

    `interval_secs` after a success; after `failures` in a row twice as long for each, up to MAX_BACKOFF_SECS (or
    `interval_secs`, if longer), of which `jitter` in [0, 1) leaves a half to the whole, so that recorders which failed
    together do not return together; never under `interval_secs`. A `retry_after` header is obeyed up to a day, counted from
    `now` (epoch seconds), with up to `interval_secs` more by the same jitter.
    """
    longest = max(interval_secs, MAX_BACKOFF_SECS)
    backoff = min(interval_secs * 2 ** min(failures, MAX_DOUBLINGS), longest)
    pause = max(interval_secs, backoff * (0.5 + jitter / 2)) if failures else interval_secs
    requested = _retry_after_secs(retry_after, now)
    return pause if requested is None else max(pause, requested + jitter * interval_secs)


def _retry_after_secs(retry_after: str | None, now: float) -> float | None:
    """Seconds of a Retry-After header, which holds seconds or a date (RFC 9110, section 10.2.3), or None for neither."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), MAX_RETRY_AFTER_SECS)
    parts = parsedate_tz(text)
    try:
        return None if parts is None else min(max(mktime_tz(parts) - now, 0.0), MAX_RETRY_AFTER_SECS)
    except (ValueError, OverflowError):
        return None
