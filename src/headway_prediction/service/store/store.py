"""The store: the passings of lines, the polls they come from, and published forecasts."""

import json
from contextlib import AbstractContextManager
from datetime import date
from pathlib import Path
from typing import Self

import polars as pl
import sqlalchemy as sa

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.realtime.arrival_log import PASSING_ROWS, log_of_rows
from headway_prediction.feeds.realtime.metadata import FeedMetadata
from headway_prediction.feeds.realtime.passing import Passing, journal_order
from headway_prediction.service.live.published import PublishedForecast
from headway_prediction.service.store.batches import (
    Batch,
    RestartState,
    load_restart_state,
    passing_of_row,
    save_batch,
)
from headway_prediction.service.store.database import (
    NEWEST_VERSION,
    StoreUnavailable,
    connect,
    transaction,
    upsert,
    version_of,
)
from headway_prediction.service.store.tables import FORECASTS, LINES, PASSINGS, POLLS
from headway_prediction.transit.clock import service_day_start


class Store:
    """A database that threads may share; open it with `Store.open`.

    Every method raises StoreUnavailable, a HeadwayError, when the database cannot be read or written at the moment; it may
    be called again until it can. A call writes everything or nothing, and what it wrote is durable once it returns.
    """

    def __init__(self, engine: sa.Engine):
        self._engine = engine
        is_file = engine.dialect.name == "sqlite" and engine.url.database is not None
        self._file = Path(str(engine.url.database)) if is_file else None
        self._inode: int | None = None

    @classmethod
    def open(cls, url: str) -> Self:
        """Open `sqlite:///path` or `postgresql+psycopg://…`; create it, or bring it to the newest version of the schema.

        Raises HeadwayError for another URL, or a database that a newer version of this program wrote.
        """
        store = cls(connect(url))
        if store._file is not None and not store._file.parent.is_dir():
            found = f"there is no folder {store._file.parent}"
            raise HeadwayError(found, "a folder for the store", "create it, or correct --store")
        _bring_up_to_date(store._engine)
        store._inode = store._current_inode()
        return store

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def save_line(self, line_id: str, metadata: FeedMetadata) -> None:
        """Save what `log` needs of a line: its time zone and the names of its stops."""
        row = {
            "line_id": line_id,
            "time_zone": metadata.time_zone,
            "stop_names": json.dumps(dict(metadata.stop_names)),
        }
        with self._writing() as connection:
            connection.execute(upsert(connection, LINES), row)

    def save_batch(self, line_id: str, batch: Batch) -> None:
        """Save polls, the passings they changed and the checkpoint after them; polls that are all there change nothing."""
        with self._writing() as connection:
            save_batch(connection, line_id, batch)

    def restart_state(self, line_id: str) -> RestartState:
        """Return what tracking the line's feed resumes from."""
        with self._reading() as connection:
            return load_restart_state(connection, line_id)

    def newest_poll_at(self, line_id: str) -> float | None:
        """Return when the newest stored poll was fetched (epoch seconds), None before the first."""
        with self._reading() as connection:
            fetched_at = sa.func.max(POLLS.c.fetched_at)
            newest: float | None = connection.scalar(sa.select(fetched_at).where(POLLS.c.line_id == line_id))
            return newest

    def content_times(self, line_id: str, since: float) -> list[float]:
        """Return the content time as of each poll fetched at or after `since` (epoch seconds), in order of fetching."""
        own = (POLLS.c.line_id == line_id) & (POLLS.c.fetched_at >= since) & POLLS.c.content_at.is_not(None)
        with self._reading() as connection:
            found = sa.select(POLLS.c.content_at).where(own).order_by(POLLS.c.fetched_at)
            return list(connection.scalars(found))

    def poll_count(self, line_id: str) -> int:
        """Return the number of stored polls of the line."""
        count = sa.select(sa.func.count()).select_from(POLLS).where(POLLS.c.line_id == line_id)
        with self._reading() as connection:
            return connection.scalar(count) or 0

    def passings(self, line_id: str, service_date: date) -> list[Passing]:
        """Return the passings of a service date in the journal's order; their runs have route and direction."""
        own = (PASSINGS.c.line_id == line_id) & (PASSINGS.c.service_date == service_date)
        with self._reading() as connection:
            found = connection.execute(sa.select(PASSINGS).where(own))
            return sorted(map(passing_of_row, found), key=journal_order)

    def passing_rows(self, line_id: str, service_date: date) -> pl.DataFrame:
        """Return the passings of a service date as PASSING_ROWS of feeds.realtime.arrival_log."""
        own = (PASSINGS.c.line_id == line_id) & (PASSINGS.c.service_date == service_date)
        with self._reading() as connection:
            found = connection.execute(sa.select(*(PASSINGS.c[name] for name in PASSING_ROWS)).where(own))
            return pl.DataFrame([tuple(row) for row in found], schema=PASSING_ROWS, orient="row")

    def log(self, line_id: str, service_date: date) -> pl.DataFrame:
        """Return the passings of a service date as an arrival log, typed as feeds.logs.arrivals.ARRIVAL_COLUMNS.

        Raises HeadwayError for a line that the store does not have.
        """
        return log_of_rows(self.passing_rows(line_id, service_date), line_id, self._metadata(line_id))

    def service_dates(self, line_id: str) -> list[date]:
        """Return the service dates with passings, in order."""
        dates = sa.select(PASSINGS.c.service_date).where(PASSINGS.c.line_id == line_id).distinct()
        with self._reading() as connection:
            return list(connection.scalars(dates.order_by(PASSINGS.c.service_date)))

    def save_forecast(self, published: PublishedForecast) -> None:
        """Save a forecast; it replaces one of the same line, method and origin."""
        row = {
            "line_id": published.line_id,
            "method": published.method,
            "service_date": published.service_date,
            "t0": published.t0,
            "forecast": published.to_bytes(),
        }
        with self._writing() as connection:
            connection.execute(upsert(connection, FORECASTS), row)

    def forecast(self, line_id: str, method: str, service_date: date, t0: int) -> PublishedForecast | None:
        """Return the forecast of a method from exactly that origin, None where there is none."""
        found = self.forecasts_between(line_id, method, service_date, t0, t0)
        return found[0] if found else None

    def forecasts_between(
        self, line_id: str, method: str, service_date: date, first_t0: int, last_t0: int
    ) -> list[PublishedForecast]:
        """Return the forecasts of a method from `first_t0` up to and including `last_t0`, in order."""
        columns = FORECASTS.c
        own = (columns.line_id == line_id) & (columns.method == method)
        span = (columns.service_date == service_date) & columns.t0.between(first_t0, last_t0)
        found = sa.select(columns.forecast).where(own, span).order_by(columns.t0)
        with self._reading() as connection:
            return [PublishedForecast.from_bytes(raw) for raw in connection.scalars(found)]

    def origins(self, line_id: str, service_date: date) -> list[int]:
        """Return the origins t0 of a service date with a forecast of any method, in order."""
        own = (FORECASTS.c.line_id == line_id) & (FORECASTS.c.service_date == service_date)
        with self._reading() as connection:
            found = sa.select(FORECASTS.c.t0).where(own).distinct().order_by(FORECASTS.c.t0)
            return list(connection.scalars(found))

    def delete_before(self, service_date: date) -> None:
        """Delete everything of earlier service dates that no restart needs. A SQLite file reuses the space."""
        with self._writing() as connection:
            for table in (PASSINGS, FORECASTS):
                connection.execute(sa.delete(table).where(table.c.service_date < service_date))
            for line_id, zone in connection.execute(sa.select(LINES.c.line_id, LINES.c.time_zone)).all():
                begins = service_day_start(service_date, zone).timestamp()
                old = (POLLS.c.line_id == line_id) & (POLLS.c.fetched_at < begins)
                connection.execute(sa.delete(POLLS).where(old))

    def _metadata(self, line_id: str) -> FeedMetadata:
        with self._reading() as connection:
            row = connection.execute(sa.select(LINES).where(LINES.c.line_id == line_id)).first()
        if row is None:
            raise HeadwayError(f"the store has no line {line_id!r}", "a line with polls", "check its id")
        return FeedMetadata(row.time_zone, json.loads(row.stop_names))

    def _reading(self) -> AbstractContextManager[sa.Connection]:
        return transaction(self._engine, writes=False)

    def _writing(self) -> AbstractContextManager[sa.Connection]:
        self._check_file()
        return transaction(self._engine, writes=True)

    def _check_file(self) -> None:
        """Raise StoreUnavailable where the SQLite file was deleted: it would silently take writes. Reopen one put back."""
        if self._file is None or (inode := self._current_inode()) == self._inode:
            return
        if inode is None:
            found = f"the file {self._file} is gone"
            raise StoreUnavailable(found, "the store where it was opened", "put it back, or restart")
        self._engine.dispose()
        _bring_up_to_date(self._engine)
        self._inode = self._current_inode()

    def _current_inode(self) -> int | None:
        try:
            return None if self._file is None else self._file.stat().st_ino
        except OSError:
            return None


def _bring_up_to_date(engine: sa.Engine) -> None:
    """Bring a database to the newest version of the schema; raises as `migrate`."""
    if version_of(engine) != NEWEST_VERSION:
        # Alembic takes 15 MB of memory and a tenth of a second, and only a new or an old database needs it.
        from headway_prediction.service.store.migrate import migrate

        migrate(engine)
