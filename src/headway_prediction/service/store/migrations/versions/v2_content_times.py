"""Version 2: of every poll, when what the feed had said by then was true."""

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of the polls that are there already only the time of fetching is known."""
    op.add_column("polls", sa.Column("content_at", sa.Double, nullable=True))
    op.execute("UPDATE polls SET content_at = fetched_at")
