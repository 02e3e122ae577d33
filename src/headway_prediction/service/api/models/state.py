"""The last hour of a line, and one of its stations."""

from pydantic import Field

from headway_prediction.service.api.models.base import (
    DirectionId,
    ForecastStatus,
    LineId,
    Minutes,
    Origin,
    Place,
    ResponseModel,
    ServiceDate,
    StationIndex,
    StopId,
    StopName,
    Time,
)

MINUTE_ENDS = "ends of the minutes, oldest first"


class Train(ResponseModel):
    """A train on the string-line picture."""

    train: str = Field(description="names the train within this answer", examples=["07c1"])
    direction_id: DirectionId
    passed: list[Place] = Field(description="where it passed in the last hour")
    expected: list[Place] = Field(description="where it is expected within the next hour")


class State(ResponseModel):
    """The last hour of a line; lists are [direction][station][minute], minutes as in `times`."""

    line_id: LineId
    service_date: ServiceDate
    t0: Origin
    time: Time = Field(description="end of minute t0: everything before it is known")
    status: ForecastStatus
    times: list[Time] = Field(description=MINUTE_ENDS)
    headway: list[list[list[Minutes]]] = Field(
        description="headway of the last train that passed by the end of the minute"
    )
    elapsed: list[list[list[Minutes]]] = Field(description="minutes since that train passed")
    arrived: list[list[list[bool]]] = Field(description="whether a train passed in the minute")
    typical: list[list[Minutes]] = Field(
        description="[direction][station]: the usual headway at this time of day"
    )
    trains: list[Train]


class PlatformPast(ResponseModel):
    """The last three hours of a platform, or as much as is known."""

    times: list[Time] = Field(description=MINUTE_ENDS)
    headway: list[Minutes]
    arrived: list[bool]


class PlatformForecast(ResponseModel):
    """The forecast of a platform, 60 minutes where the bundle reaches so far, else 15."""

    valid_times: list[Time] = Field(description="ends of the minutes that are forecast")
    headway_mean: list[Minutes]
    headway_p10: list[Minutes]
    headway_p50: list[Minutes]
    headway_p90: list[Minutes]


class StationDirection(ResponseModel):
    """One platform of a station."""

    direction_id: DirectionId
    stop_id: StopId
    typical: Minutes
    past: PlatformPast
    forecast: PlatformForecast | None = Field(description="null where none is published")


class StationState(ResponseModel):
    """One station: past and forecast of its platforms."""

    time: Time
    status: ForecastStatus
    station: StationIndex
    name: StopName
    directions: list[StationDirection]
