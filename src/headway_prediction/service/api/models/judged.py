"""Warnings, and how good the forecasts have been."""

from pydantic import Field

from headway_prediction.service.api.models.base import (
    DirectionId,
    ForecastStatus,
    LeadMin,
    Minutes,
    ResponseModel,
    StationIndex,
    StopId,
    StopName,
    Time,
)
from headway_prediction.service.live.published import AlertKind

ERROR = "over cells whose truth is known by now, in minutes"


class Alert(ResponseModel):
    """A gap or a bunched train that is expected."""

    kind: AlertKind = Field(description="gap: over 1.5 times the usual headway; bunched: under half of it")
    direction_id: DirectionId
    station: StationIndex
    stop_id: StopId
    stop_name: StopName
    time: Time = Field(description="when the train is expected there")
    in_mins: Minutes = Field(description="minutes from now until then")
    headway_mins: Minutes
    typical_mins: Minutes
    probability: float | None = Field(ge=0, le=1, description="how sure it is", examples=[0.84])
    text: str = Field(
        description="the same in words",
        examples=[
            "Gap at Aspen Bridge towards Holly Park: 9 min instead of 5, at 08:41 (in 6 min), 84% sure"
        ],
    )


class Alerts(ResponseModel):
    """What a dispatcher is warned of, the most urgent first."""

    time: Time
    status: ForecastStatus
    alerts: list[Alert]


class LeadScore(ResponseModel):
    """Errors at one lead."""

    lead_min: LeadMin
    cells: int = Field(ge=0, description="how many were compared")
    mae: Minutes = Field(description=f"mean absolute error {ERROR}")
    rmse: Minutes = Field(description=f"root mean square error {ERROR}")


class MethodScores(ResponseModel):
    """Errors of one method."""

    method: str = Field(examples=["st-convnet"])
    cells: int = Field(ge=0, description="how many were compared")
    mae: Minutes = Field(description=f"mean absolute error {ERROR}")
    rmse: Minutes = Field(description=f"root mean square error {ERROR}")
    by_lead: list[LeadScore]


class Scores(ResponseModel):
    """How good the forecasts really issued have been."""

    since: Time | None
    until: Time | None
    coverage: float | None = Field(
        ge=0,
        le=1,
        description="share of passings inside the interval from p10 to p90 (0.8 is right)",
        examples=[0.81],
    )
    behind: str | None = Field(description="the simple method that was better over the last hour, if any")
    methods: list[MethodScores]
