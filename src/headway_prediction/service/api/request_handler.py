"""The request handler: finds the line and the moment of a request, and responds with what is rendered of them."""

import asyncio
import re
from collections.abc import Callable, Hashable
from datetime import date, datetime

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from headway_prediction.service.api.errors import ApiError
from headway_prediction.service.api.executors import LazyThreadPool
from headway_prediction.service.api.models.base import PUBLISHED_AGE
from headway_prediction.service.api.rendering import Render, RenderCache, respond
from headway_prediction.service.api.settings import ApiSettings
from headway_prediction.service.live.line_state import origin_at
from headway_prediction.service.live.published import LineForecast
from headway_prediction.service.live.view import ServedLine, ServiceView
from headway_prediction.transit.clock import time_zone

RenderPublished = Callable[[ServedLine, LineForecast], BaseModel | str]
STORE_THREADS = 2
STORE_TIMEOUT_SECS = 10.0
UNESCAPED_PLUS = re.compile(r" (\d\d:?\d\d)$")
"""A plus sign that was not escaped in a query is a space there: `…T08:30:00 01:00`."""


class RequestHandler:
    """Serves a ServiceView; one per app, for use in its event loop.

    The store is read in threads of its own, so that a store that hangs does not block the latest forecast.
    """

    def __init__(self, view: ServiceView, settings: ApiSettings) -> None:
        self.view, self.settings = view, settings
        self.render_cache = RenderCache()
        self._store_threads = LazyThreadPool(STORE_THREADS, "store")

    def close(self) -> None:
        """Read nothing more from the store."""
        self._store_threads.shutdown(wait=False, cancel_futures=True)

    def served(self, line_id: str) -> ServedLine:
        """Return a line that is served; raises ApiError (404)."""
        lines = {served.line.line_id: served for served in self.view.lines()}
        if line_id not in lines:
            found, expected = f"no line {line_id[:80]!r} is served", f"one of {', '.join(lines)}"
            raise ApiError(404, found, expected, "take one of /api/v1/lines")
        return lines[line_id]

    def latest(self, line_id: str) -> LineForecast:
        """Return the latest forecast of a line; raises ApiError (503) before the first."""
        return _not_none(line_id, self.view.publisher.latest(line_id)[1])

    async def respond(
        self, request: Request, line_id: str, at: str | None, key: Hashable, render: RenderPublished
    ) -> Response:
        """Respond with `render` of the latest forecast of a line, or of that `at` an earlier moment."""
        served = self.served(line_id)
        version, published = self.view.publisher.latest(line_id)
        origin = None if at is None else parse_origin(at, served.line.time_zone)
        if origin is not None and not _is_from(published, origin):
            service_date, t0 = origin
            return await self.respond_from_store(
                request,
                line_id,
                (key, origin),
                lambda: render(served, self._stored(line_id, service_date, t0)),
            )
        latest = _not_none(line_id, published)
        age = {PUBLISHED_AGE: f"{max(0.0, self.view.now() - latest.at):.1f}"}
        rendered = await self.render_cache.get((line_id, key), version, lambda: render(served, latest))
        return respond(request, rendered, extra=age)

    async def respond_from_store(
        self, request: Request, line_id: str, key: Hashable, render: Render
    ) -> Response:
        """Respond with `render` of what is stored; raises ApiError (503) where the store does not respond in time."""
        version, _ = self.view.publisher.latest(line_id)
        pending = self.render_cache.get((line_id, key), version, render, self._store_threads)
        try:
            return respond(request, await asyncio.wait_for(pending, STORE_TIMEOUT_SECS))
        except TimeoutError as error:
            found = f"the store did not respond within {STORE_TIMEOUT_SECS:g} s"
            remedy = "retry; /readyz gives the reason"
            raise ApiError(503, found, "one that can be read", remedy, Retry_After="10") from error

    def _stored(self, line_id: str, service_date: date, t0: int) -> LineForecast:
        published = self.view.forecast_at(line_id, service_date, t0)
        if published is None:
            found = f"no forecast of {line_id} from minute {t0} of service date {service_date} is stored"
            remedy = f"take one of /api/v1/lines/{line_id}/moments"
            raise ApiError(404, found, "a moment with a stored forecast", remedy)
        return published


def parse_origin(at: str, zone_name: str) -> tuple[date, int]:
    """Return the service date and t0 that the service publishes at `at` (ISO 8601; without offset in the line's zone).

    Raises ApiError (422) for anything else.
    """
    try:
        time = datetime.fromisoformat(UNESCAPED_PLUS.sub(r"+\1", at))
        aware = time if time.tzinfo else time.replace(tzinfo=time_zone(zone_name))
        return origin_at(aware.timestamp(), zone_name)
    except (ValueError, OverflowError) as error:
        found, expected = f"at={at[:40]!r} is no time", "ISO 8601 such as 2026-01-13T08:30:00+00:00"
        raise ApiError(422, found, expected, "take a `time` of /moments") from error


def _not_none(line_id: str, published: LineForecast | None) -> LineForecast:
    if published is None:
        found, expected = (
            f"nothing is published of {line_id} yet",
            "a first forecast, seconds after the start",
        )
        raise ApiError(503, found, expected, "retry shortly; /readyz gives the reason", Retry_After="5")
    return published


def _is_from(published: LineForecast | None, origin: tuple[date, int]) -> bool:
    return published is not None and (published.state.service_date, published.state.t0) == origin
