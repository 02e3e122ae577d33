"""Forecasts as JSON: the field types and the pydantic models that write them and read them back.

The service, its client and the commands that print JSON share them, so that a time, a platform or a headway looks the same
everywhere. Times are ISO 8601 local times with offset; a `valid_time` is the start of minute `t0 + lead`
(docs/methodology.md).
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated, Any, Self

import numpy as np
import numpy.typing as npt
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema

from headway_prediction.forecasters.base import Forecast
from headway_prediction.forecasters.parquet import QUANTILE_COLUMNS
from headway_prediction.transit.clock import instant
from headway_prediction.transit.line import Line

BY_PLATFORM_AND_LEAD = "[platform][lead], as `platforms` and `leads` list them"


def iso(time: datetime) -> str:
    """Return an aware time as ISO 8601 with its own offset, to the second (pydantic alone would write Z for UTC)."""
    return time.isoformat(timespec="seconds")


Time = Annotated[
    AwareDatetime,
    PlainSerializer(iso, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
    Field(description="ISO 8601, local, with offset", examples=["2026-01-13T08:30:00+00:00"]),
]
Minutes = Annotated[
    float | None,
    Field(description="minutes; null where unknown", examples=[4.25], allow_inf_nan=False),
]
DirectionId = Annotated[int, Field(ge=0, le=1, description="0: from the first station to the last; 1: back")]
StationIndex = Annotated[int, Field(ge=0, description="index along direction 0, from 0", examples=[3])]
StopId = Annotated[str, Field(description="the platform's stop id", examples=["S04"])]
StopName = Annotated[
    str, Field(description="as the feed names it: escape it on a page", examples=["Aspen Bridge"])
]
LeadMin = Annotated[int, Field(ge=1, le=60, description="minutes after t0", examples=[5])]


class ResponseModel(BaseModel):
    """A part of a response. Readers ignore fields that a later version adds."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Platform(ResponseModel):
    """A platform: one station in one direction."""

    direction_id: DirectionId
    station: StationIndex
    stop_id: StopId
    stop_name: StopName


class HeadwayColumns(ResponseModel):
    """A forecast from one origin: platforms, leads, and the headways of each, in minutes."""

    leads: list[LeadMin] = Field(description="minutes after t0")
    valid_times: list[Time] = Field(description="starts of the forecast minutes t0 + lead")
    platforms: list[Platform]
    headway_mean: list[list[Minutes]] = Field(description=BY_PLATFORM_AND_LEAD)
    headway_p10: list[list[Minutes]] = Field(description="10 % quantile")
    headway_p50: list[list[Minutes]] = Field(description="median")
    headway_p90: list[list[Minutes]] = Field(description="90 % quantile")

    @classmethod
    def of(cls, forecast: Forecast, line: Line, **fields: Any) -> Self:
        """Build it from a forecast with a single origin; `fields` are those that a subclass adds."""
        stations, directions = platform_index(line)
        leads = np.arange(1, forecast.mean.shape[1] + 1)
        return cls(
            leads=leads.tolist(),
            valid_times=times(forecast.service_date, int(forecast.origins[0]) + leads, line),
            platforms=_platforms(line),
            **{
                name: rounded(cells[:, stations, directions].T)
                for name, cells in headway_arrays(forecast).items()
            },
            **fields,
        )


def rounded(values: npt.ArrayLike, digits: int = 2) -> Any:
    """Return floats rounded to `digits`, None where not finite: nested lists of the shape of `values`, or one number."""
    cells = np.round(np.asarray(values, dtype=np.float64), digits) + 0.0  # + 0.0 turns -0.0 into 0.0
    return np.where(np.isfinite(cells), cells, np.array(None, dtype=object)).tolist()


def time_at(service_date: date, minute: float, line: Line) -> datetime:
    """Return a service-day minute as an aware local time; a whole minute is its start."""
    return instant(service_date, minute, line.time_zone)


def times(service_date: date, minutes: Iterable[float], line: Line) -> list[datetime]:
    """Return service-day minutes as aware local times; whole minutes are their starts."""
    return [time_at(service_date, minute, line) for minute in minutes]


def origin_time(service_date: date, t0: int, line: Line) -> datetime:
    """Return the end of minute t0: everything before it is known to a forecast from t0."""
    return time_at(service_date, t0 + 1, line)


def platform_index(line: Line) -> tuple[np.ndarray, np.ndarray]:
    """Return the station and the direction of each platform, (platforms,) each, in the order of `Line.platforms`."""
    platforms = line.platforms()
    return platforms["station"].to_numpy(), platforms["direction"].to_numpy()


def headway_arrays(forecast: Forecast) -> dict[str, np.ndarray]:
    """Return mean and quantiles of the first origin by column name, (leads, stations, directions); NaN for a missing
    level."""
    unknown = np.full_like(forecast.mean, np.nan)
    arrays = {"headway_mean": forecast.mean} | {
        name: forecast.quantiles.get(level, unknown) for level, name in QUANTILE_COLUMNS.items()
    }
    return {name: values[0] for name, values in arrays.items()}


def _platforms(line: Line) -> list[Platform]:
    return [
        Platform(
            direction_id=direction, station=station, stop_id=stop_id, stop_name=line.station_names[station]
        )
        for direction, stop_id, station in line.platforms()
        .select("direction", "stop_id", "station")
        .iter_rows()
    ]
