"""Inserting where a row may be there already, in the words of either database."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite


def insert(connection: sa.Connection, table: sa.Table) -> Any:
    """Return an INSERT that can say what to do about a row that is there already (`on_conflict_…`)."""
    return (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(table)


def upsert(connection: sa.Connection, table: sa.Table) -> Any:
    """Return an INSERT that replaces the row with the same primary key."""
    statement = insert(connection, table)
    rest = {column.name: statement.excluded[column.name] for column in table.c if not column.primary_key}
    return statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=rest)
