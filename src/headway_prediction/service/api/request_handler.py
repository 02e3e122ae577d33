"""The desk: finds the line and the moment a request asks for, and hands out what was rendered of it."""

import asyncio
from collections.abc import Callable, Hashable
from datetime import date
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from headway_prediction.service.api.cache import Render, RenderCache
from headway_prediction.service.api.errors import ApiError
from headway_prediction.service.api.etag import respond
from headway_prediction.service.api.models.base import PUBLISHED_AGE
from headway_prediction.service.api.moments import parse_origin
from headway_prediction.service.api.threads import LazyThreadPool
from headway_prediction.service.live.published import LineForecast
from headway_prediction.service.live.view import ServedLine, ServiceView

if TYPE_CHECKING:
    from headway_prediction.service.api.settings import ApiSettings

RenderPublished = Callable[[ServedLine, LineForecast], dict | str]
STORED_AT_ONCE = 2
STORED_SECS = 10.0


class RequestHandler:
    """Serves a ServiceView; made once per app, used from its event loop.

    What is read from the store has threads of its own: one that hangs keeps nobody from what is published now.
    """

    def __init__(self, view: ServiceView, settings: "ApiSettings") -> None:
        self.view, self.settings = view, settings
        self.render_cache = RenderCache()
        self._threads = LazyThreadPool(STORED_AT_ONCE, "stored")

    def close(self) -> None:
        """Read nothing more from the store."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def served(self, line_id: str) -> ServedLine:
        """Return a line that is served; raises Refusal (404)."""
        lines = {served.line.line_id: served for served in self.view.lines()}
        if line_id not in lines:
            raise ApiError(
                404,
                f"no line {line_id[:80]!r} is served",
                f"one of {', '.join(lines)}",
                "take one of /api/v1/lines",
            )
        return lines[line_id]

    def newest(self, line_id: str) -> LineForecast:
        """Return what is published of a line; raises Refusal (503) before the first."""
        return _known(line_id, self.view.publisher.latest(line_id)[1])

    async def respond(
        self, request: Request, line_id: str, at: str | None, what: Hashable, render: RenderPublished
    ) -> Response:
        """Answer with `render` of what is published of a line, now or `at` an earlier moment."""
        served = self.served(line_id)
        version, published = self.view.publisher.latest(line_id)
        origin = None if at is None else parse_origin(at, served.line.time_zone)
        if origin is not None and not _is_of(published, origin):
            return await self.respond_from_store(
                request,
                line_id,
                (what, origin),
                lambda: render(served, self._published_at(line_id, *origin)),
            )
        newest = _known(line_id, published)
        age = {PUBLISHED_AGE: f"{max(0.0, self.view.now() - newest.at):.1f}"}
        rendered = await self.render_cache.get((line_id, what), version, lambda: render(served, newest))
        return respond(request, rendered, told=age)

    async def respond_from_store(
        self, request: Request, line_id: str, what: Hashable, render: Render
    ) -> Response:
        """Answer with `render` of what is kept in the store; raises Refusal (503) where it does not answer in time."""
        version, _ = self.view.publisher.latest(line_id)
        coming = self.render_cache.get((line_id, what), version, render, self._threads)
        try:
            return respond(request, await asyncio.wait_for(coming, STORED_SECS))
        except TimeoutError as error:
            raise ApiError(
                503,
                f"the store did not answer within {STORED_SECS:g} s",
                "one that can be read",
                "ask again; /readyz says what is wrong",
                Retry_After="10",
            ) from error

    def _published_at(self, line_id: str, service_date: date, t0: int) -> LineForecast:
        published = self.view.forecast_at(line_id, service_date, t0)
        if published is None:
            raise ApiError(
                404,
                f"no forecast of {line_id} is kept from minute {t0} of service date {service_date}",
                "a moment from which one was issued",
                f"take one of /api/v1/lines/{line_id}/moments",
            )
        return published


def _known(line_id: str, published: LineForecast | None) -> LineForecast:
    if published is None:
        raise ApiError(
            503,
            f"nothing is published of {line_id} yet",
            "a first forecast, within seconds of the start",
            "ask again in a moment; /readyz says what is waited for",
            Retry_After="5",
        )
    return published


def _is_of(published: LineForecast | None, origin: tuple[date, int]) -> bool:
    return published is not None and (published.state.service_date, published.state.t0) == origin
