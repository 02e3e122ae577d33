"""The connection to a database: which ones there are, how they are set up, and their failures in words."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from headway_prediction.errors import HeadwayError

BUSY_SECS = 1.0
"""How long a write waits for another's: ours last milliseconds, and whoever waits longer is better told."""
WAL_BYTES = 32 << 20
POOL = {"max_overflow": 35, "pool_timeout": 5}
"""With the pool's own five a connection for each of forty threads, as many as a web server reads with by default."""
WRITES = "writes"
SQLITE_SETTINGS = (
    "PRAGMA journal_mode = WAL",
    # A commit is on the disk before it counts: one fsync per poll is cheap, and a power cut takes nothing back.
    "PRAGMA synchronous = FULL",
    f"PRAGMA journal_size_limit = {WAL_BYTES}",
)
POSTGRESQL_SETTINGS = "-c lock_timeout=1000 -c statement_timeout=20000"


class StoreUnavailable(HeadwayError):
    """The database cannot be read or written just now: it is locked, gone, full or broken."""


def connect(text: str) -> sa.Engine:
    """Return an engine for `sqlite:///path` or `postgresql+psycopg://…`; nothing is opened yet.

    Raises HeadwayError for any other URL; its message never holds the URL, which may contain a password.
    """
    url = _checked(text)
    if url.get_backend_name() == "sqlite":
        settings = {"timeout": BUSY_SECS, "check_same_thread": False}
        engine = sa.create_engine(url, connect_args=settings, **POOL)
        sa.event.listen(engine, "connect", _set_up_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
        return engine
    settings = {"connect_timeout": 3, "options": POSTGRESQL_SETTINGS}
    try:
        return sa.create_engine(url, connect_args=settings, pool_pre_ping=True, **POOL)
    except ImportError as error:
        raise HeadwayError(
            "PostgreSQL's driver is not installed",
            "the package psycopg",
            "run pip install 'headway-prediction[postgresql]'",
        ) from error


def _checked(text: str) -> sa.URL:
    try:
        url = sa.make_url(text)
    except (ArgumentError, ValueError):
        url = None
    if url is not None and url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    known = url is not None and url.drivername in ("sqlite", "postgresql+psycopg")
    if known and url.database and url.database != ":memory:" and not url.query.get("uri"):
        return url
    raise HeadwayError(
        f"the store's URL {'names no database' if url else 'cannot be read'} that we can use",
        "sqlite:///path/to/file or postgresql+psycopg://user@host/database",
        "correct --store",
    )


def _set_up_sqlite(connection: object, _record: object) -> None:
    # The driver begins transactions by itself, and late; `_begin_sqlite` does it when it is asked to.
    connection.isolation_level = None
    for setting in SQLITE_SETTINGS:
        connection.execute(setting).close()


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
            "look at the database; it is tried again until it answers",
        ) from error


def _reason(error: Exception) -> str:
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    lines = str(cause).strip().splitlines()
    return lines[0] if lines else type(cause).__name__
