"""Whether the process is alive, whether its forecasts are fresh, and what Prometheus reads."""

import asyncio
from collections.abc import Iterator

from fastapi import APIRouter
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import JSONResponse, Response

from headway_prediction import __version__
from headway_prediction.service.api.models.service import Health, Ready
from headway_prediction.service.live.published import Level
from headway_prediction.service.live.view import ServiceView

OLDEST_SECS = 180.0
"""A forecast is issued every minute; one older than this is no longer fresh."""
READY_LEVELS = (Level.LIVE, Level.STARTING)
NOT_KEPT = {"Cache-Control": "no-store"}


def unready_reasons(view: ServiceView) -> Iterator[str]:
    """Yield in sentences why the service has no fresh forecast, or cannot keep it."""
    yield from view.issues()
    for served in view.lines():
        line_id = served.line.line_id
        _, published = view.publisher.latest(line_id)
        if published is None or published.forecast is None:
            yield f"{line_id}: no forecast has been published yet"
        if published is None:
            continue
        if published.status.level not in READY_LEVELS:
            yield f"{line_id}: {published.status.level.value}"
            yield from (f"{line_id}: {reason}" for reason in published.status.reasons)
        age = view.now() - published.at
        if age > OLDEST_SECS:
            yield f"{line_id}: the newest forecast was issued {age:.0f} s ago"


def health_routes(view: ServiceView, registry: CollectorRegistry) -> APIRouter:
    """Return /healthz, /readyz and /metrics."""
    router = APIRouter(tags=["service"])

    @router.get("/healthz", response_model=Health)
    async def healthz() -> Response:
        """The process answers."""
        return JSONResponse({"alive": True, "version": __version__}, headers=NOT_KEPT)

    @router.get("/readyz", response_model=Ready, responses={503: {"model": Ready}})
    async def readyz() -> Response:
        """200 while forecasts are fresh and kept, 503 with the reasons when not."""
        reasons = await asyncio.to_thread(lambda: list(unready_reasons(view)))
        status = 503 if reasons else 200
        return JSONResponse({"ready": not reasons, "reasons": reasons}, status, headers=NOT_KEPT)

    @router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    async def metrics() -> Response:
        """The service's figures for Prometheus."""
        text = await asyncio.to_thread(generate_latest, registry)
        return Response(text, media_type=CONTENT_TYPE_LATEST, headers=NOT_KEPT)

    return router
