"""The store: passings of lines, the polls they come from, and the forecasts issued."""

import json
from datetime import date
from pathlib import Path
from typing import Self

import polars as pl
import sqlalchemy as sa

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.realtime.arrival_log import typed_log
from headway_prediction.feeds.realtime.metadata import FeedMetadata
from headway_prediction.feeds.realtime.passing import Passing, journal_order
from headway_prediction.service.live.published import PublishedForecast
from headway_prediction.service.store import issued_rows, kept_polls
from headway_prediction.service.store.database import StoreUnavailable, connect, transaction
from headway_prediction.service.store.kept_polls import Batch, RestartState
from headway_prediction.service.store.migrate import migrate
from headway_prediction.service.store.rows import passing_of_row
from headway_prediction.service.store.tables import LINES, PASSINGS, POLLS, PUBLISHED_FORECASTS
from headway_prediction.service.store.upsert import upsert
from headway_prediction.transit.clock import service_day_start


class Store:
    """A database that several threads may use at once; from `Store.open`.

    Every method raises StoreUnavailable, a HeadwayError, when the database cannot be read or written just now; it may be
    called again until it can. What one call writes is there whole or not at all, and lasts once the call has returned.
    """

    def __init__(self, engine: sa.Engine):
        self._engine = engine
        self._file = Path(engine.url.database) if engine.dialect.name == "sqlite" else None
        self._inode: int | None = None

    @classmethod
    def open(cls, url: str) -> Self:
        """Open `sqlite:///path` or `postgresql+psycopg://…`, made or brought to the newest version of the schema.

        Raises HeadwayError for another URL, or a database that a newer version of this program wrote.
        """
        store = cls(connect(url))
        if store._file is not None and not store._file.parent.is_dir():
            raise HeadwayError(
                f"there is no folder {store._file.parent}",
                "a folder for the store",
                "make it, or correct --store",
            )
        migrate(store._engine)
        store._inode = store._inode_now()
        return store

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def save_line(self, line_id: str, words: FeedMetadata) -> None:
        """Write down what `log` needs to know of a line: its time zone and the names of its stops."""
        row = {
            "line_id": line_id,
            "time_zone": words.time_zone,
            "stop_names": json.dumps(dict(words.stop_names)),
        }
        with self._writing() as connection:
            connection.execute(upsert(connection, LINES), row)

    def save_batch(self, line_id: str, batch: Batch) -> None:
        """Keep polls, what they changed and the follower's state after them; polls that are all there change nothing."""
        with self._writing() as connection:
            kept_polls.keep(connection, line_id, batch)

    def restart(self, line_id: str) -> RestartState:
        """Return what following the line's feed goes on from."""
        with self._reading() as connection:
            return kept_polls.restart(connection, line_id)

    def newest_poll_at(self, line_id: str) -> float | None:
        """Return when the newest kept poll was fetched (epoch seconds), None before the first."""
        with self._reading() as connection:
            newest = sa.select(sa.func.max(POLLS.c.fetched_at)).where(POLLS.c.line_id == line_id)
            return connection.scalar(newest)

    def content_times(self, line_id: str, since: float) -> list[float]:
        """Return when what the feed said was true (epoch seconds), by each poll fetched at or after `since`, in order."""
        mine = (POLLS.c.line_id == line_id) & (POLLS.c.fetched_at >= since) & POLLS.c.content_at.is_not(None)
        with self._reading() as connection:
            found = sa.select(POLLS.c.content_at).where(mine).order_by(POLLS.c.fetched_at)
            return list(connection.scalars(found))

    def poll_count(self, line_id: str) -> int:
        """Return how many polls of the line are kept."""
        with self._reading() as connection:
            return connection.scalar(sa.select(sa.func.count()).where(POLLS.c.line_id == line_id))

    def passings(self, line_id: str, service_date: date) -> list[Passing]:
        """Return the passings of a service date, in the journal's order; their runs name route and direction."""
        mine = (PASSINGS.c.line_id == line_id) & (PASSINGS.c.service_date == service_date)
        with self._reading() as connection:
            found = connection.execute(sa.select(PASSINGS).where(mine)).mappings()
            return sorted(map(passing_of_row, found), key=journal_order)

    def log(self, line_id: str, service_date: date) -> pl.DataFrame:
        """Return the passings of a service date as an arrival log, typed as feeds.arrivals.COLUMNS; empty without any.

        Raises HeadwayError for a line that the store does not know.
        """
        return typed_log(self.passings(line_id, service_date), self._words(line_id))

    def service_dates(self, line_id: str) -> list[date]:
        """Return the service dates with passings, in order."""
        dates = sa.select(PASSINGS.c.service_date).where(PASSINGS.c.line_id == line_id).distinct()
        with self._reading() as connection:
            return list(connection.scalars(dates.order_by(PASSINGS.c.service_date)))

    def save_forecast(self, issued: PublishedForecast) -> None:
        """Keep a forecast, in the place of one of the same line, method and origin."""
        with self._writing() as connection:
            issued_rows.save_forecast(connection, issued)

    def forecast(self, line_id: str, method: str, service_date: date, t0: int) -> PublishedForecast | None:
        """Return the forecast that a method issued at exactly that origin, None where there is none."""
        found = self.forecasts_between(line_id, method, service_date, t0, t0)
        return found[0] if found else None

    def forecasts_between(
        self, line_id: str, method: str, service_date: date, first_t0: int, last_t0: int
    ) -> list[PublishedForecast]:
        """Return the forecasts of a method from `first_t0` up to and with `last_t0`, in order."""
        with self._reading() as connection:
            return issued_rows.forecasts_between(connection, line_id, method, service_date, first_t0, last_t0)

    def origins(self, line_id: str, service_date: date) -> list[int]:
        """Return the minutes t0 of a date that a forecast was issued at, in order."""
        with self._reading() as connection:
            return issued_rows.origins(connection, line_id, service_date)

    def delete_before(self, service_date: date) -> None:
        """Delete what belongs to earlier service dates; a restart stays possible. The file keeps its size for what comes."""
        with self._writing() as connection:
            for table in (PASSINGS, PUBLISHED_FORECASTS):
                connection.execute(sa.delete(table).where(table.c.service_date < service_date))
            for line_id, zone in connection.execute(sa.select(LINES.c.line_id, LINES.c.time_zone)).all():
                begins = service_day_start(service_date, zone).timestamp()
                old = (POLLS.c.line_id == line_id) & (POLLS.c.fetched_at < begins)
                connection.execute(sa.delete(POLLS).where(old))

    def _words(self, line_id: str) -> FeedMetadata:
        with self._reading() as connection:
            row = connection.execute(sa.select(LINES).where(LINES.c.line_id == line_id)).first()
        if row is None:
            raise HeadwayError(
                f"the store has no line {line_id!r}", "a line that was ingested", "check its id"
            )
        return FeedMetadata(row.time_zone, json.loads(row.stop_names))

    def _reading(self):
        return transaction(self._engine, writes=False)

    def _writing(self):
        self._follow_file()
        return transaction(self._engine, writes=True)

    def _follow_file(self) -> None:
        """A file that was deleted takes writes all the same, and nobody ever sees them; one put back must be opened."""
        if self._file is None or (inode := self._inode_now()) == self._inode:
            return
        if inode is None:
            raise StoreUnavailable(
                f"the file {self._file} is gone",
                "the store where it was opened",
                "put it back, or start again",
            )
        self._engine.dispose()
        migrate(self._engine)
        self._inode = self._inode_now()

    def _inode_now(self) -> int | None:
        try:
            return None if self._file is None else self._file.stat().st_ino
        except OSError:
            return None
