"""What is published each minute, now or at an earlier moment: state, forecast, one station, warnings."""

from dataclasses import replace

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from headway_prediction.service.api.alerts_response import alerts_body
from headway_prediction.service.api.errors import ApiError
from headway_prediction.service.api.forecast_response import columns_body, csv_body, rows_body
from headway_prediction.service.api.line_response import state_body, station_body
from headway_prediction.service.api.models.forecast import ForecastColumns, ForecastRows
from headway_prediction.service.api.models.judged import Alerts
from headway_prediction.service.api.models.state import State, StationState
from headway_prediction.service.api.openapi import (
    FORECASTS,
    OF_NEWEST,
    PREFIX,
    At,
    Format,
    Horizon,
    LineId,
)
from headway_prediction.service.api.request_handler import RequestHandler
from headway_prediction.service.live.published import Level, LineForecast
from headway_prediction.service.live.view import ServedLine

WRITERS = {Format.JSON: rows_body, Format.COLUMNS: columns_body, Format.CSV: csv_body}
FORMS = ForecastRows | ForecastColumns


def published_routes(handler: RequestHandler) -> APIRouter:
    """Return the routes of what is published."""
    router = APIRouter(prefix=PREFIX, tags=["lines"])

    @router.get("/lines/{line_id}/state", response_model=State, responses=OF_NEWEST)
    async def state(request: Request, line_id: LineId, at: At = None) -> Response:
        """The last hour of a line: headways, trains, and where these are expected."""
        return await handler.respond(
            request, line_id, at, "state", lambda served, then: state_body(then, served.line)
        )

    @router.get("/lines/{line_id}/forecast", response_model=FORMS, responses=OF_NEWEST | FORECASTS)
    async def forecast(
        request: Request,
        line_id: LineId,
        horizon: Horizon = Horizon.QUARTER,
        format: Format = Format.JSON,
        at: At = None,
    ) -> Response:
        """The forecast of every platform with its interval."""
        what = "forecast", horizon, format
        return await handler.respond(
            request, line_id, at, what, lambda served, then: _forecast(served, then, horizon, format)
        )

    @router.get("/lines/{line_id}/stations/{station}", response_model=StationState, responses=OF_NEWEST)
    async def station(request: Request, line_id: LineId, station: int, at: At = None) -> Response:
        """One station: the last three hours and the forecast."""
        what = "station", station
        return await handler.respond(
            request, line_id, at, what, lambda served, then: _station(served, then, station)
        )

    @router.get("/lines/{line_id}/warnings", response_model=Alerts, responses=OF_NEWEST)
    async def alerts(request: Request, line_id: LineId, at: At = None) -> Response:
        """Gaps and bunched trains expected, the most urgent first."""
        return await handler.respond(
            request, line_id, at, "alerts", lambda served, then: alerts_body(then, served.line)
        )

    return router


def _forecast(served: ServedLine, published: LineForecast, horizon: Horizon, format: Format) -> dict | str:
    issued = published.forecast if horizon is Horizon.QUARTER else published.hour
    if issued is None:
        raise ApiError(
            503,
            f"no forecast of {horizon:d} minutes is published ({'; '.join(published.status.reasons) or 'none made'})",
            "one that passed its checks",
            "ask again in a minute, or for the other horizon",
            Retry_After="60",
        )
    if published.status.level is Level.WITHHELD:  # the forecast is that of an earlier minute
        issued = replace(issued, status=published.status)
    return WRITERS[format](issued, served.line)


def _station(served: ServedLine, published: LineForecast, station: int) -> dict:
    count = len(served.line.stations)
    if not 0 <= station < count:
        raise ApiError(
            404, f"there is no station {station}", f"0 to {count - 1}", "take a `station` of the line"
        )
    return station_body(published, served.line, station)
