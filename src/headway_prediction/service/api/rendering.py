"""Rendered responses: each is rendered once per published version, kept as bytes, and sent as 304 or gzip where possible.

A version is published once a minute and requested hundreds of times a second. Starlette's GZipMiddleware would compress each
response anew, and for clients that exclude gzip with `q=0`; Starlette and FastAPI have no conditional responses.
"""

import asyncio
import gzip
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from headway_prediction.service.api.errors import JSON

Render = Callable[[], BaseModel | str]
CSV = "text/csv; charset=utf-8"
REVALIDATE = "no-cache"
"""Caches may store the response and must revalidate it at each request."""
MIN_GZIP_BYTES = 512
MAX_CACHE_BYTES = 32 << 20


@dataclass(frozen=True)
class Rendered:
    """The body of a response and its media type."""

    body: bytes
    media_type: str = JSON

    @classmethod
    def of(cls, content: BaseModel | str) -> "Rendered":
        """Render a model as JSON, a string as CSV."""
        if isinstance(content, str):
            return cls(content.encode(), CSV)
        return cls(content.model_dump_json().encode())

    @cached_property
    def etag(self) -> str:
        """The entity tag: weak, for the body may be sent with gzip (RFC 9110, section 8.8.3)."""
        return f'W/"{hashlib.sha256(self.body).hexdigest()[:20]}"'

    @cached_property
    def gzipped(self) -> bytes:
        """The body under gzip."""
        return gzip.compress(self.body, 6, mtime=0)

    @property
    def worth_compressing(self) -> bool:
        """Whether the body is long enough for gzip."""
        return len(self.body) >= MIN_GZIP_BYTES


class RenderCache:
    """Keeps what was rendered of the newest version of each line. For use in one event loop.

    Concurrent requests for the same key wait for one rendering. The least recently used entries are dropped once all
    together exceed `max_bytes`.
    """

    def __init__(self, max_bytes: int = MAX_CACHE_BYTES) -> None:
        self._max_bytes = max_bytes
        self._entries: OrderedDict[Hashable, tuple[int, Rendered]] = OrderedDict()
        self._pending: dict[tuple[Hashable, int], asyncio.Task[Rendered]] = {}
        self._bytes = 0

    async def get(
        self, key: Hashable, version: int, render: Render, executor: Executor | None = None
    ) -> Rendered:
        """Return the entry `key` of a version, rendered in `executor` (default: the event loop's) where it is missing."""
        entry = self._entries.get(key)
        if entry is not None and entry[0] == version:
            self._entries.move_to_end(key)
            return entry[1]
        pending = self._pending.get((key, version))
        if pending is None:
            pending = asyncio.create_task(self._render(key, version, render, executor))
            self._pending[key, version] = pending
            pending.add_done_callback(lambda _: self._pending.pop((key, version)))
        return await asyncio.shield(pending)

    async def _render(
        self, key: Hashable, version: int, render: Render, executor: Executor | None
    ) -> Rendered:
        rendered = await asyncio.get_running_loop().run_in_executor(executor, _rendered, render)
        self._keep(key, version, rendered)
        return rendered

    def _keep(self, key: Hashable, version: int, rendered: Rendered) -> None:
        replaced = self._entries.pop(key, None)
        self._bytes += _size(rendered) - (_size(replaced[1]) if replaced else 0)
        self._entries[key] = version, rendered
        while self._bytes > self._max_bytes:
            _, (_, oldest) = self._entries.popitem(last=False)
            self._bytes -= _size(oldest)


def _rendered(render: Render) -> Rendered:
    rendered = Rendered.of(render())
    if rendered.worth_compressing:
        _ = rendered.gzipped, rendered.etag  # computed here, in the thread
    return rendered


def _size(rendered: Rendered) -> int:
    return len(rendered.body) + (len(rendered.gzipped) if rendered.worth_compressing else 0)


def respond(
    request: Request,
    rendered: Rendered,
    cache_control: str = REVALIDATE,
    extra: Mapping[str, str] = MappingProxyType({}),
) -> Response:
    """Return the response to a request: 304 where the client has it already, with gzip where it accepts that.

    The `extra` headers are part of a 304 too: a cache updates the stored ones with them (RFC 9111, section 3.2).
    """
    headers = {"ETag": rendered.etag, "Cache-Control": cache_control, **extra}
    if rendered.worth_compressing:
        headers["Vary"] = "Accept-Encoding"
    if etag_matches(request.headers.get("if-none-match"), rendered.etag):
        return Response(status_code=304, headers=headers)
    if rendered.worth_compressing and accepts_gzip(request.headers.get("accept-encoding")):
        headers["Content-Encoding"] = "gzip"
        return Response(rendered.gzipped, headers=headers, media_type=rendered.media_type)
    return Response(rendered.body, headers=headers, media_type=rendered.media_type)


def etag_matches(if_none_match: str | None, etag: str) -> bool:
    """Return whether If-None-Match names the tag, by the weak comparison of RFC 9110, section 13.1.2."""
    if if_none_match is None:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in tags or etag.removeprefix("W/") in tags


def accepts_gzip(accept_encoding: str | None) -> bool:
    """Return whether Accept-Encoding allows gzip (RFC 9110, section 12.5.3); without the header it does not."""
    for part in (accept_encoding or "").lower().split(","):
        coding, _, weight = part.partition(";")
        if coding.strip() in ("gzip", "*"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
