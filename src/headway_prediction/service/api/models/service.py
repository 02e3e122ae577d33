"""Errors, events, and whether the service is alive and ready."""

from pydantic import Field

from headway_prediction.service.api.models.base import Origin, ResponseModel, Time
from headway_prediction.service.live.published import Level


class ErrorDetail(ResponseModel):
    """Why a request was not answered."""

    what: str = Field(description="what was received, or happened")
    expected: str
    remedy: str = Field(description="what to do about it")


class ErrorBody(ResponseModel):
    """The body of every answer with a status of 400 or more."""

    error: ErrorDetail


class ForecastEvent(ResponseModel):
    """A new forecast, as /events tells of it."""

    t0: Origin
    time: Time
    version: int = Field(ge=1, description="counts what was published of the line since the service started")
    level: Level


class Health(ResponseModel):
    """The process answers."""

    alive: bool
    version: str = Field(description="version of the package", examples=["0.1.0"])


class Ready(ResponseModel):
    """Whether forecasts are fresh and kept."""

    ready: bool
    reasons: list[str] = Field(description="sentences, when it is not")
