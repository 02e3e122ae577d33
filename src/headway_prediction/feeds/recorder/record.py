"""Polling a feed into an archive, for weeks: whatever the server or the disk does is said and survived."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.recorder.address import FeedAddress
from headway_prediction.feeds.recorder.backoff import pause_seconds
from headway_prediction.feeds.recorder.body import FetchError
from headway_prediction.feeds.recorder.body_store import day_name
from headway_prediction.feeds.recorder.classify import classify, failed_attempt
from headway_prediction.feeds.recorder.counters import AttemptCounters
from headway_prediction.feeds.recorder.http_fetch import Limits, Validators, fetch
from headway_prediction.feeds.recorder.index import Attempt, Outcome
from headway_prediction.feeds.recorder.retention import Retention

FATAL_STATUSES = {400, 401, 403, 404, 410}
"""Statuses that say the request is wrong: fatal on the very first attempt, outlasted on a later one."""


@dataclass(frozen=True)
class Clock:
    """Time and chance as the recorder meets them."""

    now: Callable[[], float] = time.time
    """Seconds since 1970-01-01 UTC, which may jump when the clock is set."""
    elapsed: Callable[[], float] = time.monotonic
    """Seconds since some moment, which never jump."""
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random


@dataclass(frozen=True)
class RecorderSettings:
    """How a feed is recorded."""

    interval_secs: float = 15.0
    """Seconds from the start of one request to that of the next."""
    limits: Limits = field(default_factory=Limits)
    retention: Retention = field(default_factory=Retention)


class AttemptSink(Protocol):
    """Where a recorder puts what it got: an Archive, or whatever stands in its place."""

    day_bytes: dict[str, int]
    """Bytes by day, which the retention may ask to drop."""

    def add(self, attempt: Attempt, body: bytes | None = None) -> bool:
        """Take in an attempt, and the body of one that brought a poll; return whether that was new."""
        ...

    def delete_day(self, day: str) -> None:
        """Forget a day of `day_bytes`."""
        ...


class Recorder:
    """One feed, one archive, one attempt after the other. What changes is told to `say`, and each day's numbers."""

    def __init__(
        self,
        address: FeedAddress,
        archive: AttemptSink,
        settings: RecorderSettings,
        say: Callable[[str], None],
        clock: Clock | None = None,
    ):
        self._address, self._archive, self._settings = address, archive, settings
        self._say, self._clock = say, clock or Clock()
        self._validators, self._body = Validators(), None
        """Of the newest poll in the archive: "not modified" is asked for only where the body is at hand."""
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
            pause = self.attempt(last=done == attempts)
            if done != attempts:
                self._clock.sleep(max(0.0, pause - (self._clock.elapsed() - started)))

    def attempt(self, last: bool = False) -> float:
        """Poll once; return the seconds from the start of this attempt to that of the next one, if it is not the `last`."""
        attempt, body, validators, retry_after = self._fetch()
        self._start_day(attempt)
        if self._kept(attempt, body) and attempt.outcome is Outcome.POLL:
            self._validators, self._body = validators, body
        self._failures = 0 if attempt.outcome is Outcome.POLL else self._failures + 1
        pause = pause_seconds(
            self._settings.interval_secs,
            self._failures,
            self._clock.jitter(),
            retry_after=retry_after,
            now=attempt.fetched_at,
        )
        self._tell(attempt, None if last else pause)
        return pause

    def _fetch(self) -> tuple[Attempt, bytes | None, Validators, str | None]:
        """The attempt, the body to keep, its validators, and how long the server asks to be left alone."""
        started, key = self._clock.elapsed(), self._address.key
        try:
            answer = fetch(self._address, self._validators, self._settings.limits)
        except FetchError as failure:
            self._raise_if_refused(failure)
            return (
                failed_attempt(failure, self._clock.now(), key),
                None,
                self._validators,
                failure.retry_after,
            )
        seconds = self._clock.elapsed() - started
        body = self._body if answer.body is None else answer.body
        return *classify(answer, body, self._clock.now(), seconds, key), answer.validators, None

    def _raise_if_refused(self, failure: FetchError) -> None:
        if failure.status in FATAL_STATUSES and self.total == AttemptCounters():
            raise HeadwayError(
                f"{self._address.url} answers with status {failure.status}",
                "a feed that may be fetched",
                "check the address and, where the feed wants one, the key (--key-variable)",
            )

    def _kept(self, attempt: Attempt, body: bytes | None) -> bool:
        kept, new = True, False
        try:
            new = self._archive.add(attempt, body)
            if self._write_failing:
                self._say(f"the archive can be written again; {self.total.lost:,} attempts were lost so far")
        except HeadwayError as error:
            kept = False
            if not self._write_failing:
                self._say(f"{error} Until then polls are lost.")
        self._write_failing = not kept
        for tally in (self.today, self.total):
            tally.count(attempt, kept, new)
        return kept

    def _start_day(self, attempt: Attempt) -> None:
        day = day_name(attempt.fetched_at)
        if day != self._day:
            if self._day is not None:
                self._say(f"{self._day}: {self.today}")
            self._day, self.today = day, AttemptCounters()
        for old in self._settings.retention.expired(self._archive.day_bytes, day):
            self._drop(old)

    def _drop(self, day: str) -> None:
        size = self._archive.day_bytes[day]
        try:
            self._archive.delete_day(day)
            self._say(f"deleted {day} ({size / 1e6:,.1f} MB), as the limits of the archive ask")
        except HeadwayError as error:
            self._say(str(error))

    def _tell(self, attempt: Attempt, pause: float | None) -> None:
        """Say what changed: a server that is away for a night is worth two lines, not a thousand."""
        if attempt.reason != self._last_reason:
            again = "" if pause is None else f"; asked again in {pause:,.0f} s"
            self._say(f"{attempt.reason}{again}" if attempt.reason else "the feed is back")
            self._last_reason = attempt.reason
