"""The JSON of a what-if, as the service and `headway what-if --format json` use it, and its table of headways.

The pydantic models validate a request and turn it into the edits of `request`, and render a result. Times in JSON are ISO
8601 with offset, service-day minutes inside.
"""

from datetime import date, datetime
from typing import Annotated, Any, Literal, Self

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, model_validator

from headway_prediction.bundle.forecast import with_stop_names
from headway_prediction.forecasters.parquet import KEY_COLUMNS, VALUE_COLUMNS, forecast_rows
from headway_prediction.forecasters.serialization import (
    BY_PLATFORM_AND_LEAD,
    DirectionId,
    HeadwayColumns,
    Minutes,
    ResponseModel,
    StationIndex,
    Time,
    origin_time,
    platform_index,
    rounded,
    time_at,
)
from headway_prediction.transit.clock import service_day_start
from headway_prediction.transit.line import Line
from headway_prediction.what_if.effect import Wait
from headway_prediction.what_if.request import (
    MAX_EDITS,
    MAX_MINS,
    Add,
    Cancel,
    Edit,
    Hold,
    Move,
    Request,
    Search,
    Strategy,
    StrategyName,
)
from headway_prediction.what_if.result import WhatIfResult

StrictDirection = Annotated[DirectionId, Field(strict=True)]
LimitedMins = Annotated[float, Field(strict=True, ge=0, le=MAX_MINS, allow_inf_nan=False, examples=[2.5])]


class RequestModel(BaseModel):
    """A part of a request. An unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class MoveEdit(RequestModel):
    """A departure is planned at another time."""

    action: Literal["move"]
    direction_id: StrictDirection
    departure: Time = Field(description="the planned departure")
    to: Time = Field(description="its new time")

    def edit(self, line: Line, service_date: date) -> Edit:
        """Return the edit in service-day minutes."""
        return Move(
            self.direction_id,
            _minute(self.departure, line, service_date),
            _minute(self.to, line, service_date),
        )


class HoldEdit(RequestModel):
    """A departure leaves later."""

    action: Literal["hold"]
    direction_id: StrictDirection
    departure: Time = Field(description="the planned departure")
    mins: LimitedMins = Field(description="minutes after the planned departure")

    def edit(self, line: Line, service_date: date) -> Edit:
        """Return the edit in service-day minutes."""
        return Hold(self.direction_id, _minute(self.departure, line, service_date), self.mins)


class CancelEdit(RequestModel):
    """A departure does not run."""

    action: Literal["cancel"]
    direction_id: StrictDirection
    departure: Time = Field(description="the planned departure")

    def edit(self, line: Line, service_date: date) -> Edit:
        """Return the edit in service-day minutes."""
        return Cancel(self.direction_id, _minute(self.departure, line, service_date))


class AddEdit(RequestModel):
    """One more train leaves."""

    action: Literal["add"]
    direction_id: StrictDirection
    departure: Time = Field(description="the new departure")

    def edit(self, line: Line, service_date: date) -> Edit:
        """Return the edit in service-day minutes."""
        return Add(self.direction_id, _minute(self.departure, line, service_date))


EditModel = Annotated[MoveEdit | HoldEdit | CancelEdit | AddEdit, Field(discriminator="action")]


class StrategyModel(RequestModel):
    """A strategy for the departures of one direction."""

    name: StrategyName
    direction_id: StrictDirection
    mins: LimitedMins | None = Field(default=None, description="minutes, for hold_next and fill_gap")

    @model_validator(mode="after")
    def _check_mins(self) -> Self:
        if self.mins is None and self.name is not StrategyName.EVEN_HEADWAYS:
            raise ValueError(f"mins is missing, which {self.name} needs")
        return self

    def strategy(self) -> Strategy:
        """Return the strategy."""
        return Strategy(self.name, self.direction_id, self.mins or 0.0)


class SearchModel(RequestModel):
    """A search for the best holds of the departures of one direction."""

    direction_id: StrictDirection
    max_hold_mins: LimitedMins = Field(description="no train is held longer, in minutes")
    min_turnaround_mins: LimitedMins = Field(
        description="minutes between arrival and departure at a terminal"
    )

    def search(self) -> Search:
        """Return the search."""
        return Search(self.direction_id, self.max_hold_mins, self.min_turnaround_mins)


class WhatIfRequest(RequestModel):
    """Edits, to which those of a strategy and of a search are added."""

    edits: list[EditModel] = Field(default=[], max_length=MAX_EDITS)
    strategy: StrategyModel | None = None
    search: SearchModel | None = None

    def to_request(self, line: Line, service_date: date) -> Request:
        """Return the request in minutes of a service date."""
        return Request(
            tuple(edit.edit(line, service_date) for edit in self.edits),
            None if self.strategy is None else self.strategy.strategy(),
            None if self.search is None else self.search.search(),
        )


class HeadwayDifference(ResponseModel):
    """Changed forecast less baseline, in minutes."""

    headway_mean: list[list[Minutes]] = Field(description=BY_PLATFORM_AND_LEAD)


class DepartureChange(ResponseModel):
    """A departure under the changed plan."""

    direction_id: DirectionId
    planned: Time | None = Field(description="null for an added one")
    changed: Time | None = Field(description="null for a cancelled one")


class WaitComparison(ResponseModel):
    """Expected wait of a passenger (E[h²] / 2E[h]) in minutes; null where no train comes."""

    baseline_mins: Minutes
    changed_mins: Minutes
    difference_mins: Minutes
    low_mins: Minutes = Field(description="10 % quantile of the difference")
    high_mins: Minutes = Field(description="90 % quantile of the difference")


class StationWait(WaitComparison):
    """The expected wait at one platform."""

    direction_id: DirectionId
    station: StationIndex


class Waits(ResponseModel):
    """The expected wait over the line and at each platform."""

    line: WaitComparison
    stations: list[StationWait]


class WhatIfForecast(ResponseModel):
    """The forecast under the changed plan beside the baseline, over 60 minutes."""

    time: Time = Field(description="end of minute t0: everything before it is known")
    edits: list[EditModel] = Field(
        description="all that were applied, those of a strategy or search included"
    )
    baseline: HeadwayColumns
    changed: HeadwayColumns
    difference: HeadwayDifference
    reached: list[list[bool]] = Field(description=f"where the change can arrive: {BY_PLATFORM_AND_LEAD}")
    departures: list[DepartureChange]
    wait: Waits

    @classmethod
    def of(cls, result: WhatIfResult, **fields: Any) -> Self:
        """Build it from a result; `fields` are those that a subclass adds."""
        line, day = result.line, result.service_date
        stations, directions = platform_index(line)
        difference = rounded(result.difference[:, stations, directions].T)
        return cls(
            time=origin_time(day, result.t0, line),
            edits=[_edit_model(edit, line, day) for edit in result.edits],
            baseline=HeadwayColumns.of(result.baseline, line),
            changed=HeadwayColumns.of(result.changed, line),
            difference=HeadwayDifference(headway_mean=difference),
            reached=result.reached[:, stations, directions].T.tolist(),
            departures=[
                DepartureChange(
                    direction_id=one.direction,
                    planned=_time(one.planned, line, day),
                    changed=_time(one.minute, line, day),
                )
                for one in result.departures
            ],
            wait=Waits(
                line=WaitComparison(**_waits(result.wait)),
                stations=[
                    StationWait(direction_id=direction, station=station, **_waits(wait))
                    for (direction, station), wait in result.waits.items()
                ],
            ),
            **fields,
        )


def headway_table(result: WhatIfResult) -> pl.DataFrame:
    """Return the headways of every platform and lead under both plans: the key columns of exported forecasts, stop_name,
    `baseline_…` and `changed_…` of each headway column, `difference_mean`, and `reached`."""
    line = result.line
    baseline, changed = (forecast_rows(part, line) for part in (result.baseline, result.changed))
    stations, directions = platform_index(line)
    keys = with_stop_names(baseline.select(KEY_COLUMNS), line)
    return keys.with_columns(
        *(baseline[name].alias(name.replace("headway", "baseline")) for name in VALUE_COLUMNS),
        *(changed[name].alias(name.replace("headway", "changed")) for name in VALUE_COLUMNS),
        difference_mean=changed["headway_mean"] - baseline["headway_mean"],
        reached=pl.Series(result.reached[:, stations, directions].ravel()),
    )


def _minute(time: datetime, line: Line, service_date: date) -> float:
    return (time - service_day_start(service_date, line.time_zone)).total_seconds() / 60


def _time(minute: float | None, line: Line, service_date: date) -> datetime | None:
    return None if minute is None else time_at(service_date, minute, line)


def _waits(wait: Wait | None) -> dict[str, float | None]:
    return {
        name: None if wait is None else rounded(getattr(wait, name), 3)
        for name in WaitComparison.model_fields
    }


def _edit_model(edit: Edit, line: Line, day: date) -> MoveEdit | HoldEdit | CancelEdit | AddEdit:
    direction, departure = edit.direction, time_at(day, edit.departure, line)
    match edit:
        case Move():
            to = time_at(day, edit.to, line)
            return MoveEdit(action="move", direction_id=direction, departure=departure, to=to)
        case Hold():
            return HoldEdit(action="hold", direction_id=direction, departure=departure, mins=edit.mins)
        case Cancel():
            return CancelEdit(action="cancel", direction_id=direction, departure=departure)
        case Add():
            return AddEdit(action="add", direction_id=direction, departure=departure)
