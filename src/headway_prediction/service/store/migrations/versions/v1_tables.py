"""Version 1: lines, polls, passings, the tracker's checkpoint and published forecasts."""

import sqlalchemy as sa
from alembic import op

revision = "1"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "lines",
        sa.Column("line_id", sa.Text, primary_key=True),
        sa.Column("time_zone", sa.Text, nullable=False),
        sa.Column("stop_names", sa.Text, nullable=False),
    )
    op.create_table(
        "polls",
        sa.Column("line_id", sa.Text, primary_key=True),
        sa.Column("fetched_at", sa.Double, primary_key=True),
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column("content_at", sa.Double, nullable=True),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "poll_bodies",
        sa.Column("line_id", sa.Text, primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("fetched_at", sa.Double, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "checkpoints",
        sa.Column("line_id", sa.Text, primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("state", sa.LargeBinary, nullable=False),
    )
    _passings()
    op.create_table(
        "published_forecasts",
        sa.Column("line_id", sa.Text, primary_key=True),
        sa.Column("method", sa.Text, primary_key=True),
        sa.Column("service_date", sa.Date, primary_key=True),
        sa.Column("t0", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("forecast", sa.LargeBinary, nullable=False),
    )


def _passings() -> None:
    op.create_table(
        "passings",
        sa.Column("line_id", sa.Text, primary_key=True),
        sa.Column("key", sa.LargeBinary, primary_key=True),
        sa.Column("service_date", sa.Date, nullable=False),
        sa.Column("start_date", sa.Text, nullable=False),
        sa.Column("trip_id", sa.Text, nullable=False),
        sa.Column("first_seen", sa.Double, nullable=False),
        sa.Column("route_id", sa.Text, nullable=False),
        sa.Column("direction_id", sa.SmallInteger, nullable=False),
        sa.Column("train_id", sa.Text, nullable=False),
        sa.Column("stop_id", sa.Text, nullable=False),
        sa.Column("time", sa.Double, nullable=False),
        sa.Column("earliest", sa.Double, nullable=False),
        sa.Column("latest", sa.Double, nullable=False),
        sa.Column("evidence", sa.Text, nullable=False),
        sa.Column("poll_before", sa.Double, nullable=False),
        sa.Column("poll_after", sa.Double, nullable=False),
        sa.Column("vehicle_id", sa.Text, nullable=False),
        sa.Column("track", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("passings_of_date", "passings", ["line_id", "service_date"])
