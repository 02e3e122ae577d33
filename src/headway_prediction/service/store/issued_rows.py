"""Forecasts issued: written once a minute, read one by one, by span, or as a list of their origins."""

from datetime import date

import sqlalchemy as sa

from headway_prediction.service.live.published import IssuedForecast
from headway_prediction.service.store.tables import ISSUED
from headway_prediction.service.store.upsert import upsert


def keep_issued(connection: sa.Connection, issued: IssuedForecast) -> None:
    """Write a forecast, in the place of one of the same line, method and origin."""
    row = {
        "line_id": issued.line_id,
        "method": issued.method,
        "service_date": issued.service_date,
        "t0": issued.t0,
        "forecast": issued.to_bytes(),
    }
    connection.execute(upsert(connection, ISSUED), row)


def issued_between(
    connection: sa.Connection, line_id: str, method: str, service_date: date, first_t0: int, last_t0: int
) -> list[IssuedForecast]:
    """Return the forecasts of one method from `first_t0` up to and with `last_t0`, in order."""
    span = (
        (ISSUED.c.line_id == line_id) & (ISSUED.c.method == method) & (ISSUED.c.service_date == service_date)
    )
    found = sa.select(ISSUED.c.forecast).where(span, ISSUED.c.t0.between(first_t0, last_t0))
    return [IssuedForecast.from_bytes(raw) for raw in connection.scalars(found.order_by(ISSUED.c.t0))]


def origins(connection: sa.Connection, line_id: str, service_date: date) -> list[int]:
    """Return the minutes t0 of a date that a forecast of any method was issued at, in order."""
    mine = (ISSUED.c.line_id == line_id) & (ISSUED.c.service_date == service_date)
    return list(connection.scalars(sa.select(ISSUED.c.t0).where(mine).distinct().order_by(ISSUED.c.t0)))
