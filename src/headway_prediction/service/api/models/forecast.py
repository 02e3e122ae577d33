"""A forecast in columns or in rows."""

from pydantic import Field

from headway_prediction.service.api.models.base import (
    DirectionId,
    ForecastStatus,
    LeadMin,
    LineId,
    Minutes,
    Origin,
    ResponseModel,
    ServiceDate,
    StationIndex,
    StopId,
    StopName,
    Time,
)

BY_PLATFORM_AND_LEAD = "[platform][lead], as `platforms` and `leads` list them"


class ForecastHead(ResponseModel):
    """What is said of every forecast."""

    line_id: LineId
    service_date: ServiceDate
    t0: Origin
    time: Time = Field(description="end of minute t0: what the forecast was made from happened before it")
    issued_at: Time = Field(description="when it was issued, by the feed's clock")
    method: str = Field(examples=["st-convnet"])
    status: ForecastStatus


class Platform(ResponseModel):
    """A platform: one station in one direction."""

    direction_id: DirectionId
    station: StationIndex
    stop_id: StopId
    stop_name: StopName


class HeadwayColumns(ResponseModel):
    """Headways held at the end of each minute, in minutes."""

    headway_mean: list[list[Minutes]] = Field(description=BY_PLATFORM_AND_LEAD)
    headway_p10: list[list[Minutes]] = Field(description="one in ten is lower")
    headway_p50: list[list[Minutes]] = Field(description="half are lower")
    headway_p90: list[list[Minutes]] = Field(description="one in ten is higher")


class Columns(HeadwayColumns):
    """Platforms, leads, and the headways of each."""

    leads: list[LeadMin] = Field(description="minutes after `time`")
    valid_times: list[Time] = Field(description="ends of the minutes that are forecast: `time` plus the lead")
    platforms: list[Platform]


class ForecastColumns(ForecastHead, Columns):
    """A forecast as columns: a third of the size of rows."""


class ForecastRow(ResponseModel):
    """The headway held at a platform at one moment."""

    direction_id: DirectionId
    stop_id: StopId
    stop_name: StopName
    lead_min: LeadMin
    valid_time: Time = Field(description="`time` plus lead_min")
    headway_mean: Minutes
    headway_p10: Minutes
    headway_p50: Minutes
    headway_p90: Minutes


class ForecastRows(ForecastHead):
    """A forecast as rows."""

    rows: list[ForecastRow]
