"""POST what-if: who may ask, how often, and the response."""

import asyncio
import hmac
import time
from typing import Annotated

from fastapi import APIRouter, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.requests import Request
from starlette.responses import Response

from headway_prediction.service.api.errors import JSON, ApiError
from headway_prediction.service.api.executors import WhatIfExecutor
from headway_prediction.service.api.models.base import ForecastStatus
from headway_prediction.service.api.models.forecast import WhatIfResponse
from headway_prediction.service.api.openapi import PREFIX, LineId, errors
from headway_prediction.service.api.request_handler import RequestHandler
from headway_prediction.what_if.schema import WhatIfRequest

BearerKey = Annotated[
    HTTPAuthorizationCredentials | None,
    Security(HTTPBearer(auto_error=False, description="A key, where the service requires one.")),
]


class WhatIfLimiter:
    """Lets each client send `per_minute` requests in any minute."""

    def __init__(self, per_minute: int) -> None:
        self._limit = RateLimitItemPerMinute(per_minute)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def hit(self, client: str) -> None:
        """Count a request of a client; raises ApiError (429) above the limit."""
        if self._limiter.hit(self._limit, client):
            return
        reset_at = self._limiter.get_window_stats(self._limit, client).reset_time
        raise ApiError(
            429,
            "too many what-if requests from this address",
            f"at most {self._limit.amount} a minute",
            "wait as long as Retry-After says",
            Retry_After=str(max(0, int(reset_at - time.time())) + 1),
        )


def what_if_routes(handler: RequestHandler, executor: WhatIfExecutor) -> APIRouter:
    """Return the route of what-if."""
    router = APIRouter(prefix=PREFIX, tags=["what-if"])
    limiter = WhatIfLimiter(handler.settings.what_if_per_minute)

    @router.post(
        "/lines/{line_id}/what-if",
        response_model=WhatIfResponse,
        responses=errors(400, 401, 403, 404, 408, 413, 422, 429, 503),
    )
    async def what_if(
        request: Request, line_id: LineId, body: WhatIfRequest, bearer: BearerKey = None
    ) -> Response:
        """Forecast the effect of changed terminal departures in the next hour. The request changes nothing."""
        _check_origin(request, handler.settings.origins)
        check_key(bearer.credentials if bearer else None, handler.settings.keys)
        limiter.hit(request.client.host if request.client else "")
        if not handler.served(line_id).what_if:
            found, expected = f"{line_id} has no what-if", "a line whose trips are known"
            raise ApiError(404, found, expected, "choose another line")
        status = ForecastStatus.of(handler.latest(line_id).status)
        result = await executor.run(lambda: handler.view.what_if(line_id, body))
        response = await asyncio.to_thread(WhatIfResponse.of, result, status=status)
        rendered = await asyncio.to_thread(response.model_dump_json)
        return Response(rendered, media_type=JSON, headers={"Cache-Control": "no-store"})

    return router


def check_key(given: str | None, keys: tuple[str, ...]) -> None:
    """Raise ApiError (401) unless one of the keys is given; without keys every client may ask."""
    # Compares every key, each in constant time: the time taken reveals nothing.
    matches = [hmac.compare_digest((given or "").encode(), key.encode()) for key in keys]
    if keys and not any(matches):
        raise ApiError(
            401,
            "no key, or an unknown one",
            "the header `Authorization: Bearer KEY`",
            "ask the operator of the service for a key",
            WWW_Authenticate="Bearer",
        )


def _check_origin(request: Request, origins: tuple[str, ...]) -> None:
    """Raise ApiError (403) for a page of another site: a browser sends its Origin with every POST."""
    origin, host = request.headers.get("origin"), request.headers.get("host", "")
    if origin is None or origin in origins:
        return
    if origin.partition("://")[2] != host:  # the scheme may differ: TLS often ends before the service
        found, remedy = (
            f"the request came from a page of {origin[:80]!r}",
            "start the service with --allow-origin and that site",
        )
        raise ApiError(403, found, f"one of {host}", remedy)
