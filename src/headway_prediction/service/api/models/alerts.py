"""Expected gaps and bunched trains, and the live scores of the forecasts."""

from typing import Self

import numpy as np
from pydantic import Field

from headway_prediction.forecasters.serialization import (
    DirectionId,
    LeadMin,
    Minutes,
    ResponseModel,
    StationIndex,
    StopId,
    StopName,
    Time,
    origin_time,
    rounded,
    time_at,
)
from headway_prediction.service.api.models.base import ForecastStatus
from headway_prediction.service.live.published import (
    Alert,
    AlertKind,
    LineForecast,
    LineState,
    LiveScores,
    MethodScore,
)
from headway_prediction.transit.clock import local_datetime
from headway_prediction.transit.line import Line

ERROR = "over cells whose truth is known by now, in minutes"


class AlertInfo(ResponseModel):
    """An expected gap or bunched train."""

    kind: AlertKind = Field(description="gap: over 1.5 times the typical headway; bunched: under half of it")
    direction_id: DirectionId
    station: StationIndex
    stop_id: StopId
    stop_name: StopName
    time: Time = Field(description="when the train is expected there")
    in_mins: Minutes = Field(description="minutes from now until then")
    headway_mins: Minutes
    typical_mins: Minutes
    probability: float | None = Field(ge=0, le=1, examples=[0.84])
    text: str = Field(
        description="the alert as a sentence",
        examples=[
            "Gap at Aspen Bridge towards Holly Park: 9 min instead of 5, at 08:41 (in 6 min), probability 84%"
        ],
    )

    @classmethod
    def of(cls, alert: Alert, state: LineState, line: Line) -> Self:
        """Build it from an alert."""
        time = time_at(state.service_date, alert.minute, line)
        in_mins = alert.minute - (state.t0 + 1)
        stop_name = line.stations[alert.station].name
        name = "Gap" if alert.kind is AlertKind.GAP else "Bunched trains"
        return cls(
            kind=alert.kind,
            direction_id=alert.direction,
            station=alert.station,
            stop_id=stop_id_at(line, alert.direction, alert.station),
            stop_name=stop_name,
            time=time,
            in_mins=rounded(in_mins),
            headway_mins=rounded(alert.headway_mins),
            typical_mins=rounded(alert.typical_mins),
            probability=rounded(alert.probability),
            text=f"{name} at {stop_name} towards {towards_name(line, alert.direction)}: {alert.headway_mins:.0f} min "
            f"instead of {alert.typical_mins:.0f}, at {time:%H:%M} (in {in_mins:.0f} min), "
            f"probability {alert.probability:.0%}",
        )


class Alerts(ResponseModel):
    """Expected gaps and bunched trains, the most urgent first."""

    time: Time = Field(description="end of minute t0: now")
    status: ForecastStatus
    alerts: list[AlertInfo]

    @classmethod
    def of(cls, published: LineForecast, line: Line) -> Self:
        """Build it from what was published."""
        state = published.state
        return cls(
            time=origin_time(state.service_date, state.t0, line),
            status=ForecastStatus.of(published.status),
            alerts=[AlertInfo.of(alert, state, line) for alert in published.alerts],
        )


class LeadScore(ResponseModel):
    """Errors at one lead."""

    lead_min: LeadMin
    cells: int = Field(ge=0, description="number of cells compared")
    mae: Minutes = Field(description=f"mean absolute error {ERROR}")
    rmse: Minutes = Field(description=f"root mean square error {ERROR}")


class MethodScores(ResponseModel):
    """Errors of one method."""

    method: str = Field(examples=["st-convnet"])
    cells: int = Field(ge=0, description="number of cells compared")
    mae: Minutes = Field(description=f"mean absolute error {ERROR}")
    rmse: Minutes = Field(description=f"root mean square error {ERROR}")
    by_lead: list[LeadScore]

    @classmethod
    def of(cls, score: MethodScore) -> Self:
        """Build it from errors by lead; those over all leads are weighted by cells."""
        cells = np.asarray(score.cells)
        total = int(cells.sum())
        mae = float(np.nansum(cells * score.mae) / total) if total else np.nan
        rmse = float(np.sqrt(np.nansum(cells * np.square(score.rmse)) / total)) if total else np.nan
        by_lead = [
            LeadScore(lead_min=lead, cells=int(count), mae=rounded(mae_at, 3), rmse=rounded(rmse_at, 3))
            for lead, (count, mae_at, rmse_at) in enumerate(
                zip(cells, score.mae, score.rmse, strict=True), start=1
            )
        ]
        return cls(
            method=score.method, cells=total, mae=rounded(mae, 3), rmse=rounded(rmse, 3), by_lead=by_lead
        )


class Scores(ResponseModel):
    """Live scores of the published forecasts; without methods before the first truth is known."""

    since: Time | None
    until: Time | None
    coverage: float | None = Field(
        ge=0,
        le=1,
        description="share of passings inside the interval from p10 to p90; 0.8 is calibrated",
        examples=[0.81],
    )
    better_method: str | None = Field(
        description="the simple method with a lower error over the last hour, if any"
    )
    methods: list[MethodScores]

    @classmethod
    def of(cls, scores: LiveScores | None, line: Line) -> Self:
        """Build it from live scores, None before the first."""
        if scores is None:
            return cls(since=None, until=None, coverage=None, better_method=None, methods=[])
        return cls(
            since=local_datetime(scores.since_at, line.time_zone),
            until=local_datetime(scores.until_at, line.time_zone),
            coverage=rounded(scores.coverage, 3),
            better_method=scores.better_method,
            methods=[MethodScores.of(score) for score in scores.methods],
        )


def stop_id_at(line: Line, direction: int, station: int) -> str:
    """Return the stop id of a platform; raises ValueError where the station has none in that direction."""
    stop_id = line.stop_ids(direction)[station]
    if stop_id is None:
        raise ValueError(f"station {station} has no platform in direction {direction}")
    return stop_id


def towards_name(line: Line, direction: int) -> str:
    """Return the name of the last station of a direction."""
    return line.stations[line.travel_order(direction)[-1]].name
