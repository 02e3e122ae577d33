"""What-if: what may be asked, and what is answered."""

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from headway_prediction.service.api.models.base import (
    DirectionId,
    ForecastStatus,
    Minutes,
    ResponseModel,
    StationIndex,
    Time,
)
from headway_prediction.service.api.models.forecast import BY_PLATFORM_AND_LEAD, Columns
from headway_prediction.what_if.request import MAX_EDITS, MAX_MINS, Action, StrategyName


class ForecastRequest(BaseModel):
    """A part of a question; an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Edit(ForecastRequest):
    """A change to one departure of a terminal."""

    action: Action
    direction_id: DirectionId
    departure: AwareDatetime = Field(
        description="the planned departure; for add: the new one", examples=["2026-01-13T08:40:00+00:00"]
    )
    to: AwareDatetime | None = Field(default=None, description="move: when it leaves instead")
    mins: float | None = Field(
        default=None,
        ge=0,
        le=MAX_MINS,
        allow_inf_nan=False,
        description="hold: so many minutes",
        examples=[2.5],
    )


class Strategy(ForecastRequest):
    """A strategy for the departures of one direction."""

    name: StrategyName
    direction_id: DirectionId
    mins: float | None = Field(
        default=None,
        ge=0,
        le=MAX_MINS,
        allow_inf_nan=False,
        description="minutes, for hold_next and fill_gap",
    )


class Search(ForecastRequest):
    """Look for the best holds of the departures of one direction."""

    direction_id: DirectionId
    max_hold_mins: float = Field(
        ge=0,
        le=MAX_MINS,
        allow_inf_nan=False,
        description="no train is held longer, in minutes",
        examples=[4.0],
    )
    min_turnaround_mins: float = Field(
        ge=0,
        le=MAX_MINS,
        allow_inf_nan=False,
        description="minutes a train needs at the terminal",
        examples=[5.0],
    )


class WhatIf(ForecastRequest):
    """Edits, to which those of a strategy and of a search are added."""

    edits: list[Edit] = Field(default=[], max_length=MAX_EDITS)
    strategy: Strategy | None = None
    search: Search | None = None


class AppliedEdit(ResponseModel):
    """An edit that was applied, that of a strategy or search included."""

    action: Action
    direction_id: DirectionId
    departure: Time
    to: Time | None = None
    mins: Minutes = None


class Difference(ResponseModel):
    """Changed less present, in minutes."""

    headway_mean: list[list[Minutes]] = Field(description=BY_PLATFORM_AND_LEAD)


class ChangedDeparture(ResponseModel):
    """A departure and what became of it."""

    direction_id: DirectionId
    planned: Time | None = Field(description="null for one that was added")
    changed: Time | None = Field(description="null for one that was cancelled")


class Wait(ResponseModel):
    """What a passenger is expected to wait (E[h²] / 2E[h]), in minutes."""

    baseline_mins: Minutes
    changed_mins: Minutes
    difference_mins: Minutes
    low_mins: Minutes = Field(description="one in ten differences is lower")
    high_mins: Minutes = Field(description="one in ten differences is higher")


class StationWait(Wait):
    """The wait at one platform."""

    direction_id: DirectionId
    station: StationIndex


class Waits(ResponseModel):
    """The wait over the line and at each platform."""

    line: Wait
    stations: list[StationWait]


class WhatIfResponse(ResponseModel):
    """The forecast of the changed plan beside the present one, over 60 minutes."""

    time: Time
    status: ForecastStatus
    edits: list[AppliedEdit]
    baseline: Columns
    changed: Columns
    difference: Difference
    reached: list[list[bool]] = Field(description=f"where the change can arrive: {BY_PLATFORM_AND_LEAD}")
    departures: list[ChangedDeparture]
    wait: Waits
