"""Bring a database to the newest version of the schema, from an empty one or any version before."""

from pathlib import Path

import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from headway_prediction.errors import HeadwayError
from headway_prediction.service.store.database import transaction

LOCK = 0x68656164
"""Any number: two services that open one PostgreSQL database migrate one after the other."""


def migrate(engine: sa.Engine, version: str = "head") -> None:
    """Run what the database lacks up to `version`, all of it or nothing.

    Raises HeadwayError for a database of a newer version than this program knows, StoreUnavailable when it cannot be used.
    """
    scripts = ScriptDirectory(str(Path(__file__).with_name("migrations")))

    def steps(revision: object, _context: object) -> list:
        # What `alembic upgrade` runs; the command itself wants an env.py, a module that works when it is imported.
        return scripts._upgrade_revs(version, revision)

    with (
        transaction(engine, writes=True) as connection,
        EnvironmentContext(Config(), scripts, fn=steps, destination_rev=version) as environment,
    ):
        if connection.dialect.name == "postgresql":
            # A step may rewrite every row: that takes as long as it takes.
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
        environment.configure(connection=connection)
        try:
            environment.run_migrations()
        except CommandError as error:
            raise HeadwayError(
                "the database was written by a newer version of this program",
                f"version {scripts.get_current_head()} of the schema or an older one",
                "update the program, or give another database with --store",
            ) from error
