"""The routes of lines: what is published each minute (now or at an earlier moment), and what they consist of."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from headway_prediction.service.api.errors import ApiError
from headway_prediction.service.api.models.alerts import Alerts, Scores
from headway_prediction.service.api.models.forecast import ForecastColumns, ForecastRows, forecast_csv
from headway_prediction.service.api.models.lines import (
    Departures,
    LineInfo,
    Lines,
    LineSummary,
    Moments,
    State,
    StationState,
)
from headway_prediction.service.api.openapi import (
    FORECASTS,
    LATEST,
    NOT_FOUND,
    NOT_MODIFIED,
    PREFIX,
    STORED,
    At,
    Format,
    Horizon,
    LineId,
)
from headway_prediction.service.api.rendering import Rendered, respond
from headway_prediction.service.api.request_handler import RequestHandler
from headway_prediction.service.live.published import Level, LineForecast, PublishedForecast
from headway_prediction.service.live.view import ServedLine, ServiceView
from headway_prediction.transit.line import Line

WRITERS: dict[Format, Callable[[PublishedForecast, Line], BaseModel | str]] = {
    Format.JSON: ForecastRows.of_published,
    Format.COLUMNS: ForecastColumns.of_published,
    Format.CSV: forecast_csv,
}


def published_routes(handler: RequestHandler) -> APIRouter:
    """Return the routes of what is published each minute."""
    router = APIRouter(prefix=PREFIX, tags=["lines"])

    @router.get("/lines/{line_id}/state", response_model=State, responses=LATEST)
    async def state(request: Request, line_id: LineId, at: At = None) -> Response:
        """The last hour of a line: headways, trains, and where these are expected."""
        return await handler.respond(
            request, line_id, at, "state", lambda served, then: State.of(then, served.line)
        )

    @router.get(
        "/lines/{line_id}/forecast",
        response_model=ForecastRows | ForecastColumns,
        responses=LATEST | FORECASTS,
    )
    async def forecast(
        request: Request,
        line_id: LineId,
        horizon: Horizon = Horizon.QUARTER,
        format: Format = Format.JSON,
        at: At = None,
    ) -> Response:
        """The forecast of every platform with its interval."""
        key = "forecast", horizon, format
        return await handler.respond(
            request, line_id, at, key, lambda served, then: _forecast(served, then, horizon, format)
        )

    @router.get("/lines/{line_id}/stations/{station}", response_model=StationState, responses=LATEST)
    async def station(request: Request, line_id: LineId, station: int, at: At = None) -> Response:
        """One station: the last three hours and the forecast."""
        key = "station", station
        return await handler.respond(
            request, line_id, at, key, lambda served, then: _station(served, then, station)
        )

    @router.get("/lines/{line_id}/alerts", response_model=Alerts, responses=LATEST)
    async def alerts(request: Request, line_id: LineId, at: At = None) -> Response:
        """Expected gaps and bunched trains, the most urgent first."""
        return await handler.respond(
            request, line_id, at, "alerts", lambda served, then: Alerts.of(then, served.line)
        )

    return router


def line_routes(handler: RequestHandler) -> APIRouter:
    """Return the routes of lines, their scores, stored moments and planned departures."""
    router = APIRouter(prefix=PREFIX, tags=["lines"])

    @router.get("/lines", response_model=Lines, responses=NOT_MODIFIED)
    async def lines(request: Request) -> Response:
        """The lines that are served."""
        served = [LineSummary.of(served) for served in handler.view.lines()]
        return respond(request, Rendered.of(Lines(lines=served)))

    @router.get("/lines/{line_id}", response_model=LineInfo, responses=NOT_FOUND)
    async def line(request: Request, line_id: LineId) -> Response:
        """Stations, directions and the bundle of a line."""
        return respond(request, Rendered.of(LineInfo.of(handler.served(line_id))))

    @router.get("/lines/{line_id}/scores", response_model=Scores, responses=LATEST)
    async def scores(request: Request, line_id: LineId) -> Response:
        """Live scores of the published forecasts."""
        return await handler.respond(
            request, line_id, None, "scores", lambda served, now: Scores.of(now.scores, served.line)
        )

    @router.get("/lines/{line_id}/moments", response_model=Moments, responses=STORED)
    async def moments(request: Request, line_id: LineId, service_date: date | None = None) -> Response:
        """The moments of a service date with stored forecasts."""
        served = handler.served(line_id)
        return await handler.respond_from_store(
            request, line_id, ("moments", service_date), lambda: _moments(handler.view, served, service_date)
        )

    @router.get("/lines/{line_id}/departures", response_model=Departures, responses=LATEST)
    async def departures(request: Request, line_id: LineId) -> Response:
        """The terminal departures that are overdue or planned in the next hour."""

        def render(served: ServedLine, now: LineForecast) -> Departures:
            return Departures.of(now, handler.view.departures(line_id), served.line)

        return await handler.respond(request, line_id, None, "departures", render)

    return router


def _forecast(
    served: ServedLine, published: LineForecast, horizon: Horizon, format: Format
) -> BaseModel | str:
    forecast = published.forecast if horizon is Horizon.QUARTER else published.hour
    if forecast is None:
        reasons = "; ".join(published.status.reasons) or "none made"
        found = f"no forecast of {horizon:d} minutes is published ({reasons})"
        remedy = "retry in a minute, or take the other horizon"
        raise ApiError(503, found, "one that passed its checks", remedy, Retry_After="60")
    if published.status.level is Level.WITHHELD:  # the forecast is from an earlier minute
        forecast = replace(forecast, status=published.status)
    return WRITERS[format](forecast, served.line)


def _station(served: ServedLine, published: LineForecast, station: int) -> StationState:
    count = len(served.line.stations)
    if not 0 <= station < count:
        found, remedy = f"there is no station {station}", "take a `station` of the line"
        raise ApiError(404, found, f"0 to {count - 1}", remedy)
    return StationState.of(published, served.line, station)


def _moments(view: ServiceView, served: ServedLine, service_date: date | None) -> Moments:
    line_id = served.line.line_id
    dates = view.store.service_dates(line_id)
    day = service_date or (dates[-1] if dates else None)
    origins = [] if day is None else view.store.origins(line_id, day)
    return Moments.of(dates, day, origins, served.line)
