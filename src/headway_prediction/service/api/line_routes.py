"""What is known of lines beside what is published each minute: stations, scores, kept moments, planned departures."""

from datetime import date

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from headway_prediction.service.api.alerts_response import scores_body
from headway_prediction.service.api.cache import Rendered
from headway_prediction.service.api.etag import respond
from headway_prediction.service.api.line_response import departures_body, line_body, lines_body, moments_body
from headway_prediction.service.api.models.judged import Scores
from headway_prediction.service.api.models.lines import Departures, LineInfo, Lines, Moments
from headway_prediction.service.api.openapi import (
    NOT_FOUND,
    NOT_MADE,
    OF_NEWEST,
    PREFIX,
    UNCHANGED,
    LineId,
)
from headway_prediction.service.api.request_handler import RequestHandler
from headway_prediction.service.live.published import LineForecast
from headway_prediction.service.live.view import ServedLine, ServiceView


def line_routes(handler: RequestHandler) -> APIRouter:
    """Return the routes of lines, their scores, moments and departures."""
    router = APIRouter(prefix=PREFIX, tags=["lines"])

    @router.get("/lines", response_model=Lines, responses=UNCHANGED)
    async def lines(request: Request) -> Response:
        """The lines that are served."""
        return respond(request, Rendered.of(lines_body(handler.view.lines())))

    @router.get("/lines/{line_id}", response_model=LineInfo, responses=NOT_FOUND)
    async def line(request: Request, line_id: LineId) -> Response:
        """Stations, directions and the bundle of a line."""
        return respond(request, Rendered.of(line_body(handler.served(line_id))))

    @router.get("/lines/{line_id}/scores", response_model=Scores, responses=OF_NEWEST)
    async def scores(request: Request, line_id: LineId) -> Response:
        """How good the forecasts really issued have been."""
        return await handler.respond(
            request, line_id, None, "scores", lambda served, now: scores_body(now.scores, served.line)
        )

    @router.get("/lines/{line_id}/moments", response_model=Moments, responses=NOT_MADE)
    async def moments(request: Request, line_id: LineId, service_date: date | None = None) -> Response:
        """The moments of a service date from which a forecast is kept."""
        served = handler.served(line_id)
        return await handler.respond_from_store(
            request, line_id, ("moments", service_date), lambda: _moments(handler.view, served, service_date)
        )

    @router.get("/lines/{line_id}/departures", response_model=Departures, responses=OF_NEWEST)
    async def departures(request: Request, line_id: LineId) -> Response:
        """The terminal departures that are overdue or planned in the next hour."""

        def render(served: ServedLine, now: LineForecast) -> dict:
            return departures_body(now, handler.view.departures(line_id), served.line)

        return await handler.respond(request, line_id, None, "departures", render)

    return router


def _moments(view: ServiceView, served: ServedLine, service_date: date | None) -> dict:
    line_id = served.line.line_id
    dates = view.store.service_dates(line_id)
    day = service_date or (dates[-1] if dates else None)
    origins = [] if day is None else view.store.origins(line_id, day)
    return moments_body(dates, day, origins, served.line)
