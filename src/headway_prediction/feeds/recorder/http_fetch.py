"""One question and its answer over HTTP, within a time, a size and a number of redirects.

The standard library's client: nothing to install or to keep alive, and what a recorder needs beyond it (a deadline for the
whole exchange, a size limit before and after decoding, a key that no other server gets) no library does unasked.
"""

import re
import socket
import ssl
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from importlib.metadata import version
from time import monotonic
from urllib.parse import urljoin, urlsplit

from headway_prediction.feeds.recorder.address import FeedAddress, origin
from headway_prediction.feeds.recorder.body import FetchError, read_body
from headway_prediction.feeds.recorder.connection import connect, hung_up_at
from headway_prediction.feeds.recorder.proxy import Proxy

REDIRECTS = (301, 302, 303, 307, 308)
MAX_VALIDATOR_CHARS = 1024


@dataclass(frozen=True)
class Limits:
    """What one exchange may cost."""

    seconds: float = 20.0
    """From the first connection to the last byte, redirects included; only looking the host's name up is not cut off."""
    body_bytes: int = 64 << 20
    redirects: int = 5


@dataclass(frozen=True)
class Validators:
    """What the server said of its last answer, sent back to hear of changes alone (RFC 9110, section 13)."""

    etag: str | None = None
    last_modified: str | None = None

    def headers(self) -> dict[str, str]:
        """Return the headers that make a request conditional."""
        named = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in named.items() if value}


@dataclass(frozen=True)
class FeedResponse:
    """A body, or (None) the word that it has not changed."""

    body: bytes | None
    status: int
    validators: Validators
    content_type: str | None = None


def fetch(address: FeedAddress, validators: Validators, limits: Limits) -> FeedResponse:
    """Ask once. Raises ExchangeFailed, with a reason that never holds the key, for everything but status 200 and 304."""
    deadline = monotonic() + limits.seconds
    url, hops = address.url, 0
    while True:
        answer = _ask(address, url, validators, limits, deadline)
        if isinstance(answer, FeedResponse):
            return answer
        hops += 1
        if hops > limits.redirects:
            raise FetchError(f"over {limits.redirects} redirects")
        url = _redirected(address, url, answer)


def _ask(
    address: FeedAddress, url: str, validators: Validators, limits: Limits, deadline: float
) -> FeedResponse | str:
    """The answer of one server, or where it sends us."""
    target, key_header = address.request_for(url)
    proxy = address.proxies.proxy_for(url)
    headers = {"Accept-Encoding": "gzip", "Connection": "close", "User-Agent": _user_agent()}
    late = FetchError(f"no whole answer within {limits.seconds:g} s")
    try:
        with closing(connect(url, proxy, deadline)) as connection, _until(deadline, connection):
            if proxy and urlsplit(url).scheme == "http":
                # The proxy reads the request itself, and wants to know whom it is for.
                target, headers = f"http://{urlsplit(url).netloc}{target}", headers | proxy.headers()
            connection.request("GET", target, headers=headers | validators.headers() | key_header)
            with closing(connection.getresponse()) as response:
                understood = _understood(response, validators, limits)
    except (OSError, HTTPException, ValueError, FetchError) as error:
        if isinstance(error, TimeoutError) or monotonic() >= deadline:
            raise late from None
        if isinstance(error, FetchError):
            raise
        raise FetchError(_reason(error, url, proxy)) from None
    # A line that was cut reads like the end of a body whose length nobody told.
    if monotonic() >= deadline:
        raise late
    return understood


def _user_agent() -> str:
    return f"headway-prediction/{version('headway-prediction')}"


def _until(deadline: float, connection: HTTPConnection) -> AbstractContextManager[None]:
    line = connection.sock  # The connection forgets it as soon as the answer has begun.
    return hung_up_at(deadline, lambda: line)


def _understood(response: HTTPResponse, validators: Validators, limits: Limits) -> FeedResponse | str:
    status, headers = response.status, response.headers
    if status == 304 and validators.headers():
        return FeedResponse(None, status, validators)
    if status in REDIRECTS and headers.get("Location"):
        return headers["Location"]
    if status != 200:
        raise FetchError(f"status {status}", status, headers.get("Retry-After"))
    told = Validators(_sendable(headers.get("ETag")), _sendable(headers.get("Last-Modified")))
    return FeedResponse(read_body(response, limits.body_bytes), status, told, headers.get("Content-Type"))


def _sendable(value: str | None) -> str | None:
    return (
        value
        if value and value.isascii() and value.isprintable() and len(value) <= MAX_VALIDATOR_CHARS
        else None
    )


def _redirected(address: FeedAddress, url: str, location: str) -> str:
    try:
        target = urljoin(url, location)
        new, old = urlsplit(target), urlsplit(url)
        known = new.scheme in ("http", "https") and bool(new.hostname) and origin(new)[2] > 0
    except ValueError:
        known = False
    if not known:
        raise FetchError("a redirect to no web address")
    if (old.scheme, new.scheme) == ("https", "http"):
        raise FetchError("a redirect from https to http, which anybody could read along")
    stranger = origin(new) != origin(urlsplit(address.url))
    if stranger and address.key and address.key.redact(target) != target:
        raise FetchError("a redirect that would tell the key to another server")
    return target


def _reason(error: Exception, url: str, proxy: Proxy | None) -> str:
    """The error in words of ours: the library's may quote the request, and the key with it."""
    host = urlsplit(url).hostname
    asked = f"the proxy {proxy.host}" if proxy else str(host)
    if isinstance(error, socket.gaierror):
        return f"{asked if proxy else f'the host {host}'} is unknown"
    if isinstance(error, ConnectionRefusedError):
        return f"{asked} refuses the connection"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate of {host} is not trusted ({error.verify_message})"
    refused = re.match(r"Tunnel connection failed: (\d{3})", str(error))
    if refused:
        return f"{asked} makes no way to {host} (status {refused[1]})"
    return f"the exchange with {host} broke ({getattr(error, 'strerror', None) or type(error).__name__})"
