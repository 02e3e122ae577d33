"""The tables of the newest schema. `migrations` creates them; a test compares the two."""

import sqlalchemy as sa


class FeedText(sa.TypeDecorator[str]):
    r"""Text from a feed. PostgreSQL refuses NUL characters: they are stored as `\x00`, and a backslash as `\x5c`."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        """Escape a text, one to one."""
        return value and value.replace("\\", r"\x5c").replace("\0", r"\x00")

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> str | None:
        """Unescape a text."""
        return value and value.replace(r"\x00", "\0").replace(r"\x5c", "\\")


METADATA = sa.MetaData()

LINES = sa.Table(
    "lines",
    METADATA,
    sa.Column("line_id", sa.Text, primary_key=True),
    sa.Column("time_zone", sa.Text, nullable=False),
    # JSON: names by stop id.
    sa.Column("stop_names", FeedText, nullable=False),
)

# Every poll, so that saving one a second time changes nothing. `content_at`: the feed's content time as of the poll, which
# stands still while the feed gives no new data; NULL before any data.
POLLS = sa.Table(
    "polls",
    METADATA,
    sa.Column("line_id", sa.Text, primary_key=True),
    sa.Column("fetched_at", sa.Double, primary_key=True),
    sa.Column("digest", sa.LargeBinary, primary_key=True),
    sa.Column("content_at", sa.Double, nullable=True),
    sqlite_with_rowid=False,
)

# Compressed bodies that a restart needs, numbered as they came. They are deleted then: `headway record` archives bodies.
POLL_BODIES = sa.Table(
    "poll_bodies",
    METADATA,
    sa.Column("line_id", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("fetched_at", sa.Double, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

# `number` is that of the newest poll in the state.
CHECKPOINTS = sa.Table(
    "checkpoints",
    METADATA,
    sa.Column("line_id", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("state", sa.LargeBinary, nullable=False),
)

# `key` is a hash of the passing's identity: ids of a feed may be longer than an index takes.
PASSINGS = sa.Table(
    "passings",
    METADATA,
    sa.Column("line_id", sa.Text, primary_key=True),
    sa.Column("key", sa.LargeBinary, primary_key=True),
    sa.Column("service_date", sa.Date, nullable=False),
    sa.Column("start_date", FeedText, nullable=False),
    sa.Column("trip_id", FeedText, nullable=False),
    sa.Column("first_seen", sa.Double, nullable=False),
    sa.Column("route_id", FeedText, nullable=False),
    sa.Column("direction_id", sa.SmallInteger, nullable=False),
    sa.Column("train_id", FeedText, nullable=False),
    sa.Column("stop_id", FeedText, nullable=False),
    sa.Column("time", sa.Double, nullable=False),
    sa.Column("earliest", sa.Double, nullable=False),
    sa.Column("latest", sa.Double, nullable=False),
    sa.Column("evidence", sa.Text, nullable=False),
    sa.Column("poll_before", sa.Double, nullable=False),
    sa.Column("poll_after", sa.Double, nullable=False),
    sa.Column("vehicle_id", FeedText, nullable=False),
    sa.Column("track", FeedText, nullable=False),
    sa.Index("passings_of_date", "line_id", "service_date"),
    sqlite_with_rowid=False,
)

FORECASTS = sa.Table(
    "published_forecasts",
    METADATA,
    sa.Column("line_id", sa.Text, primary_key=True),
    sa.Column("method", sa.Text, primary_key=True),
    sa.Column("service_date", sa.Date, primary_key=True),
    sa.Column("t0", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("forecast", sa.LargeBinary, nullable=False),
)
