"""Posting new alerts to a URL, in a thread of its own."""

import asyncio
import json
from collections import deque
from dataclasses import replace

import httpx2

from headway_prediction import __version__
from headway_prediction.errors import HeadwayError
from headway_prediction.service.api.models.alerts import Alerts
from headway_prediction.service.live.background import Issues, Worker
from headway_prediction.service.live.published import Alert, LineForecast
from headway_prediction.transit.line import Line

TIMEOUT_SECS = 5.0
"""For a whole post: connection, request and the head of the response."""
MAX_ATTEMPTS = 3
PAUSE_SECS = 1.0
MAX_QUEUED = 50
REPEAT_AFTER_MINS = 30
ISSUE_PART = "webhook"


def checked_url(url: str) -> str:
    """Return a URL of http or https; raises HeadwayError for any other."""
    try:
        parts = httpx2.URL(url)
        usable = parts.scheme in ("http", "https") and bool(parts.host)
    except httpx2.InvalidURL:
        usable = False
    if not usable:
        raise HeadwayError(
            f"the webhook {url!r}", "an address that begins with http:// or https://", "correct it"
        )
    return url


class Webhook:
    """Posts new alerts, in the form of the API's alerts, in the thread of its `worker`.

    An alert is posted once per kind, direction and train, and again when it has been absent for half an hour. A server that
    fails three times misses the post; at most 50 posts are queued, the oldest are dropped.
    """

    def __init__(self, url: str, line: Line, issues: Issues, pause_secs: float = PAUSE_SECS):
        self._url, self._line, self._issues, self._pause_secs = checked_url(url), line, issues, pause_secs
        self._last_seen: dict[_AlertKey, int] = {}
        """The minute (t0) at which each alert was last published."""
        self._queue: deque[bytes] = deque(maxlen=MAX_QUEUED)
        self.worker = Worker("alerts to the webhook", self._post_queued, issues)

    def report(self, published: LineForecast) -> None:
        """Queue the new alerts; never waits."""
        now = published.state.t0
        self._last_seen = {
            key: t0 for key, t0 in self._last_seen.items() if 0 <= now - t0 < REPEAT_AFTER_MINS
        }
        new = tuple(alert for alert in published.alerts if _key(alert) not in self._last_seen)
        self._last_seen |= {_key(alert): now for alert in published.alerts}
        if new:
            alerts = Alerts.of(replace(published, alerts=new), self._line)
            body = {"line_id": self._line.line_id, **alerts.model_dump(mode="json")}
            self._queue.append(json.dumps(body).encode())
            self.worker.wake()

    def _post_queued(self) -> None:
        while self._queue and not self.worker.stopping:
            self._post_with_retries(self._queue.popleft())

    def _post_with_retries(self, body: bytes) -> None:
        for attempt in range(MAX_ATTEMPTS):
            failure = asyncio.run(self._post(body))
            if failure is None:
                self._issues.report(ISSUE_PART, None)
                return
            if self.worker.pause(self._pause_secs * 2**attempt):
                return
        self._issues.report(ISSUE_PART, f"alerts were not accepted in {MAX_ATTEMPTS} attempts: {failure}")

    async def _post(self, body: bytes) -> str | None:
        """Post once; return what failed. A redirect counts as a failure, and the body of a response is not read."""
        headers = {"Content-Type": "application/json", "User-Agent": f"headway-prediction/{__version__}"}
        try:
            async with (
                asyncio.timeout(TIMEOUT_SECS),
                httpx2.AsyncClient(timeout=None) as client,
                client.stream("POST", self._url, content=body, headers=headers) as response,
            ):
                return None if response.is_success else f"status {response.status_code}"
        except TimeoutError:
            return f"no response within {TIMEOUT_SECS:g} s"
        except httpx2.HTTPError as error:
            return str(error) or type(error).__name__


_AlertKey = tuple[object, ...]


def _key(alert: Alert) -> _AlertKey:
    return alert.kind, alert.direction, alert.train
