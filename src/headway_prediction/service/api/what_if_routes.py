"""The answers that are no plain GET: what-if, and the stream of events."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Header, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import Request
from starlette.responses import Response

from headway_prediction.service.api.cache import JSON, Rendered
from headway_prediction.service.api.errors import ApiError
from headway_prediction.service.api.events import EventHub, EventStream
from headway_prediction.service.api.forecast_response import status_body
from headway_prediction.service.api.models.what_if import WhatIf, WhatIfResponse
from headway_prediction.service.api.openapi import PREFIX, LineId, errors
from headway_prediction.service.api.rate_limit import TokenBuckets, WhatIfExecutor, check_key
from headway_prediction.service.api.request_handler import RequestHandler

EVENT_STREAM = {
    "description": "`forecast` events: data is a ForecastEvent. The first tells of what is published now, unless "
    "Last-Event-ID names its id. Two may come for one t0: the next 15 minutes are published first, then the hour and the "
    "scores with them.",
    "content": {"text/event-stream": {"schema": {"type": "string"}}},
}
LastEventId = Annotated[
    str | None, Header(description="The id of the last event that was heard, from whoever comes back.")
]
BearerKey = Annotated[
    HTTPAuthorizationCredentials | None,
    Security(HTTPBearer(auto_error=False, description="A key, where the service wants one.")),
]


def event_routes(handler: RequestHandler, hub: EventHub) -> APIRouter:
    """Return the stream of events."""
    router = APIRouter(prefix=PREFIX, tags=["lines"])

    @router.get(
        "/lines/{line_id}/events",
        response_class=Response,
        responses={200: EVENT_STREAM, **errors(404, 422, 503)},
    )
    async def events(line_id: LineId, last_event_id: LastEventId = None) -> Response:
        """Hear of each new forecast as soon as it is published."""
        handler.served(line_id)
        hub.check_room()
        return EventStream(hub, line_id, last_event_id)

    return router


def what_if_routes(handler: RequestHandler, workers: WhatIfExecutor) -> APIRouter:
    """Return what-if."""
    router = APIRouter(prefix=PREFIX, tags=["what-if"])
    buckets = TokenBuckets(handler.settings.what_if_per_minute)

    @router.post(
        "/lines/{line_id}/what-if",
        response_model=WhatIfResponse,
        responses=errors(400, 401, 403, 404, 408, 413, 422, 429, 503),
    )
    async def what_if(request: Request, line_id: LineId, asked: WhatIf, told: BearerKey = None) -> Response:
        """Forecast what a change of the terminal departures of the next hour does. Nothing is changed by asking."""
        _check_origin(request, handler)
        check_key(told.credentials if told else None, handler.settings.keys)
        buckets.take(request.client.host if request.client else "")
        served = handler.served(line_id)
        if not served.what_if:
            raise ApiError(
                404, f"{line_id} has no what-if", "a line whose trips are known", "ask for another"
            )
        published = handler.newest(line_id)
        plain = asked.model_dump(mode="json", exclude_none=True)
        found = await workers.work(lambda: handler.view.what_if(line_id, plain))
        body = {**found, "status": status_body(published.status)}
        rendered = await asyncio.to_thread(Rendered.of, body)
        return Response(rendered.body, media_type=JSON, headers={"Cache-Control": "no-store"})

    return router


def _check_origin(request: Request, handler: RequestHandler) -> None:
    """Refuse a page of another site: a browser names its Origin whenever it posts."""
    origin, host = request.headers.get("origin"), request.headers.get("host", "")
    if origin is None or origin in handler.settings.origins:
        return
    if origin.partition("://")[2] != host:  # the scheme may differ: TLS often ends before the service
        raise ApiError(
            403,
            f"a page of {origin[:80]!r} asked",
            f"one of {host}",
            "start the service with --allow-origin and that site",
        )
