"""The answers to GET: lines, state, forecasts, stations, warnings, scores, moments, departures."""

from datetime import date
from enum import IntEnum, StrEnum
from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from headway_prediction.service.api.conditional import answer
from headway_prediction.service.api.desk import Desk
from headway_prediction.service.api.forecast_body import columns_body, csv_body, rows_body
from headway_prediction.service.api.line_body import (
    departures_body,
    line_body,
    lines_body,
    moments_body,
    state_body,
    station_body,
)
from headway_prediction.service.api.models.forecast import ForecastColumns, ForecastRows
from headway_prediction.service.api.models.judged import Scores, Warnings
from headway_prediction.service.api.models.lines import Departures, Lines, LineTold, Moments
from headway_prediction.service.api.models.service import ErrorBody
from headway_prediction.service.api.models.state import State, StationState
from headway_prediction.service.api.refusal import Refusal
from headway_prediction.service.api.rendered import Rendered
from headway_prediction.service.api.warnings_body import scores_body, warnings_body
from headway_prediction.service.issued import Published
from headway_prediction.service.view import ServedLine


class Format(StrEnum):
    """How a forecast is written."""

    JSON = "json"
    COLUMNS = "columns"
    CSV = "csv"


class Horizon(IntEnum):
    """How far a forecast reaches, in minutes."""

    QUARTER = 15
    HOUR = 60


WRITERS = {Format.JSON: rows_body, Format.COLUMNS: columns_body, Format.CSV: csv_body}
LineId = Annotated[str, Path(description="A line_id of /lines.", max_length=200)]
At = Annotated[
    str | None,
    Query(
        description="An earlier moment (ISO 8601), such as a `time` of /moments; the newest when not given.",
        max_length=40,
    ),
]


def errors(*statuses: int) -> dict[int | str, dict[str, object]]:
    """Return how the OpenAPI document says that these statuses come with an ErrorBody."""
    return {status: {"model": ErrorBody} for status in statuses}


UNCHANGED = {304: {"description": "What If-None-Match names still holds."}}
NOT_FOUND, NOT_MADE = UNCHANGED | errors(404, 422), UNCHANGED | errors(404, 422, 503)
FORECASTS = {
    200: {
        "description": "json: ForecastRows; columns: ForecastColumns; csv: the columns of exported forecasts and stop_name, "
        "t0 and valid_time being the starts of their minutes",
        "content": {
            "application/json": {},
            "text/csv": {"schema": {"type": "string"}},
        },
    }
}


def reading_routes(desk: Desk) -> APIRouter:
    """Return the routes that read."""
    router = APIRouter(tags=["lines"])

    @router.get("/lines", response_model=Lines, responses=UNCHANGED)
    async def lines(request: Request) -> Response:
        """The lines that are served."""
        return answer(request, Rendered.of(lines_body(desk.view.lines())))

    @router.get("/lines/{line_id}", response_model=LineTold, responses=NOT_FOUND)
    async def line(request: Request, line_id: LineId) -> Response:
        """Stations, directions and the bundle of a line."""
        return answer(request, Rendered.of(line_body(desk.served(line_id))))

    @router.get("/lines/{line_id}/state", response_model=State, responses=NOT_MADE)
    async def state(request: Request, line_id: LineId, at: At = None) -> Response:
        """The last hour of a line: headways, trains, and where these are expected."""
        return await desk.answer(
            request, line_id, at, "state", lambda served, published: state_body(published, served.line)
        )

    @router.get(
        "/lines/{line_id}/forecast",
        response_model=ForecastRows | ForecastColumns,
        responses=NOT_MADE | FORECASTS,
    )
    async def forecast(
        request: Request,
        line_id: LineId,
        horizon: Horizon = Horizon.QUARTER,
        format: Format = Format.JSON,
        at: At = None,
    ) -> Response:
        """The forecast of every platform with its interval."""
        return await desk.answer(
            request,
            line_id,
            at,
            ("forecast", horizon, format),
            lambda served, published: _forecast(served, published, horizon, format),
        )

    @router.get("/lines/{line_id}/stations/{station}", response_model=StationState, responses=NOT_MADE)
    async def station(request: Request, line_id: LineId, station: int, at: At = None) -> Response:
        """One station: the last three hours and the forecast."""
        return await desk.answer(
            request,
            line_id,
            at,
            ("station", station),
            lambda served, published: _station(served, published, station),
        )

    @router.get("/lines/{line_id}/warnings", response_model=Warnings, responses=NOT_MADE)
    async def warnings(request: Request, line_id: LineId, at: At = None) -> Response:
        """Gaps and bunched trains expected, the most urgent first."""
        return await desk.answer(
            request, line_id, at, "warnings", lambda served, published: warnings_body(published, served.line)
        )

    @router.get("/lines/{line_id}/scores", response_model=Scores, responses=NOT_MADE)
    async def scores(request: Request, line_id: LineId) -> Response:
        """How good the forecasts really issued have been."""
        return await desk.answer(
            request,
            line_id,
            None,
            "scores",
            lambda served, published: scores_body(published.scores, served.line),
        )

    @router.get("/lines/{line_id}/moments", response_model=Moments, responses=NOT_MADE)
    async def moments(request: Request, line_id: LineId, service_date: date | None = None) -> Response:
        """The moments of a service date from which a forecast is kept."""
        return await desk.answer(
            request,
            line_id,
            None,
            ("moments", service_date),
            lambda served, _: _moments(desk, served, service_date),
        )

    @router.get("/lines/{line_id}/departures", response_model=Departures, responses=NOT_MADE)
    async def departures(request: Request, line_id: LineId) -> Response:
        """The terminal departures planned in the next hour."""
        return await desk.answer(
            request,
            line_id,
            None,
            "departures",
            lambda served, published: departures_body(published, desk.view.departures(line_id), served.line),
        )

    return router


def _forecast(served: ServedLine, published: Published, horizon: Horizon, format: Format) -> dict | str:
    issued = published.forecast if horizon is Horizon.QUARTER else published.hour
    if issued is None:
        raise Refusal(
            503,
            f"no forecast of {horizon:d} minutes is published ({'; '.join(published.status.reasons) or 'none made'})",
            "one that passed its checks",
            "ask again in a minute, or for the other horizon",
            Retry_After="60",
        )
    return WRITERS[format](issued, served.line)


def _station(served: ServedLine, published: Published, station: int) -> dict:
    count = len(served.line.stations)
    if not 0 <= station < count:
        raise Refusal(
            404, f"there is no station {station}", f"0 to {count - 1}", "take a `station` of the line"
        )
    return station_body(published, served.line, station)


def _moments(desk: Desk, served: ServedLine, service_date: date | None) -> dict:
    line_id, store = served.line.line_id, desk.view.store
    dates = store.service_dates(line_id)
    day = service_date or (dates[-1] if dates else None)
    origins = [] if day is None else store.origins(line_id, day)
    return moments_body(dates, day, origins, served.line)
