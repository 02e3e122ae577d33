"""What the routes say of themselves in the OpenAPI document: parameters, statuses, forms."""

from enum import IntEnum, StrEnum
from typing import Annotated

from fastapi import Path, Query

from headway_prediction.service.api.models.base import PUBLISHED_AGE
from headway_prediction.service.api.models.service import ErrorBody

PREFIX = "/api/v1"


class Format(StrEnum):
    """How a forecast is written."""

    JSON = "json"
    COLUMNS = "columns"
    CSV = "csv"


class Horizon(IntEnum):
    """How far a forecast reaches, in minutes."""

    QUARTER = 15
    HOUR = 60


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
AGE_HEADER = {
    "headers": {
        PUBLISHED_AGE: {
            "description": "seconds since the newest minute was over, by the feed's clock when this was asked; absent from "
            "answers for an earlier moment",
            "schema": {"type": "number", "minimum": 0},
        }
    }
}
OF_NEWEST = NOT_MADE | {200: AGE_HEADER, 304: UNCHANGED[304] | AGE_HEADER}
FORECASTS = {
    200: AGE_HEADER
    | {
        "description": "json: ForecastRows; columns: ForecastColumns; csv: the columns of exported forecasts and stop_name, "
        "t0 and valid_time being the starts of their minutes",
        "content": {"application/json": {}, "text/csv": {"schema": {"type": "string"}}},
    }
}
