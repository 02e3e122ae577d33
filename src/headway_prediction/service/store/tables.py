"""The tables as they are now. `migrations` makes them; a test holds the two together."""

import sqlalchemy as sa


class FeedText(sa.TypeDecorator):
    r"""Text from a feed, which may hold a NUL, as PostgreSQL's may not: it is spelled `\x00`, and a backslash `\x5c`."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        """Spell a text so that any database takes it; no two texts become the same."""
        return value and value.replace("\\", r"\x5c").replace("\0", r"\x00")

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> str | None:
        """Read back what `process_bind_param` wrote."""
        return value and value.replace(r"\x00", "\0").replace(r"\x5c", "\\")


METADATA = sa.MetaData()

LINES = sa.Table(
    "lines",
    METADATA,
    sa.Column("line_id", sa.Text, primary_key=True),
    sa.Column("time_zone", sa.Text, nullable=False),
    # JSON: stop id to name.
    sa.Column("stop_names", FeedText, nullable=False),
)

# Every poll that was taken in: what makes keeping one a second time change nothing. `content_at` is when what the feed had
# said by then was true: it stands still while the feed does. NULL: it had said nothing yet.
POLLS = sa.Table(
    "polls",
    METADATA,
    sa.Column("line_id", sa.Text, primary_key=True),
    sa.Column("fetched_at", sa.Double, primary_key=True),
    sa.Column("digest", sa.LargeBinary, primary_key=True),
    sa.Column("content_at", sa.Double, nullable=True),
    sqlite_with_rowid=False,
)

# What a restart needs, compressed, numbered as they came: the recorder's archive is the place to keep bodies for good.
POLL_BODIES = sa.Table(
    "poll_bodies",
    METADATA,
    sa.Column("line_id", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("fetched_at", sa.Double, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

# `number` is that of the newest poll the state knows.
CHECKPOINTS = sa.Table(
    "checkpoints",
    METADATA,
    sa.Column("line_id", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("state", sa.LargeBinary, nullable=False),
)

# `key` is a hash of what identifies a passing: ids of a feed may be longer than an index takes.
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

PUBLISHED_FORECASTS = sa.Table(
    "issued",
    METADATA,
    sa.Column("line_id", sa.Text, primary_key=True),
    sa.Column("method", sa.Text, primary_key=True),
    sa.Column("service_date", sa.Date, primary_key=True),
    sa.Column("t0", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("forecast", sa.LargeBinary, nullable=False),
)
