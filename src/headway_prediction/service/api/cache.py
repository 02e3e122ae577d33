"""Answers rendered once and kept as bytes: published once a minute, asked for hundreds of times a second."""

import asyncio
import gzip
import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cached_property

Render = Callable[[], dict | str]
JSON = "application/json"
CSV = "text/csv; charset=utf-8"
MIN_GZIP_BYTES = 512
MAX_BYTES = 32 << 20


@dataclass(frozen=True)
class Rendered:
    """The body of an answer and its media type."""

    body: bytes
    media_type: str = JSON

    @classmethod
    def of(cls, content: dict | str) -> "Rendered":
        """Render a dict as JSON, a string as CSV."""
        if isinstance(content, str):
            return cls(content.encode(), CSV)
        return cls(json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode())

    @cached_property
    def etag(self) -> str:
        """The entity tag: weak, for the body may travel zipped (RFC 9110, section 8.8.3)."""
        return f'W/"{hashlib.sha256(self.body).hexdigest()[:20]}"'

    @cached_property
    def gzipped(self) -> bytes:
        """The body under gzip."""
        return gzip.compress(self.body, 6, mtime=0)

    @property
    def worth_compressing(self) -> bool:
        """Whether gzip saves anything worth saying."""
        return len(self.body) >= MIN_GZIP_BYTES


class RenderCache:
    """Keeps what was rendered of the newest version of each line. To be used from one event loop.

    Whoever asks while the same answer is being rendered waits for that one. The least recently used go when all together
    pass `max_bytes`.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._most_bytes = max_bytes
        self._kept: OrderedDict[Hashable, tuple[int, Rendered]] = OrderedDict()
        self._coming: dict[tuple[Hashable, int], asyncio.Task[Rendered]] = {}
        self._bytes = 0

    async def get(
        self, key: Hashable, version: int, render: Render, threads: Executor | None = None
    ) -> Rendered:
        """Return the answer `key` of a version, rendered in one of `threads` (the loop's own) where it is not kept."""
        kept = self._kept.get(key)
        if kept is not None and kept[0] == version:
            self._kept.move_to_end(key)
            return kept[1]
        coming = self._coming.get((key, version))
        if coming is None:
            coming = asyncio.create_task(self._render(key, version, render, threads))
            self._coming[key, version] = coming
            coming.add_done_callback(lambda _: self._coming.pop((key, version)))
        return await asyncio.shield(coming)

    async def _render(
        self, key: Hashable, version: int, render: Render, threads: Executor | None
    ) -> Rendered:
        rendered = await asyncio.get_running_loop().run_in_executor(threads, _rendered, render)
        self._keep(key, version, rendered)
        return rendered

    def _keep(self, key: Hashable, version: int, rendered: Rendered) -> None:
        former = self._kept.pop(key, None)
        self._bytes += _size(rendered) - (_size(former[1]) if former else 0)
        self._kept[key] = version, rendered
        while self._bytes > self._most_bytes:
            _, (_, oldest) = self._kept.popitem(last=False)
            self._bytes -= _size(oldest)


def _rendered(render: Render) -> Rendered:
    rendered = Rendered.of(render())
    if rendered.worth_compressing:
        _ = rendered.gzipped, rendered.etag  # worked out here, in the thread
    return rendered


def _size(rendered: Rendered) -> int:
    return len(rendered.body) + (len(rendered.gzipped) if rendered.worth_compressing else 0)
