"""What all models share, and the words that come back in many of them."""

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from headway_prediction.service.live.published import Level

PUBLISHED_AGE = "Published-Age"
"""The header of every answer that is of the newest minute, 304 included. HTTP's own Age counts from when the server made or
confirmed an answer, which tells nothing of how old the forecast in it is (RFC 9111, section 5.1)."""

Time = Annotated[
    AwareDatetime, Field(description="ISO 8601, local, with offset", examples=["2026-01-13T08:30:00+00:00"])
]
Minutes = Annotated[
    float | None,
    Field(description="minutes; null where it is not known", examples=[4.25], allow_inf_nan=False),
]
LineId = Annotated[str, Field(description="as in the arrival log", examples=["garden-line"])]
DirectionId = Annotated[int, Field(ge=0, le=1, description="0: from the first station to the last; 1: back")]
StationIndex = Annotated[int, Field(ge=0, description="place along direction 0, from 0", examples=[3])]
StopId = Annotated[str, Field(description="the platform's stop id", examples=["S04"])]
StopName = Annotated[
    str, Field(description="as the feed names it: escape it on a page", examples=["Aspen Bridge"])
]
ServiceDate = Annotated[
    str, Field(description="service date", pattern=r"^\d{4}-\d\d-\d\d$", examples=["2026-01-13"])
]
Origin = Annotated[
    int,
    Field(ge=0, description="the last service-day minute that was over (minute 0: local noon minus 12 h)"),
]
LeadMin = Annotated[int, Field(ge=1, le=60, description="minutes after `time`", examples=[5])]


class ResponseModel(BaseModel):
    """A part of an answer; fields that a later version adds are no error."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class ForecastStatus(ResponseModel):
    """How far a forecast is to be trusted."""

    level: Level = Field(
        description="live; starting: first minutes; stale: feed silent over 2 min, wider intervals; climatology: silent "
        "over 10 min, typical headways; withheld: a check failed, the forecast is the previous one"
    )
    reasons: list[str] = Field(
        description="sentences, when not live", examples=[["the feed has been silent for 150 s"]]
    )
    data_age_secs: float | None = Field(
        description="age of the newest data, in seconds, when the minute of the forecast was over; the header "
        "`Published-Age` counts on from there",
        examples=[12.0],
    )


class Place(ResponseModel):
    """A train at a station."""

    station: StationIndex
    time: Time
