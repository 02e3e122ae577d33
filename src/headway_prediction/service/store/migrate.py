"""Migration of a database to a version of the schema, with Alembic."""

from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from headway_prediction.errors import HeadwayError
from headway_prediction.service.store.database import transaction

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext, RevisionStep

MIGRATIONS = Path(__file__).with_name("migrations")
MIGRATION_LOCK = 0x68656164
"""An arbitrary key: two services that open one PostgreSQL database migrate it one after the other."""


def migrate(engine: sa.Engine, version: str = "head") -> None:
    """Bring a database, empty or of an earlier version, to `version` of the schema, all of it or nothing.

    Raises HeadwayError for a database of a newer version than this program knows, StoreUnavailable when it cannot be used.
    """
    scripts = ScriptDirectory(str(MIGRATIONS))

    def steps(revision: str, _context: "MigrationContext") -> "list[RevisionStep]":
        # What `alembic upgrade` runs; that command needs an env.py, a module with work at import.
        return scripts._upgrade_revs(version, revision)

    with (
        transaction(engine, writes=True) as connection,
        EnvironmentContext(Config(), scripts, fn=steps, destination_rev=version) as environment,
    ):
        if connection.dialect.name == "postgresql":
            # A step may rewrite every row, which takes as long as it takes.
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATION_LOCK)))
        environment.configure(connection=connection)
        try:
            environment.run_migrations()
        except CommandError as error:
            raise HeadwayError(
                "the database was written by a newer version of this program",
                f"version {scripts.get_current_head()} of the schema or an older one",
                "update the program, or choose another database with --store",
            ) from error
