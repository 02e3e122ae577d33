"""The app: routes, errors, headers, page."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse

from headway_prediction import __version__
from headway_prediction.errors import HeadwayError
from headway_prediction.service.api.errors import ApiError, error_body
from headway_prediction.service.api.events import EventHub
from headway_prediction.service.api.health_routes import health_routes
from headway_prediction.service.api.line_routes import line_routes
from headway_prediction.service.api.metrics import RequestCounter, new_registry
from headway_prediction.service.api.middleware import Guard, security_headers
from headway_prediction.service.api.models.base import PUBLISHED_AGE
from headway_prediction.service.api.page_routes import page_routes
from headway_prediction.service.api.published_routes import published_routes
from headway_prediction.service.api.rate_limit import WhatIfExecutor
from headway_prediction.service.api.request_handler import RequestHandler
from headway_prediction.service.api.settings import ApiSettings
from headway_prediction.service.api.what_if_routes import event_routes, what_if_routes
from headway_prediction.service.live.view import ServiceView

DESCRIPTION = """Headway forecasts of a metro line, minute by minute.

Headways and waits are minutes, times ISO 8601 with offset; null is what is not known. What is published changes once a
minute: send `If-None-Match` with the `ETag` you have, or listen to `/events`. The header `LineForecast-Age` says how many
seconds ago, by the feed's clock, the newest minute was over when you asked, 304 or not: a minute or so while forecasts
come. `data_age_secs` is the age at that end. Answers for an earlier moment (`at`) have no such header."""


def create_app(view: ServiceView, settings: ApiSettings | None = None) -> FastAPI:
    """Return the app that serves a running service; `app.state.hub` is its stream of events, to be closed before it ends."""
    settings = settings or ApiSettings()
    handler, hub, workers = (
        RequestHandler(view, settings),
        EventHub(view.publisher, settings),
        WhatIfExecutor(settings.what_if_secs),
    )
    registry = new_registry(view, lambda: hub.listening)

    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        hub.open({served.line.line_id: served.line for served in view.lines()})
        yield
        hub.close()
        workers.close()
        handler.close()

    app = FastAPI(
        title="headway-prediction",
        version=__version__,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        lifespan=running,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.hub = hub
    routers = (
        line_routes(handler),
        published_routes(handler),
        event_routes(handler, hub),
        what_if_routes(handler, workers),
    )
    for router in routers:
        app.include_router(router)
    app.include_router(health_routes(view, registry))
    app.include_router(page_routes(settings.web))
    _add_errors(app, settings)
    _add_middleware(app, settings, registry)
    return app


def _add_middleware(app: FastAPI, settings: ApiSettings, registry: object) -> None:
    if settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "If-None-Match"],
            expose_headers=["ETag", PUBLISHED_AGE],
        )
    app.add_middleware(RequestCounter, registry=registry)
    app.add_middleware(Guard, settings=settings)


def _add_errors(app: FastAPI, settings: ApiSettings) -> None:
    headers = security_headers(settings)

    async def broken(_: Request, __: Exception) -> JSONResponse:
        # Outside the guard, so that its headers are added here; what broke is in the log, not in the answer.
        body = error_body("the service made a mistake", "an answer", "see its log, and tell its makers")
        return JSONResponse(body, 500, headers)

    app.add_exception_handler(HeadwayError, _refused)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _not_served)
    app.add_exception_handler(Exception, broken)


async def _refused(_: Request, error: HeadwayError) -> JSONResponse:
    status, headers = (error.status, error.headers) if isinstance(error, ApiError) else (422, {})
    return JSONResponse(error_body(error.found, error.expected, error.remedy), status, headers)


async def _malformed(_: Request, error: RequestValidationError) -> JSONResponse:
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"]))[:200]
    body = error_body(f"{where}: {first['msg']}", "what /openapi.json says", "correct it")
    return JSONResponse(body, 422)


async def _not_served(request: Request, error: HTTPException) -> JSONResponse:
    found = f"{request.method} {request.url.path[:200]}: {error.detail}"
    body = error_body(found, "a request as in /openapi.json", "correct it")
    return JSONResponse(body, error.status_code, error.headers)
