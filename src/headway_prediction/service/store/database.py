"""Database connections: engines for SQLite and PostgreSQL, transactions, upserts, and the version of the schema."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from headway_prediction.errors import HeadwayError

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.pool import ConnectionPoolEntry

BUSY_SECS = 1.0
"""How long a write waits for a lock. Our own writes last milliseconds, so a longer wait is worth an issue."""
WAL_BYTES = 32 << 20
POOL_OVERFLOW, POOL_TIMEOUT_SECS = 35, 5
"""With the pool's own five, a connection for each of forty threads: the default number of a web server's."""
WRITES = "writes"
VERSION_TABLE, NEWEST_VERSION = "alembic_version", "1"
"""Where a database holds the version of its schema, and the version of the newest migration."""
SQLITE_SETTINGS = (
    "PRAGMA journal_mode = WAL",
    # A commit is on the disk before it returns: one fsync per poll is cheap, and a power cut loses nothing.
    "PRAGMA synchronous = FULL",
    f"PRAGMA journal_size_limit = {WAL_BYTES}",
)
POSTGRESQL_SETTINGS = "-c lock_timeout=1000 -c statement_timeout=20000"

Insert = sqlite.Insert | postgresql.Insert


class StoreUnavailable(HeadwayError):
    """The database cannot be read or written at the moment: it is locked, gone, full or damaged."""


def connect(text: str) -> sa.Engine:
    """Return an engine for `sqlite:///path` or `postgresql+psycopg://…`; nothing is opened yet.

    Raises HeadwayError for any other URL; its message never contains the URL, which may hold a password.
    """
    url = _checked(text)
    if url.get_backend_name() == "sqlite":
        engine = sa.create_engine(
            url,
            connect_args={"timeout": BUSY_SECS, "check_same_thread": False},
            max_overflow=POOL_OVERFLOW,
            pool_timeout=POOL_TIMEOUT_SECS,
        )
        sa.event.listen(engine, "connect", _set_up_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
        return engine
    try:
        return sa.create_engine(
            url,
            connect_args={"connect_timeout": 3, "options": POSTGRESQL_SETTINGS},
            pool_pre_ping=True,
            max_overflow=POOL_OVERFLOW,
            pool_timeout=POOL_TIMEOUT_SECS,
        )
    except ImportError as error:
        remedy = "run pip install 'headway-prediction[postgresql]'"
        raise HeadwayError("PostgreSQL's driver is not installed", "the package psycopg", remedy) from error


def _checked(text: str) -> sa.URL:
    expected = "sqlite:///path/to/file or postgresql+psycopg://user@host/database"
    try:
        url = sa.make_url(text)
    except (ArgumentError, ValueError):
        raise HeadwayError("the URL of the store cannot be read", expected, "correct --store") from None
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    known = url.drivername in ("sqlite", "postgresql+psycopg")
    if known and url.database and url.database != ":memory:" and not url.query.get("uri"):
        return url
    raise HeadwayError("the URL of the store names no supported database", expected, "correct --store")


def _set_up_sqlite(connection: "DBAPIConnection", _record: "ConnectionPoolEntry") -> None:
    # The driver would begin transactions by itself, and late; `_begin_sqlite` does it instead.
    connection.isolation_level = None
    for setting in SQLITE_SETTINGS:
        cursor = connection.cursor()
        cursor.execute(setting)
        cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    # A transaction that begins by reading cannot wait for its turn to write: it fails at once.
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def transaction(engine: sa.Engine, *, writes: bool) -> Iterator[sa.Connection]:
    """Yield a connection in a transaction that is committed at the end. Raises StoreUnavailable when that fails."""
    try:
        with engine.execution_options(**{WRITES: writes}).begin() as connection:
            yield connection
    except (SQLAlchemyError, OSError) as error:
        raise StoreUnavailable(
            f"the database cannot be {'written' if writes else 'read'} ({_reason(error)})",
            "a database that is there, not locked by others, with room left",
            "look at the database; the service retries until it works",
        ) from error


def _reason(error: Exception) -> str:
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    lines = str(cause).strip().splitlines()
    return lines[0] if lines else type(cause).__name__


def insert(connection: sa.Connection, table: sa.Table) -> Insert:
    """Return an INSERT of the connection's dialect, which has `on_conflict_do_nothing` and `on_conflict_do_update`."""
    return (sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert)(table)


def upsert(connection: sa.Connection, table: sa.Table) -> Insert:
    """Return an INSERT that replaces the row with the same primary key."""
    statement = insert(connection, table)
    rest = {column.name: statement.excluded[column.name] for column in table.c if not column.primary_key}
    return statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=rest)


def version_of(engine: sa.Engine) -> str | None:
    """Return the version of the schema of a database that can be written, None of an empty one.

    Raises StoreUnavailable when it cannot be used.
    """
    with transaction(engine, writes=True) as connection:
        if not sa.inspect(connection).has_table(VERSION_TABLE):
            return None
        version: str | None = connection.scalar(sa.text(f"SELECT version_num FROM {VERSION_TABLE}"))
        return version
