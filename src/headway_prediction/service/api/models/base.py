"""Field types and models that several responses share; errors, events, health."""

from typing import Annotated, Self

from pydantic import Field

from headway_prediction.forecasters.serialization import ResponseModel, Time, origin_time, rounded
from headway_prediction.service.live.published import Level, LineState, Status
from headway_prediction.transit.line import Line

PUBLISHED_AGE = "Published-Age"
"""Header of every response about the latest minute, 304 included: its age in seconds. HTTP's own Age counts from when the
server made or confirmed a response, which does not give the age of the forecast in it (RFC 9111, section 5.1)."""

LineId = Annotated[str, Field(description="as in the arrival log", examples=["garden-line"])]
ServiceDate = Annotated[
    str, Field(description="service date", pattern=r"^\d{4}-\d\d-\d\d$", examples=["2026-01-13"])
]
Origin = Annotated[
    int,
    Field(
        ge=0, description="forecast origin: the last complete service-day minute (0: local noon minus 12 h)"
    ),
]


class ForecastStatus(ResponseModel):
    """How far a forecast can be trusted."""

    level: Level = Field(
        description="live; starting: first minutes; stale: feed silent over 2 min, wider intervals; climatology: silent "
        "over 10 min, typical headways; withheld: a check failed, the forecast is an earlier one"
    )
    reasons: list[str] = Field(
        description="sentences, when not live", examples=[["no new data from the feed for 2 min 30 s"]]
    )
    data_age_secs: float | None = Field(
        description="age of the newest data in seconds at the end of the forecast's minute; the header `Published-Age` "
        "counts on from there",
        examples=[12.0],
    )

    @classmethod
    def of(cls, status: Status) -> Self:
        """Build it from a status."""
        return cls(
            level=status.level, reasons=list(status.reasons), data_age_secs=rounded(status.data_age_secs, 1)
        )


class ErrorDetail(ResponseModel):
    """Why a request failed."""

    found: str = Field(description="what was received, or happened")
    expected: str
    remedy: str


class ErrorBody(ResponseModel):
    """The body of every response with a status of 400 or more."""

    error: ErrorDetail


class ForecastEvent(ResponseModel):
    """A new forecast, as /events sends it."""

    t0: Origin
    time: Time = Field(description="end of minute t0")
    version: int = Field(ge=1, description="number of updates of the line since the service started")
    level: Level

    @classmethod
    def of(cls, state: LineState, level: Level, version: int, line: Line) -> Self:
        """Build it from what was published."""
        time = origin_time(state.service_date, state.t0, line)
        return cls(t0=state.t0, time=time, version=version, level=level)


class Health(ResponseModel):
    """The process answers."""

    alive: bool
    version: str = Field(description="version of the package", examples=["0.1.0"])


class Ready(ResponseModel):
    """Whether forecasts are live and stored."""

    ready: bool
    reasons: list[str] = Field(description="sentences, when it is not")
