"""Parts of the OpenAPI document that several routes share: parameters, statuses, formats."""

from enum import IntEnum, StrEnum
from typing import Annotated, Any

from fastapi import Path, Query

from headway_prediction.service.api.models.base import PUBLISHED_AGE, ErrorBody

PREFIX = "/api/v1"
Responses = dict[int | str, dict[str, Any]]


class Format(StrEnum):
    """The format of a forecast."""

    JSON = "json"
    COLUMNS = "columns"
    CSV = "csv"


class Horizon(IntEnum):
    """The horizon of a forecast, in minutes."""

    QUARTER = 15
    HOUR = 60


LineId = Annotated[str, Path(description="A line_id of /lines.", max_length=200)]
At = Annotated[
    str | None,
    Query(
        description="An earlier moment (ISO 8601), such as a `time` of /moments; default: the latest.",
        max_length=40,
    ),
]


def errors(*statuses: int) -> Responses:
    """Return the documentation of statuses whose body is an ErrorBody."""
    return {status: {"model": ErrorBody} for status in statuses}


NOT_MODIFIED: Responses = {304: {"description": "The client has this version: If-None-Match names its ETag."}}
NOT_FOUND = NOT_MODIFIED | errors(404, 422)
STORED = NOT_MODIFIED | errors(404, 422, 503)
AGE_HEADER = {
    "headers": {
        PUBLISHED_AGE: {
            "description": "seconds from the end of the newest minute to this response, by the feed's clock; absent for an "
            "earlier moment",
            "schema": {"type": "number", "minimum": 0},
        }
    }
}
LATEST: Responses = STORED | {200: AGE_HEADER, 304: NOT_MODIFIED[304] | AGE_HEADER}
FORECASTS: Responses = {
    200: AGE_HEADER
    | {
        "description": "json: ForecastRows; columns: ForecastColumns; csv: the columns of exported forecasts (t0 is the "
        "start of its minute there) and stop_name. valid_time is the start of minute t0 + lead in each.",
        "content": {"application/json": {}, "text/csv": {"schema": {"type": "string"}}},
    }
}
