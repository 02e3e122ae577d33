"""What the checks found, counted: by platform and date, by date, by station."""

import polars as pl

from headway_prediction.quality.check import Quality
from headway_prediction.quality.headways import LONG, SHORT
from headway_prediction.quality.platform_rows import DAY_PLATFORM

COUNTS = ("gaps", "gap_mins", "duplicates", "misdated", "short", "long", "backward", "overtaking")
"""short and long: headways under a minute and over an hour; backward and overtaking: passings of such trains."""
SUMS = ("passings", "planned", "planned_observed", "unplanned", "expected", "expected_observed", *COUNTS)


def by_platform(quality: Quality) -> pl.DataFrame:
    """Return one row per date and platform: the columns of completeness, `expected`, `expected_observed` and COUNTS.

    `expected` are the planned passings or, without a plan, the usual ones, and `expected_observed` how many of these came; both are null
    where nothing tells.
    """
    table = quality.completeness.with_columns(
        expected=pl.coalesce(pl.when(pl.col("planned") > 0).then("planned"), "typical").cast(pl.Float64),
        expected_observed=pl.coalesce("planned_observed", pl.min_horizontal("passings", "typical")).cast(
            pl.Float64
        ),
    ).with_columns(expected_observed=pl.when(pl.col("expected").is_not_null()).then("expected_observed"))
    for counted in _counted(quality):
        table = table.join(counted, on=DAY_PLATFORM, how="left")
    return table.with_columns(pl.col(COUNTS).fill_null(0).cast(pl.Int64))


def by_date(quality: Quality, platforms: pl.DataFrame) -> pl.DataFrame:
    """Return one row per date: SUMS, share, late_mins, outages, outage_mins, seconds, round_share (see time_resolution)."""
    silent = quality.outages.group_by("service_date").agg(
        outages=pl.len().cast(pl.Int64), outage_mins=(pl.col("end_minute") - pl.col("first_minute")).sum()
    )
    days = _summed(platforms, "service_date").join(silent, on="service_date", how="left")
    days = days.join(quality.resolution, on="service_date", how="left")
    return days.with_columns(pl.col("outages", "outage_mins").fill_null(0)).sort("service_date")


def by_station(platforms: pl.DataFrame) -> pl.DataFrame:
    """Return one row per station, both directions and all dates that have passings together: SUMS, share and late_mins."""
    ran = pl.col("passings").sum().over("service_date") > 0
    return _summed(platforms.filter(ran), "station").sort("station")


def _summed(platforms: pl.DataFrame, key: str) -> pl.DataFrame:
    def total(name: str) -> pl.Expr:
        # The sum of nothing known is not known.
        return pl.when(pl.col(name).count() > 0).then(pl.col(name).sum()).alias(name)

    summed = platforms.group_by(key).agg(*map(total, SUMS), late_mins=pl.col("late_mins").median())
    return summed.with_columns(
        share=pl.when(pl.col("expected") > 0).then(pl.col("expected_observed") / pl.col("expected"))
    )


def _counted(quality: Quality) -> list[pl.DataFrame]:
    headways = {
        name: quality.headways.filter(pl.col("kind") == kind)
        for name, kind in (("short", SHORT), ("long", LONG))
    }
    found = headways | {
        name: getattr(quality, name) for name in ("duplicates", "misdated", "backward", "overtaking")
    }
    counts = [own.group_by(DAY_PLATFORM).agg(pl.len().alias(name)) for name, own in found.items()]
    lengths = (pl.col("end_minute") - pl.col("first_minute")).sum()
    return [*counts, quality.gaps.group_by(DAY_PLATFORM).agg(gaps=pl.len(), gap_mins=lengths)]
