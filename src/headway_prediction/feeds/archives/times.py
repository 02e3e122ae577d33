"""Times written as texts to instants: with their offset, or local to the archive's time zone."""

from pathlib import Path

import polars as pl

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.archives.columns import refuse_unread
from headway_prediction.feeds.archives.observations import INSTANT
from headway_prediction.transit.clock import local_instants

OFFSET = r"(?:Z|[+-]\d{2}:?\d{2})$"


def text_instants(
    rows: pl.DataFrame, name: str, form: str | None, zone: str | None, source: Path | str
) -> pl.Series:
    """Return a column of times as instants (UTC): ISO 8601, or in `form` (of strftime); without an offset they are local.

    A local time that does not exist, or comes twice as the clocks go back, is null. Raises HeadwayError for a time that
    cannot be read, and for local times where `zone` is None.
    """
    values = rows[name]
    aware, local = _split(values, form)
    unread = values.is_not_null() & aware.is_null() & local.is_null()
    refuse_unread(values, unread, name, form or "an ISO 8601 time such as 2024-01-15T05:36:32-05:00", source)
    if zone is None:
        _refuse_local(values, local, name, source)
        return aware.rename(name)
    placed = local_instants(local, zone).cast(INSTANT)
    return pl.select(pl.coalesce(aware, placed).alias(name)).to_series()


def _refuse_local(values: pl.Series, local: pl.Series, name: str, source: Path | str) -> None:
    if local.is_not_null().any():
        raise HeadwayError(
            f"{source} has times without an offset in {name} ({values[local.is_not_null().arg_max()]})",
            "the time zone they are in",
            "pass for instance --time-zone America/New_York",
        )


def _split(values: pl.Series, form: str | None) -> tuple[pl.Series, pl.Series]:
    """The times that have an offset and those that have none: null where a time is of the other kind or unreadable."""
    if isinstance(values.dtype, pl.Datetime):
        read = values.dt.cast_time_unit("us")
        return (read.cast(INSTANT), _none(values)) if values.dtype.time_zone else (_none_aware(values), read)
    texts = values.cast(pl.String)
    if form is None:
        return _split_iso(texts)
    if "%z" in form or "%:z" in form:
        return texts.str.to_datetime(form, time_unit="us", time_zone="UTC", strict=False), _none(values)
    return _none_aware(values), texts.str.to_datetime(form, time_unit="us", strict=False)


def _split_iso(texts: pl.Series) -> tuple[pl.Series, pl.Series]:
    has_offset = texts.str.contains(OFFSET).fill_null(False)
    empty = texts.clear(len(texts))
    aware, local = texts.zip_with(has_offset, empty), empty.zip_with(has_offset, texts)
    read = local.str.replace("T", " ").str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False)
    return aware.str.to_datetime("%+", time_unit="us", time_zone="UTC", strict=False), read


def _none(values: pl.Series) -> pl.Series:
    return pl.Series([None], dtype=pl.Datetime("us")).clear(len(values))


def _none_aware(values: pl.Series) -> pl.Series:
    return pl.Series([None], dtype=INSTANT).clear(len(values))
