"""Telling others of new warnings: a POST to an address of theirs, which never holds up the service."""

import json
import urllib.request
from collections import deque
from dataclasses import replace
from http.client import HTTPException
from urllib.parse import urlsplit

from headway_prediction import __version__
from headway_prediction.errors import HeadwayError
from headway_prediction.service.api.alerts_response import alerts_body
from headway_prediction.service.live.background import Issues, Worker
from headway_prediction.service.live.published import Alert, LineForecast
from headway_prediction.transit.line import Line

TIMEOUT_SECS = 5.0
TRIES = 3
PAUSE_SECS = 1.0
MOST_WAITING = 50
FORGOTTEN_AFTER_MINS = 30
PART = "webhook"


def checked_url(url: str) -> str:
    """Return an address that can be posted to; raises HeadwayError for one that is not of http or https."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise HeadwayError(
            f"the webhook {url!r} cannot be posted to",
            "an address that begins with http:// or https://",
            "correct it",
        )
    return url


class Webhook:
    """Posts the warnings that are new, as GET warnings gives them, in the thread of its `worker`.

    A warning is told once: as the same trouble of the same train, until nobody has heard of it for half an hour. A server
    that does not take it within three tries misses it; the newest 50 posts wait.
    """

    def __init__(self, url: str, line: Line, issues: Issues, pause_secs: float = PAUSE_SECS):
        self._url, self._line, self._issues, self._pause_secs = checked_url(url), line, issues, pause_secs
        self._told: dict[tuple, int] = {}
        self._waiting: deque[bytes] = deque(maxlen=MOST_WAITING)
        self._open = urllib.request.build_opener(_NoRedirect()).open
        self.worker = Worker("warnings to the webhook", self._post_waiting, issues)

    def report(self, published: LineForecast) -> None:
        """Post what is new among the warnings; never waits."""
        now = published.state.t0
        self._told = {key: at for key, at in self._told.items() if 0 <= now - at < FORGOTTEN_AFTER_MINS}
        fresh = tuple(alert for alert in published.alerts if _key(alert) not in self._told)
        self._told |= {_key(alert): now for alert in published.alerts}
        if fresh:
            body = alerts_body(replace(published, alerts=fresh), self._line)
            self._waiting.append(json.dumps({"line_id": self._line.line_id, **body}).encode())
            self.worker.wake()

    def _post_waiting(self) -> None:
        while self._waiting and not self.worker.stopping:
            self._post(self._waiting.popleft())

    def _post(self, body: bytes) -> None:
        for attempt in range(TRIES):
            refused = self._refusal(body)
            if refused is None:
                self._issues.report(PART, None)
                return
            if self.worker.pause(self._pause_secs * 2**attempt):
                return
        self._issues.report(PART, f"warnings were not taken in {TRIES} tries: {refused}")

    def _refusal(self, body: bytes) -> str | None:
        headers = {"Content-Type": "application/json", "User-Agent": f"headway-prediction/{__version__}"}
        request = urllib.request.Request(self._url, body, headers, method="POST")
        try:
            with self._open(request, timeout=TIMEOUT_SECS) as response:
                response.read(1)
        except (OSError, HTTPException) as error:
            return str(error) or type(error).__name__
        return None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would lead the warnings to an address that nobody chose."""

    def redirect_request(self, *_: object) -> None:
        return None


def _key(alert: Alert) -> tuple:
    return alert.kind, alert.direction, alert.train
