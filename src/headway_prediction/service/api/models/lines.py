"""Lines, what they consist of, and the moments and departures known of them."""

from pydantic import Field

from headway_prediction.service.api.models.base import (
    DirectionId,
    LineId,
    Origin,
    ResponseModel,
    ServiceDate,
    StationIndex,
    StopName,
    Time,
)


class LineSummary(ResponseModel):
    """A line in a list."""

    line_id: LineId
    name: str = Field(examples=["Garden Line"])
    time_zone: str = Field(description="IANA name", examples=["America/Chicago"])
    stations: int = Field(description="how many", examples=[14])
    first_station: StopName
    last_station: StopName


class Lines(ResponseModel):
    """The lines that are served."""

    lines: list[LineSummary]


class StationInfo(ResponseModel):
    """A station of a line."""

    station: StationIndex
    name: StopName
    stop_ids: list[str | None] = Field(
        description="the platform's stop id in direction 0 and in direction 1, null where there is none",
        min_length=2,
        max_length=2,
        examples=[["S04", "S04"]],
    )


class DirectionInfo(ResponseModel):
    """A direction of a line."""

    direction_id: DirectionId
    towards: StopName


class TrainingDates(ResponseModel):
    """The service dates that the methods were fitted on."""

    first: ServiceDate | None
    last: ServiceDate | None
    days: int = Field(examples=[10])


class BundleInfo(ResponseModel):
    """The bundle that forecasts now."""

    code_version: str = Field(description="version of the package that trained it", examples=["0.1.0"])
    training_dates: TrainingDates
    methods: list[str] = Field(examples=[["persistence", "climatology", "trip-propagation", "st-convnet"]])


class LineInfo(ResponseModel):
    """A line: its stations in the order of direction 0, its directions and its bundle."""

    line_id: LineId
    name: str = Field(examples=["Garden Line"])
    time_zone: str = Field(description="IANA name", examples=["America/Chicago"])
    cap_mins: float = Field(description="headways are capped at so many minutes", examples=[30.0])
    quantiles: list[float] = Field(
        description="levels of the interval and the middle", examples=[[0.1, 0.5, 0.9]]
    )
    stations: list[StationInfo]
    directions: list[DirectionInfo]
    bundle: BundleInfo
    what_if: bool = Field(description="whether POST what-if is answered for this line")


class Moment(ResponseModel):
    """A moment from which a forecast is kept."""

    t0: Origin
    time: Time


class Moments(ResponseModel):
    """The moments of one service date, for `at`."""

    service_dates: list[ServiceDate] = Field(description="dates of which something is kept, in order")
    service_date: ServiceDate | None = Field(description="the date that `moments` are of, null without any")
    moments: list[Moment]


class PlannedDeparture(ResponseModel):
    """A departure that a what-if may change."""

    direction_id: DirectionId
    trip: str = Field(description="names the trip", examples=["2491448811101"])
    planned: Time
    station: StationIndex


class Departures(ResponseModel):
    """The terminal departures planned in the 60 minutes after `time`, after those that are overdue then, in order."""

    time: Time
    departures: list[PlannedDeparture]
