"""HTTP below the client: requests within a time and a size, refusals as HeadwayError, and streams of events that reconnect.

No redirect is followed: httpx2 would take the key off a request to another server, but not its body.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import httpx2
from pydantic import ValidationError

from headway_prediction.errors import HeadwayError
from headway_prediction.service.api.models.base import ErrorBody

MAX_BODY_BYTES = 64 << 20
MAX_SILENCE_SECS = 45.0
"""A stream without an event or a comment for so long is broken."""
MIN_WAIT_SECS, MAX_WAIT_SECS = 1.0, 30.0


@dataclass(frozen=True)
class ServiceResponse:
    """A response that was received completely."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport:
    """Sends requests to the service at `url`; `timeout_secs` limits each operation and the whole body.

    Every method raises HeadwayError where no service answers, where it refuses (with its own sentence), and where it
    redirects.
    """

    def __init__(self, url: str, timeout_secs: float) -> None:
        self.url, self.timeout_secs = url, timeout_secs
        # Without idle connections there is nothing that a caller would have to close.
        self._client = httpx2.Client(timeout=timeout_secs, limits=httpx2.Limits(max_keepalive_connections=0))

    def request(
        self,
        method: str,
        path: str,
        *,
        accepted: Iterable[int] = (),
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> ServiceResponse:
        """Return the response to a request; statuses of 300 or more are refusals unless `accepted`."""
        deadline = time.monotonic() + self.timeout_secs
        with self._open(method, path, headers=headers, content=content) as response:
            body = self._read(response, deadline)
            if response.status_code >= 300 and response.status_code not in accepted:
                raise _refusal(response, body)
            return ServiceResponse(response.status_code, response.headers, body)

    def events(
        self, path: str, sleep: Callable[[float], None] = time.sleep
    ) -> Iterator[httpx2.ServerSentEvent]:
        """Yield the events of a stream for ever: whenever it ends or breaks it is opened again (`reconnecting_events`)."""
        return reconnecting_events(lambda last_id: self._open_events(path, last_id), sleep)

    @contextmanager
    def _open_events(self, path: str, last_id: str) -> Iterator[httpx2.EventSource]:
        headers = {"Accept": "text/event-stream", "Last-Event-ID": last_id}
        timeout = httpx2.Timeout(self.timeout_secs, read=MAX_SILENCE_SECS)
        known = {name: value for name, value in headers.items() if value}
        with self._open("GET", path, headers=known, timeout=timeout) as response:
            if response.status_code >= 300:
                raise _refusal(response, self._read(response, time.monotonic() + self.timeout_secs))
            yield httpx2.EventSource(response)

    @contextmanager
    def _open(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        timeout: httpx2.Timeout | None = None,
    ) -> Iterator[httpx2.Response]:
        request = self._client.build_request(
            method,
            self.url + path,
            headers=headers,
            content=content,
            timeout=timeout or self.timeout_secs,
        )
        try:
            response = self._client.send(request, stream=True)
            try:
                yield response
            finally:
                response.close()
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise HeadwayError(
                f"no service answers at {self.url} ({str(error) or type(error).__name__})",
                "a running `headway serve`",
                "start one, or give its address",
            ) from error

    def _read(self, response: httpx2.Response, deadline: float) -> bytes:
        body = bytearray()
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > MAX_BODY_BYTES or time.monotonic() > deadline:
                raise HeadwayError(
                    f"the response of {response.url} is longer than {MAX_BODY_BYTES:,} bytes or {self.timeout_secs:g} s",
                    "a response of the service",
                    "check the address, or give more time",
                )
        return bytes(body)


def _refusal(response: httpx2.Response, body: bytes) -> HeadwayError:
    if response.has_redirect_location:
        target = response.headers["Location"][:200]
        return HeadwayError(
            f"{response.url} redirects to {target!r}",
            "a response of the service itself",
            "give that address, if it is the service's",
        )
    try:
        error = ErrorBody.model_validate_json(body).error
        return HeadwayError(error.found, error.expected, error.remedy)
    except ValidationError:
        found = f"status {response.status_code} from {response.url}"
        return HeadwayError(found, "a response of the service", "check the address")


def reconnecting_events(
    open_stream: Callable[[str], AbstractContextManager[Iterable[httpx2.ServerSentEvent]]],
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[httpx2.ServerSentEvent]:
    """Yield the events of a stream for ever: whenever it ends or breaks it is opened again, after growing pauses.

    `open_stream` gets the id of the last event ("" before the first), from which the server continues. Raises HeadwayError
    where the stream cannot be opened the first time.
    """
    last_id, was_open, wait_secs = "", False, MIN_WAIT_SECS
    while True:
        try:
            with open_stream(last_id) as stream:
                was_open = True
                for event in stream:
                    yield event
                    last_id, wait_secs = event.id, MIN_WAIT_SECS
        except HeadwayError:
            if not was_open:
                raise
        sleep(wait_secs)
        wait_secs = min(2 * wait_secs, MAX_WAIT_SECS)
