"""Forecasts issued: written once a minute, read one by one, by span, or as a list of their origins."""

from datetime import date

import sqlalchemy as sa

from headway_prediction.service.live.published import PublishedForecast
from headway_prediction.service.store.tables import PUBLISHED_FORECASTS
from headway_prediction.service.store.upsert import upsert


def save_forecast(connection: sa.Connection, issued: PublishedForecast) -> None:
    """Write a forecast, in the place of one of the same line, method and origin."""
    row = {
        "line_id": issued.line_id,
        "method": issued.method,
        "service_date": issued.service_date,
        "t0": issued.t0,
        "forecast": issued.to_bytes(),
    }
    connection.execute(upsert(connection, PUBLISHED_FORECASTS), row)


def forecasts_between(
    connection: sa.Connection, line_id: str, method: str, service_date: date, first_t0: int, last_t0: int
) -> list[PublishedForecast]:
    """Return the forecasts of one method from `first_t0` up to and with `last_t0`, in order."""
    span = (
        (PUBLISHED_FORECASTS.c.line_id == line_id)
        & (PUBLISHED_FORECASTS.c.method == method)
        & (PUBLISHED_FORECASTS.c.service_date == service_date)
    )
    found = sa.select(PUBLISHED_FORECASTS.c.forecast).where(
        span, PUBLISHED_FORECASTS.c.t0.between(first_t0, last_t0)
    )
    return [
        PublishedForecast.from_bytes(raw)
        for raw in connection.scalars(found.order_by(PUBLISHED_FORECASTS.c.t0))
    ]


def origins(connection: sa.Connection, line_id: str, service_date: date) -> list[int]:
    """Return the minutes t0 of a date that a forecast of any method was issued at, in order."""
    mine = (PUBLISHED_FORECASTS.c.line_id == line_id) & (PUBLISHED_FORECASTS.c.service_date == service_date)
    return list(
        connection.scalars(
            sa.select(PUBLISHED_FORECASTS.c.t0).where(mine).distinct().order_by(PUBLISHED_FORECASTS.c.t0)
        )
    )
