"""A forecast as columns (compact), as rows, or as CSV; the forecast of a what-if."""

from datetime import date
from typing import Any, Self

from pydantic import Field

from headway_prediction.bundle.forecast import with_stop_names
from headway_prediction.forecasters.parquet import VALUE_COLUMNS, forecast_rows
from headway_prediction.forecasters.serialization import (
    DirectionId,
    HeadwayColumns,
    LeadMin,
    Minutes,
    ResponseModel,
    StopId,
    StopName,
    Time,
    origin_time,
)
from headway_prediction.service.api.models.base import ForecastStatus, LineId, Origin, ServiceDate
from headway_prediction.service.live.published import PublishedForecast
from headway_prediction.transit.clock import local_datetime
from headway_prediction.transit.line import Line
from headway_prediction.what_if.schema import WhatIfForecast


class ForecastHead(ResponseModel):
    """The origin of a forecast, its method and its status."""

    line_id: LineId
    service_date: ServiceDate
    t0: Origin
    time: Time = Field(
        description="end of minute t0: the forecast knows what happened before it, and nothing after"
    )
    published_at: Time = Field(description="by the feed's clock")
    method: str = Field(examples=["st-convnet"])
    status: ForecastStatus


class ForecastColumns(ForecastHead, HeadwayColumns):
    """A forecast as columns: a third of the size of rows."""

    @classmethod
    def of_published(cls, published: PublishedForecast, line: Line) -> Self:
        """Build it from a published forecast."""
        return cls.of(published.forecast, line, **_head(published, line))


class ForecastRow(ResponseModel):
    """The headway at a platform in one minute."""

    direction_id: DirectionId
    stop_id: StopId
    stop_name: StopName
    lead_min: LeadMin
    valid_time: Time = Field(description="start of minute t0 + lead_min")
    headway_mean: Minutes
    headway_p10: Minutes
    headway_p50: Minutes
    headway_p90: Minutes


class ForecastRows(ForecastHead):
    """A forecast as rows, one per platform and lead."""

    rows: list[ForecastRow]

    @classmethod
    def of_published(cls, published: PublishedForecast, line: Line) -> Self:
        """Build it from a published forecast."""
        columns = HeadwayColumns.of(published.forecast, line)
        rows = [
            ForecastRow(
                direction_id=platform.direction_id,
                stop_id=platform.stop_id,
                stop_name=platform.stop_name,
                lead_min=lead,
                valid_time=columns.valid_times[at],
                **{name: getattr(columns, name)[place][at] for name in VALUE_COLUMNS},
            )
            for place, platform in enumerate(columns.platforms)
            for at, lead in enumerate(columns.leads)
        ]
        return cls(rows=rows, **_head(published, line))


class WhatIfResponse(WhatIfForecast):
    """The forecast under the changed plan beside the baseline, over 60 minutes, and the status of the data."""

    status: ForecastStatus


def forecast_csv(published: PublishedForecast, line: Line) -> str:
    """Return a forecast as CSV: the columns of exported forecasts, and stop_name."""
    rows = forecast_rows(published.forecast, line)
    return with_stop_names(rows, line).write_csv(float_precision=2)


def _head(published: PublishedForecast, line: Line) -> dict[str, Any]:
    service_date: date = published.service_date
    return {
        "line_id": published.line_id,
        "service_date": service_date.isoformat(),
        "t0": published.t0,
        "time": origin_time(service_date, published.t0, line),
        "published_at": local_datetime(published.published_at, line.time_zone),
        "method": published.method,
        "status": ForecastStatus.of(published.status),
    }
