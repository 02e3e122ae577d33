"""The FastAPI app of the service: routes, error handlers, middleware, page."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.middleware.cors import CORSMiddleware

from headway_prediction import __version__
from headway_prediction.service.api.errors import add_error_handlers
from headway_prediction.service.api.events import EventHub, event_routes
from headway_prediction.service.api.executors import WhatIfExecutor
from headway_prediction.service.api.line_routes import line_routes, published_routes
from headway_prediction.service.api.middleware import (
    AllowedHostsMiddleware,
    BodyLimitMiddleware,
    SecurityHeadersMiddleware,
    allowed_hosts,
    security_headers,
)
from headway_prediction.service.api.models.base import PUBLISHED_AGE
from headway_prediction.service.api.monitoring import (
    RequestMetricsMiddleware,
    monitoring_routes,
    new_registry,
)
from headway_prediction.service.api.page_routes import page_routes
from headway_prediction.service.api.request_handler import RequestHandler
from headway_prediction.service.api.settings import ApiSettings
from headway_prediction.service.api.what_if_routes import what_if_routes
from headway_prediction.service.live.view import ServiceView

DESCRIPTION = """Headway forecasts of a metro line, minute by minute.

Headways and waits are in minutes; times are ISO 8601 with offset; null is unknown. `time` is the end of minute t0: the
forecast knows everything before it. A `valid_time` is the start of minute t0 + lead.

Updates are published once a minute: send `If-None-Match` with the last `ETag`, or listen to `/events`. The header
`Published-Age` is the time in seconds, by the feed's clock, since the newest minute ended, also in a 304; it is about a
minute while forecasts are published. `data_age_secs` is the age of the data at that end. Responses for an earlier moment
(`at`) have no such header."""


def create_app(view: ServiceView, settings: ApiSettings | None = None) -> FastAPI:
    """Return the app that serves a running service. `app.state.hub` is its EventHub; close it before the app ends."""
    settings = settings or ApiSettings()
    handler, hub = RequestHandler(view, settings), EventHub(view.publisher, settings)
    executor = WhatIfExecutor(settings.what_if_secs)
    registry = new_registry(view, lambda: hub.client_count)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        hub.open({served.line.line_id: served.line for served in view.lines()})
        yield
        hub.close()
        executor.close()
        handler.close()

    app = FastAPI(
        title="headway-prediction",
        version=__version__,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.hub = hub
    for router in (
        line_routes(handler),
        published_routes(handler),
        event_routes(handler, hub),
        what_if_routes(handler, executor),
        monitoring_routes(view, registry),
        page_routes(settings.web),
    ):
        app.include_router(router)
    add_error_handlers(app, security_headers(settings))
    _add_middleware(app, settings, registry)
    return app


def _add_middleware(app: FastAPI, settings: ApiSettings, registry: CollectorRegistry) -> None:
    """Add the middleware from the innermost to the outermost."""
    if settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "If-None-Match"],
            expose_headers=["ETag", PUBLISHED_AGE],
        )
    app.add_middleware(RequestMetricsMiddleware, registry=registry)
    app.add_middleware(BodyLimitMiddleware, max_bytes=settings.what_if_bytes)
    hosts = allowed_hosts(settings)
    if hosts is not None:
        app.add_middleware(AllowedHostsMiddleware, allowed_hosts=hosts)
    app.add_middleware(SecurityHeadersMiddleware, headers=security_headers(settings))
