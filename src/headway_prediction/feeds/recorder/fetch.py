"""One fetch of a feed over HTTP, within a deadline, a size limit and a number of redirects.

httpx2 does HTTP, TLS and proxies. What it does not promise is done here: one deadline for the whole fetch (its timeouts are
per operation, so a server that drips bytes is never late), redirects that carry the key to no other server, a size limit,
and complete gzip bodies (its decoder ignores a missing end and a second member).
"""

import asyncio
import socket
import ssl
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx2

from headway_prediction import __version__
from headway_prediction.feeds.recorder.address import FeedAddress, origin

REDIRECTS = (301, 302, 303, 307, 308)
MAX_VALIDATOR_CHARS = 1024
GZIP_WBITS = 16 + zlib.MAX_WBITS


@dataclass(frozen=True)
class Limits:
    """Limits of one fetch."""

    seconds: float = 20.0
    """From the first connection to the last byte, redirects included; only the look-up of the host's name is not cut off."""
    body_bytes: int = 64 << 20
    """Of the body, before and after decoding."""
    redirects: int = 5


@dataclass(frozen=True)
class Validators:
    """The validators of a response, which make the next request conditional (RFC 9110, section 13)."""

    etag: str | None = None
    last_modified: str | None = None

    def headers(self) -> dict[str, str]:
        """Return the headers of a conditional request."""
        named = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in named.items() if value}


@dataclass(frozen=True)
class FeedResponse:
    """A response with status 200, or 304 and no body."""

    body: bytes | None
    status: int
    validators: Validators
    content_type: str | None = None


class FetchError(Exception):
    """A fetch that gave no poll. `status` is the HTTP status, where there was one; `retry_after` that header's text."""

    def __init__(self, reason: str, status: int | None = None, retry_after: str | None = None):
        super().__init__(reason)
        self.reason, self.status, self.retry_after = reason, status, retry_after


@dataclass
class Fetcher:
    """Fetches the feed at `address`, through the proxies of HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY."""

    address: FeedAddress
    limits: Limits = field(default_factory=Limits)

    def fetch(self, validators: Validators) -> FeedResponse:
        """Fetch once; must not be called from a running event loop.

        Raises FetchError, with a reason that never holds the key, for everything but status 200 and 304.
        """
        return asyncio.run(self._fetch(validators))

    async def _fetch(self, validators: Validators) -> FeedResponse:
        try:
            async with asyncio.timeout(self.limits.seconds):
                url = self.address.url
                for _ in range(self.limits.redirects + 1):
                    response = await self._get(url, validators)
                    if isinstance(response, FeedResponse):
                        return response
                    url = _redirected(self.address, url, response)
        except TimeoutError:
            raise FetchError(f"no complete response within {self.limits.seconds:g} s") from None
        raise FetchError(f"over {self.limits.redirects} redirects")

    async def _get(self, url: str, validators: Validators) -> FeedResponse | str:
        """Return the response of one server, or the target of its redirect."""
        peers: list[tuple[str, int]] = []

        async def note_peer(event: str, info: Mapping[str, Any]) -> None:
            if event == "connection.connect_tcp.started":
                peers.append((info["host"], info["port"]))

        target, key_header = self.address.request_for(url)
        headers = {"Accept-Encoding": "gzip", "User-Agent": f"headway-prediction/{__version__}"}
        headers |= validators.headers() | key_header
        try:
            async with (
                httpx2.AsyncClient(verify=self._ssl_context, timeout=None) as client,
                client.stream("GET", target, headers=headers, extensions={"trace": note_peer}) as response,
            ):
                return await _understood(response, validators, self.limits)
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
            raise FetchError(_reason(error, url, peers)) from None

    @cached_property
    def _ssl_context(self) -> ssl.SSLContext:
        return httpx2.create_ssl_context()


async def _understood(
    response: httpx2.Response, validators: Validators, limits: Limits
) -> FeedResponse | str:
    status, headers = response.status_code, response.headers
    if status == 304 and validators.headers():
        return FeedResponse(None, status, validators)
    if status in REDIRECTS and headers.get("Location"):
        return headers["Location"]
    if status != 200:
        raise FetchError(f"status {status}", status, headers.get("Retry-After"))
    received = Validators(_sendable(headers.get("ETag")), _sendable(headers.get("Last-Modified")))
    body = await _read_body(response, limits.body_bytes)
    return FeedResponse(body, status, received, headers.get("Content-Type"))


def _sendable(value: str | None) -> str | None:
    usable = value and value.isascii() and value.isprintable() and len(value) <= MAX_VALIDATOR_CHARS
    return value if usable else None


async def _read_body(response: httpx2.Response, max_bytes: int) -> bytes:
    """Return the decoded body, of at most `max_bytes` before and after decoding.

    Raises FetchError for one that is larger, cut off, or encoded in an unknown way; a body that is too large is left
    unread. Memory stays under three times `max_bytes`.
    """
    declared = response.headers.get("Content-Length", "")
    if declared.isdecimal() and int(declared) > max_bytes:
        raise _too_large(max_bytes)
    raw = bytearray()
    try:
        async for chunk in response.aiter_raw():
            raw += chunk
            if len(raw) > max_bytes:
                raise _too_large(max_bytes)
    except httpx2.RemoteProtocolError:
        if declared.isdecimal() and len(raw) < int(declared):
            raise FetchError(f"the body broke off after {len(raw):,} of {int(declared):,} bytes") from None
        raise
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding in ("identity", ""):
        return bytes(raw)
    if encoding not in ("gzip", "x-gzip"):
        raise FetchError(f"the body is encoded as {encoding[:40]!r}, which was not asked for")
    return _gunzip(bytes(raw), max_bytes)


def _gunzip(raw: bytes, max_bytes: int) -> bytes:
    """Decode every member of a gzip body (RFC 1952); `gzip.decompress` has no limit."""
    body = bytearray()
    while raw:
        member = zlib.decompressobj(GZIP_WBITS)
        try:
            body += member.decompress(raw, max_bytes + 1 - len(body))
        except zlib.error as error:
            raise FetchError("the body is called gzip but is not") from error
        if len(body) > max_bytes:
            raise _too_large(max_bytes)
        if not member.eof:
            raise FetchError("the gzip body broke off")
        raw = member.unused_data
    return bytes(body)


def _too_large(max_bytes: int) -> FetchError:
    return FetchError(f"the body is larger than {max_bytes:,} bytes")


def _redirected(address: FeedAddress, url: str, location: str) -> str:
    """Return the target of a redirect. Raises FetchError for one that must not be followed."""
    try:
        target = urljoin(url, location)
        new, old = urlsplit(target), urlsplit(url)
        known = new.scheme in ("http", "https") and bool(new.hostname) and origin(new)[2] > 0
    except ValueError:
        known = False
    if not known:
        raise FetchError("a redirect to no web address")
    if (old.scheme, new.scheme) == ("https", "http"):
        raise FetchError("a redirect from https to http, which sends the request in clear text")
    foreign = origin(new) != origin(urlsplit(address.url))
    if foreign and address.key and address.key.redact(target) != target:
        raise FetchError("a redirect that would send the key to another server")
    return target


def _reason(error: Exception, url: str, peers: list[tuple[str, int]]) -> str:
    """Describe an error without its own text, which may quote the request, and the key with it."""
    _, host, port = origin(urlsplit(url))
    through_proxy = bool(peers) and peers[-1] != (host, port)
    peer = f"the proxy {peers[-1][0]}" if through_proxy else host
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, socket.gaierror):
            return f"{peer if through_proxy else f'the host {host}'} is unknown"
        if isinstance(cause, ConnectionRefusedError):
            return f"{peer} refuses the connection"
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the certificate of {host} is not trusted ({cause.verify_message})"
    if isinstance(error, httpx2.ProxyError):
        return f"{peer} refuses a tunnel to {host} (status {str(error)[:3]})"
    details = (cause.strerror for cause in causes if isinstance(cause, OSError))
    return f"the fetch from {host} failed ({next(filter(None, details), type(error).__name__)})"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what caused it, innermost last; of a group the first."""
    while error is not None:
        yield error
        first = error.exceptions[0] if isinstance(error, BaseExceptionGroup) else None
        error = first or error.__cause__ or error.__context__
