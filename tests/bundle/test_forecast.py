"""Forecast now: which minute is the origin, and what a log may and may not hold."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from headway_prediction.bundle.bundle import Bundle
from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.logs.arrivals import read_arrivals
from headway_prediction.transit.clock import instant

NINE = datetime(2025, 9, 12, 9, 0)


@pytest.fixture(scope="module")
def bundle(small_line):
    return Bundle.load(small_line / "bundle")


@pytest.fixture(scope="module")
def log(small_line):
    return read_arrivals(small_line / "arrivals.parquet")


def moment(bundle, minute):
    return instant(NINE.date(), minute, bundle.line.time_zone).astimezone(UTC)


def test_passings_from_the_moment_on_change_nothing(bundle, log):
    known = log.filter(pl.col("event_time") < moment(bundle, 540))
    for method in bundle.methods:
        assert bundle.predict(known, NINE, method).equals(bundle.predict(log, NINE, method))


def test_without_a_moment_the_minute_of_the_last_passing_is_over(bundle, log):
    cut = log.filter(pl.col("event_time") < moment(bundle, 540) - timedelta(seconds=1))
    last = cut["event_time"].max()
    origin = datetime.fromisoformat(bundle.predict(cut, method="persistence")["t0"][0])
    assert origin <= last < origin + timedelta(minutes=1)


def test_a_moment_inside_a_minute_waits_for_the_minute_to_end(bundle, log):
    rows = [bundle.predict(log, NINE + timedelta(seconds=s), "persistence") for s in (0, 59)]
    assert rows[0].equals(rows[1])
    assert rows[0]["t0"][0][11:16] == "08:59" and rows[0]["valid_time"].min()[11:16] == "09:00"


def test_a_moment_without_offset_is_the_lines_own_time(bundle, log):
    aware = moment(bundle, 540)
    assert bundle.predict(log, aware, "persistence").equals(bundle.predict(log, NINE, "persistence"))


def test_after_midnight_the_service_date_is_still_yesterdays(bundle, log):
    rows = bundle.predict(log, datetime(2025, 9, 13, 0, 20), "persistence")
    assert rows["service_date"].unique().to_list() == ["2025-09-12"]
    assert rows["t0"][0].startswith("2025-09-13T00:19")


def test_the_columns_are_those_of_the_exported_forecasts_and_the_name(bundle, log):
    rows = bundle.predict(log, NINE, "persistence")
    assert rows.columns[-1] == "stop_name" and "headway_p50" in rows.columns
    assert rows.select("direction_id", "stop_id", "lead_min").n_unique() == rows.height == 5 * 2 * 15


@pytest.mark.parametrize("hour", [4, 23])
def test_a_moment_long_after_the_last_passing_is_refused(bundle, log, hour):
    early = log.filter(pl.col("event_time") < moment(bundle, 600))
    with pytest.raises(HeadwayError, match=r"no passing.*2025-09-12"):
        bundle.predict(early, datetime(2025, 9, 12, hour, 0))


def test_a_log_of_other_stops_is_refused(bundle, log):
    strange = log.with_columns(pl.lit("elsewhere").alias("stop_id"))
    with pytest.raises(HeadwayError, match="'elsewhere'"):
        bundle.predict(strange, NINE)
