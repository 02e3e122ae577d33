"""Lines: what they consist of, their last hour, one of their stations, their stored moments and planned departures."""

from collections.abc import Sequence
from datetime import date
from typing import Self

import numpy as np
from pydantic import Field

from headway_prediction.forecasters.serialization import (
    DirectionId,
    Minutes,
    ResponseModel,
    StationIndex,
    StopId,
    StopName,
    Time,
    headway_arrays,
    origin_time,
    rounded,
    time_at,
    times,
)
from headway_prediction.service.api.models.alerts import stop_id_at, towards_name
from headway_prediction.service.api.models.base import ForecastStatus, LineId, Origin, ServiceDate
from headway_prediction.service.live.published import LineForecast, LineState, TrainPath
from headway_prediction.service.live.view import Departure, ServedLine
from headway_prediction.transit.line import DIRECTIONS, Line

STATE_MINS = 60
STATION_MINS = 180
MINUTE_STARTS = "starts of the minutes, oldest first"


class LineSummary(ResponseModel):
    """A line in a list."""

    line_id: LineId
    name: str = Field(examples=["Garden Line"])
    time_zone: str = Field(description="IANA name", examples=["America/Chicago"])
    stations: int = Field(description="number of stations", examples=[14])
    first_station: StopName
    last_station: StopName

    @classmethod
    def of(cls, served: ServedLine) -> Self:
        """Build it from a served line."""
        names = served.line.station_names
        return cls(
            line_id=served.line.line_id,
            name=served.name,
            time_zone=served.line.time_zone,
            stations=len(names),
            first_station=names[0],
            last_station=names[-1],
        )


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
    quantiles: list[float] = Field(description="levels of the forecast quantiles", examples=[[0.1, 0.5, 0.9]])
    stations: list[StationInfo]
    directions: list[DirectionInfo]
    bundle: BundleInfo
    what_if: bool = Field(description="whether POST what-if is available for this line")

    @classmethod
    def of(cls, served: ServedLine) -> Self:
        """Build it from a served line."""
        line, dates = served.line, served.training_dates
        return cls(
            line_id=line.line_id,
            name=served.name,
            time_zone=line.time_zone,
            cap_mins=served.cap_mins,
            quantiles=list(served.quantiles),
            stations=[
                StationInfo(station=index, name=station.name, stop_ids=list(station.stop_ids))
                for index, station in enumerate(line.stations)
            ],
            directions=[
                DirectionInfo(direction_id=direction, towards=towards_name(line, direction))
                for direction in DIRECTIONS
            ],
            bundle=BundleInfo(
                code_version=served.code_version,
                training_dates=TrainingDates(
                    first=str(min(dates)) if dates else None,
                    last=str(max(dates)) if dates else None,
                    days=len(dates),
                ),
                methods=list(served.methods),
            ),
            what_if=served.what_if,
        )


class Moment(ResponseModel):
    """A moment whose forecast is stored."""

    t0: Origin
    time: Time = Field(description="end of minute t0")


class Moments(ResponseModel):
    """The moments of one service date, for `at`."""

    service_dates: list[ServiceDate] = Field(description="dates with stored forecasts, in order")
    service_date: ServiceDate | None = Field(description="the date of `moments`, null without any")
    moments: list[Moment]

    @classmethod
    def of(
        cls, service_dates: Sequence[date], service_date: date | None, origins: Sequence[int], line: Line
    ) -> Self:
        """Build it from the stored dates, and the origins of one of them."""
        return cls(
            service_dates=[str(day) for day in service_dates],
            service_date=None if service_date is None else str(service_date),
            moments=[]
            if service_date is None
            else [Moment(t0=t0, time=origin_time(service_date, t0, line)) for t0 in origins],
        )


class PlannedDeparture(ResponseModel):
    """A departure that a what-if may change."""

    direction_id: DirectionId
    trip: str = Field(description="names the trip", examples=["2491448811101"])
    planned: Time
    station: StationIndex


class Departures(ResponseModel):
    """The terminal departures planned in the 60 minutes after `time`, and overdue ones before them, in order."""

    time: Time = Field(description="end of minute t0: now")
    departures: list[PlannedDeparture]

    @classmethod
    def of(cls, published: LineForecast, departures: Sequence[Departure], line: Line) -> Self:
        """Build it from the departures that can be edited."""
        day = published.state.service_date
        return cls(
            time=origin_time(day, published.state.t0, line),
            departures=[
                PlannedDeparture(
                    direction_id=departure.direction,
                    trip=departure.trip,
                    planned=time_at(day, departure.planned, line),
                    station=departure.station,
                )
                for departure in sorted(departures, key=lambda d: (d.planned, d.direction))
            ],
        )


class Place(ResponseModel):
    """A train at a station."""

    station: StationIndex
    time: Time


class Train(ResponseModel):
    """A train of the time-space diagram."""

    train: str = Field(description="names the train within this response", examples=["07c1"])
    direction_id: DirectionId
    passed: list[Place] = Field(description="where it passed in the last hour")
    expected: list[Place] = Field(description="where it is expected within the next hour")

    @classmethod
    def of(cls, train: TrainPath, state: LineState, line: Line) -> Self:
        """Build it from a train's path."""

        def places(path: Sequence[tuple[int, float]]) -> list[Place]:
            return [Place(station=s, time=time_at(state.service_date, minute, line)) for s, minute in path]

        passed = [place for place in train.passed if place[1] >= state.t0 + 1 - STATE_MINS]
        return cls(
            train=train.train,
            direction_id=train.direction,
            passed=places(passed),
            expected=places(train.expected),
        )


class State(ResponseModel):
    """The last hour of a line; lists are [direction][station][minute], minutes as in `times`."""

    line_id: LineId
    service_date: ServiceDate
    t0: Origin
    time: Time = Field(description="end of minute t0: everything before it is known")
    status: ForecastStatus
    times: list[Time] = Field(description=MINUTE_STARTS)
    headway: list[list[list[Minutes]]] = Field(
        description="headway of the last train that passed by the end of the minute"
    )
    elapsed: list[list[list[Minutes]]] = Field(
        description="minutes from that passing to the end of the minute"
    )
    arrived: list[list[list[bool]]] = Field(description="whether a train passed in the minute")
    typical: list[list[list[Minutes]]] = Field(
        description="typical headway of the line at that time of day, in the minutes of `times` and in the 60 after them"
    )
    trains: list[Train]

    @classmethod
    def of(cls, published: LineForecast, line: Line) -> Self:
        """Build it from what was published."""
        state = published.state
        return cls(
            line_id=line.line_id,
            service_date=state.service_date.isoformat(),
            t0=state.t0,
            time=origin_time(state.service_date, state.t0, line),
            status=ForecastStatus.of(published.status),
            times=times(state.service_date, state.minutes[-STATE_MINS:], line),
            headway=rounded(state.headway[-STATE_MINS:].T),
            elapsed=rounded(state.elapsed[-STATE_MINS:].T),
            arrived=state.arrived[-STATE_MINS:].T.tolist(),
            typical=rounded(state.typical_around.T),
            trains=[Train.of(train, state, line) for train in state.trains],
        )


class PlatformPast(ResponseModel):
    """The last three hours of a platform, or as much as is known."""

    times: list[Time] = Field(description=MINUTE_STARTS)
    headway: list[Minutes]
    arrived: list[bool]


class PlatformForecast(ResponseModel):
    """The forecast of a platform, 60 minutes where the bundle reaches so far, else 15."""

    valid_times: list[Time] = Field(description="starts of the forecast minutes t0 + lead")
    headway_mean: list[Minutes]
    headway_p10: list[Minutes]
    headway_p50: list[Minutes]
    headway_p90: list[Minutes]

    @classmethod
    def of(cls, published: LineForecast, line: Line, station: int, direction: int) -> Self | None:
        """Build it from the newest forecast, the longer one of two from the same origin; None where none is published."""
        known = [forecast for forecast in (published.hour, published.forecast) if forecast is not None]
        if not known:
            return None
        # While the hour is still being computed, the published one has an earlier origin than the quarter.
        newest = max(known, key=lambda each: (each.service_date, each.t0, each.leads))
        minutes = newest.t0 + np.arange(1, newest.leads + 1)
        columns = {
            name: rounded(cells[:, station, direction])
            for name, cells in headway_arrays(newest.forecast).items()
        }
        return cls(valid_times=times(newest.service_date, minutes, line), **columns)


class StationDirection(ResponseModel):
    """One platform of a station."""

    direction_id: DirectionId
    stop_id: StopId
    typical: Minutes = Field(description="typical headway now")
    past: PlatformPast
    forecast: PlatformForecast | None = Field(description="null where none is published")

    @classmethod
    def of(cls, published: LineForecast, line: Line, station: int, direction: int) -> Self:
        """Build it from what was published."""
        state, past = published.state, slice(-STATION_MINS, None)
        return cls(
            direction_id=direction,
            stop_id=stop_id_at(line, direction, station),
            typical=rounded(state.typical[station, direction]),
            past=PlatformPast(
                times=times(state.service_date, state.minutes[past], line),
                headway=rounded(state.headway[past, station, direction]),
                arrived=state.arrived[past, station, direction].tolist(),
            ),
            forecast=PlatformForecast.of(published, line, station, direction),
        )


class StationState(ResponseModel):
    """One station: past and forecast of its platforms."""

    time: Time = Field(description="end of minute t0: now")
    status: ForecastStatus
    station: StationIndex
    name: StopName
    directions: list[StationDirection]

    @classmethod
    def of(cls, published: LineForecast, line: Line, station: int) -> Self:
        """Build it from what was published."""
        state = published.state
        return cls(
            time=origin_time(state.service_date, state.t0, line),
            status=ForecastStatus.of(published.status),
            station=station,
            name=line.stations[station].name,
            directions=[
                StationDirection.of(published, line, station, direction)
                for direction in DIRECTIONS
                if line.stop_ids(direction)[station] is not None
            ],
        )
