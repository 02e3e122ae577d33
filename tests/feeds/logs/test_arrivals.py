from datetime import UTC, date, datetime

import polars as pl
import pytest

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.logs.arrivals import ARRIVAL_COLUMNS, check_arrivals, read_arrivals
from helpers.lines import raw_log, regular_rows, train


@pytest.fixture
def raw():
    return raw_log(regular_rows(stations=3))


def test_a_log_is_read_the_same_from_parquet_csv_and_compressed_csv(raw, tmp_path):
    raw.write_parquet(tmp_path / "log.parquet")
    raw.write_csv(tmp_path / "log.csv")
    raw.write_csv(tmp_path / "log.csv.gz", compression="gzip")
    logs = [read_arrivals(tmp_path / f"log.{kind}") for kind in ("parquet", "csv", "csv.gz")]
    assert logs[0].schema == pl.Schema(ARRIVAL_COLUMNS)
    assert logs[0].equals(logs[1])
    assert logs[0].equals(logs[2])


@pytest.mark.parametrize(
    "text",
    [
        "2025-09-29T05:00:30Z",
        "2025-09-29T06:00:30+01:00",
        "2025-09-29T01:00:30.000-0400",
        "2025-09-29 06:00:30+01:00",
    ],
)
def test_times_with_any_offset_are_one_instant(raw, text):
    log = check_arrivals(raw.head(1).with_columns(event_time=pl.lit(text)))
    assert log["event_time"][0] == datetime(2025, 9, 29, 5, 0, 30, tzinfo=UTC)


def test_aware_datetimes_and_dates_of_parquet_are_taken_as_they_are(raw):
    typed = raw.with_columns(
        pl.col("event_time").str.to_datetime(time_zone="UTC").dt.convert_time_zone("Europe/Dublin"),
        pl.col("service_date").str.to_date(),
    )
    assert check_arrivals(typed).equals(check_arrivals(raw))


def test_further_columns_are_dropped_and_trip_ids_may_be_missing(raw):
    log = check_arrivals(raw.with_columns(pl.lit(None).alias("trip_id"), note=pl.lit("x")))
    assert log.columns == list(ARRIVAL_COLUMNS)
    assert set(log["trip_id"]) == {""}


def test_numeric_stop_ids_become_texts(raw):
    log = check_arrivals(raw.with_columns(stop_id=pl.lit(142), trip_id=pl.int_range(pl.len())))
    assert (log["stop_id"][0], log["trip_id"][3]) == ("142", "3")


@pytest.mark.parametrize("column", ARRIVAL_COLUMNS)
def test_a_missing_column_is_named(raw, column):
    with pytest.raises(
        HeadwayError, match=rf"no column '{column}' \(it has .*expected the columns line_id, .*rename"
    ):
        check_arrivals(raw.drop(column))


@pytest.mark.parametrize("column", [name for name in ARRIVAL_COLUMNS if name != "trip_id"])
def test_an_empty_field_is_named_with_its_row(raw, column):
    holed = raw.with_columns(
        pl.when(pl.int_range(pl.len()) == 2).then(None).otherwise(pl.col(column)).alias(column)
    )
    with pytest.raises(HeadwayError, match=rf"row 2 of the log has .*{column}.*None"):
        check_arrivals(holed)


def test_an_empty_log_is_refused(raw, tmp_path):
    with pytest.raises(HeadwayError, match="the log is empty; expected at least one passing"):
        check_arrivals(raw.clear())
    (tmp_path / "headed.csv").write_text(",".join(ARRIVAL_COLUMNS) + "\n")
    with pytest.raises(HeadwayError, match="the log is empty"):
        read_arrivals(tmp_path / "headed.csv")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("2025-09-29T05:00:00", "no zone"),
        ("2025-09-29 05:00:00", "no zone"),
        ("half past five", "no readable time"),
        ("2025-13-29T05:00:00Z", "no readable time"),
        ("2025-09-29T25:00:00+01:00", "no readable time"),
        ("", "no readable time"),
    ],
)
def test_a_time_without_zone_or_sense_is_refused(raw, text, problem):
    with pytest.raises(
        HeadwayError, match=rf"row 0 of the log has {problem} in event_time.*expected ISO 8601 with an offset"
    ):
        check_arrivals(raw.with_columns(event_time=pl.lit(text)))


def test_naive_datetimes_are_refused(raw):
    naive = raw.with_columns(event_time=pl.lit(datetime(2025, 9, 29, 5)))
    with pytest.raises(HeadwayError, match="has no zone in event_time"):
        check_arrivals(naive)


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("service_date", "29/09/2025", "a date such as 2025-09-26"),
        ("service_date", 20250929, "a date such as 2025-09-26"),
        ("direction_id", "north", "a whole number"),
        ("direction_id", 2, "0 or 1"),
        ("direction_id", 0.5, "a whole number"),
        ("stop_sequence", "first", "a whole number"),
    ],
)
def test_a_field_that_cannot_be_read_is_refused(raw, column, value, expected):
    with pytest.raises(HeadwayError, match=f"{column}.*expected {expected}"):
        check_arrivals(raw.with_columns(pl.lit(value).alias(column)))


def test_rows_that_stand_twice_are_refused(raw):
    with pytest.raises(HeadwayError, match="2 rows of the log occur twice; expected each passing once"):
        check_arrivals(pl.concat([raw, raw.head(2)]))


def test_trains_out_of_order_are_refused_with_an_example():
    rows = train("t1", "ABCD", 360) + train("t2", "ABCD", 370)
    swapped = [*rows[:5], (*rows[5][:5], rows[6][5]), (*rows[6][:5], rows[5][5]), rows[7]]
    with pytest.raises(HeadwayError, match=r"1 of 2 trains are out of order \(trip t2 on 2025-09-29"):
        check_arrivals(raw_log(swapped))


def test_one_astray_train_among_many_is_no_mistake():
    rows = [row for k in range(150) for row in train(f"t{k}", "ABC", 360 + 5 * k)]
    log = check_arrivals(
        raw_log([*rows, *train("astray", "CBA", 1200)]).with_columns(
            stop_sequence=pl.col("stop_id").replace_strict({"A": 0, "B": 1, "C": 2})
        )
    )
    assert log.height == 453


def test_trains_of_a_log_without_ids_have_no_order_to_break():
    rows = [(day, "", *rest) for day, _, *rest in train("t1", "ABCD", 360)[::-1]]
    assert check_arrivals(raw_log(rows)).height == 4


@pytest.mark.parametrize("name", ["absent.parquet", "absent.csv", "text.parquet", "."])
def test_a_file_that_is_no_log_is_refused_with_its_name(tmp_path, name):
    (tmp_path / "text.parquet").write_text("line_id,stop_id\n")
    with pytest.raises(HeadwayError, match=r"the arrival log .* could not be read"):
        read_arrivals(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "rows", "days"),
    [("dublin-dart", 61712, 15), ("nyc-1", 288539, 91), ("sydney-m1", 69242, 8), ("sydney-t4", 38039, 9)],
)
def test_real_logs_pass(real_line, name, rows, days):
    log = read_arrivals(real_line(name) / "arrivals.parquet")
    assert (log.height, log["service_date"].n_unique()) == (rows, days)
    assert isinstance(log["service_date"][0], date)
