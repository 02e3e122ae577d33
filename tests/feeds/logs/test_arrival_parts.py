"""A long log read in parts: whatever its files, its order and the size of the parts, it is the log read whole."""

import random
from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.logs.arrival_parts import read_arrival_parts
from headway_prediction.feeds.logs.arrivals import BATCH_ROWS, check_arrivals
from headway_prediction.files import sha256
from headway_prediction.grid.build import read_line_files
from headway_prediction.grid.history import history_from_log, history_from_parts
from headway_prediction.grid.store import read_history
from headway_prediction.transit.clock import service_day_start
from headway_prediction.transit.line import Line
from helpers.lines import MONDAY, ZONE, headway, log_of, raw_log, regular_rows, train

DAYS = [MONDAY + timedelta(days=k) for k in range(4)]
ROWS = regular_rows(stations=4, days=DAYS, noise=2.0, first=300, last=600) + train("short", "AB", 700)
OPTIONS = {"time_zone": ZONE}


def one_row(minute, day=MONDAY, trip="x", stop="A"):
    return (day, trip, 0, stop, 0, minute)


def history_in_parts(path, part_rows, stops=None):
    log = read_arrival_parts(path, part_rows=part_rows)
    line = Line.from_survey(log.survey, ZONE, stops)
    return history_from_parts(log.drain(), line)


def assert_same(found, expected):
    assert found.line == expected.line
    assert found.line.excluded == expected.line.excluded
    assert found.passings.equals(expected.passings)
    assert found.grid.identical(expected.grid)


@settings(max_examples=20)
@given(part_rows=st.integers(1, 1500), seed=st.none() | st.integers(0, 100), trip_ids=st.booleans())
def test_parts_of_any_size_and_rows_in_any_order_are_the_whole_log(
    tmp_path_factory, part_rows, seed, trip_ids
):
    rows = [(day, trip if trip_ids else "", *rest) for day, trip, *rest in ROWS]
    if seed is not None:
        random.Random(seed).shuffle(rows)
    raw = raw_log(rows)
    path = tmp_path_factory.mktemp("log") / "log.parquet"
    raw.write_parquet(path, row_group_size=50)
    for stops in (None, ["A", "B", "D"]):
        log = check_arrivals(raw)
        whole = history_from_log(log, Line.from_arrivals(log, ZONE, stops))
        assert_same(history_in_parts(path, part_rows, stops), whole)


def test_a_part_holds_whole_service_dates_in_their_order(tmp_path):
    raw_log(ROWS[::-1]).write_csv(tmp_path / "log.csv")
    log = read_arrival_parts(tmp_path / "log.csv", part_rows=300)
    dates = [day for part in log.parts for day in part["service_date"].unique().sort()]
    assert dates == DAYS and len(log.parts) == 2
    assert log.service_dates().to_list() == DAYS
    assert sum(part.height for part in log.drain()) == len(ROWS) and not log.parts


def test_a_folder_of_days_is_one_log_and_is_named_in_the_provenance(tmp_path):
    days = tmp_path / "days"
    days.mkdir()
    raw = raw_log(ROWS)
    for number, day in enumerate(DAYS):
        own = raw.filter(service_date=day.isoformat())
        if number % 2:
            own.write_csv(days / f"{day}.csv.gz", compression="gzip")
        else:
            own.write_parquet(days / f"{day}.parquet")
    (days / "README.txt").write_text("no log")
    raw.clear().write_parquet(days / "2025-10-03.parquet")
    raw.write_parquet(tmp_path / "log.parquet")
    found, whole = (read_line_files(path, **OPTIONS) for path in (days, tmp_path / "log.parquet"))
    assert_same(
        found.__class__(found.line, found.passings, None, found.grid.assign_attrs(sources=[])),
        whole.__class__(whole.line, whole.passings, None, whole.grid.assign_attrs(sources=[])),
    )
    assert whole.grid.attrs["sources"] == [f"log.parquet sha256:{sha256(tmp_path / 'log.parquet')}"]
    (source,) = found.grid.attrs["sources"]
    assert source.startswith("days sha256:")
    out = tmp_path / "grid.zarr"
    assert headway("grid", "--arrivals", days, "--time-zone", ZONE, "--out", out) == 0
    assert read_history(out).grid.attrs["sources"] == [source]
    (days / f"{DAYS[0]}.parquet").unlink()
    assert read_line_files(days, **OPTIONS).grid.attrs["sources"] != [source]


def test_a_bad_row_far_into_a_file_is_named_by_its_number(tmp_path):
    raw = raw_log(regular_rows(stations=4))
    copies = BATCH_ROWS // raw.height + 2
    long = pl.concat([raw] * copies, rechunk=True)
    row = BATCH_ROWS + raw.height + 7
    text = pl.when(pl.int_range(pl.len()) == row).then(pl.lit("noon")).otherwise("event_time")
    for path in (tmp_path / "log.csv", tmp_path / "log.parquet"):
        bad = long.with_columns(event_time=text)
        bad.write_csv(path) if path.suffix == ".csv" else bad.write_parquet(path)
        with pytest.raises(HeadwayError, match=rf"row {row} of the log has no readable time .*'noon'"):
            read_arrival_parts(path)


def test_a_mistake_in_a_folder_is_named_with_its_file(tmp_path):
    raw = raw_log(ROWS)
    raw.write_parquet(tmp_path / "a.parquet")
    empty_stop = pl.when(pl.int_range(pl.len()) == 3).then(None).otherwise("stop_id")
    raw.with_columns(stop_id=empty_stop).write_parquet(tmp_path / "b.parquet")
    with pytest.raises(HeadwayError, match=r"row 3 of the log b\.parquet has stop_id None"):
        read_arrival_parts(tmp_path)
    raw.drop("stop_id").write_parquet(tmp_path / "b.parquet")
    with pytest.raises(HeadwayError, match=r"the log b\.parquet has no column 'stop_id'"):
        read_arrival_parts(tmp_path)
    (tmp_path / "b.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(HeadwayError, match=r"the arrival log .*b\.parquet could not be read"):
        read_arrival_parts(tmp_path)


def test_a_folder_without_logs_and_a_log_without_rows_are_refused(tmp_path):
    with pytest.raises(
        HeadwayError, match=r"could not be read \(the folder has no file that ends in \.parquet"
    ):
        read_arrival_parts(tmp_path)
    for name in ("a.parquet", "b.parquet"):
        raw_log([]).write_parquet(tmp_path / name)
        with pytest.raises(HeadwayError, match="the log is empty; expected at least one passing"):
            read_arrival_parts(tmp_path)


def test_what_the_checks_count_is_counted_over_all_parts(tmp_path):
    path = tmp_path / "log.parquet"
    raw = raw_log(ROWS)
    pl.concat([raw, raw.gather_every(100)]).write_parquet(path)
    with pytest.raises(HeadwayError, match=f"{raw.gather_every(100).height} rows of the log occur twice"):
        read_arrival_parts(path, part_rows=1)
    kept = read_arrival_parts(path, refuse=False, part_rows=1)
    assert sum(part.height for part in kept.parts) > raw.height
    backward = [(*row[:4], 3 - row[4], row[5]) for row in ROWS if row[2] == 0 and row[0] > MONDAY]
    raw_log([row for row in ROWS if row not in set(backward)][:200] + backward).write_parquet(path)
    with pytest.raises(HeadwayError, match=r"\d+ of \d+ trains are out of order \(trip 0-300 on 2025-09-30"):
        read_arrival_parts(path, part_rows=1)


def test_misdated_rows_are_counted_over_all_parts(tmp_path):
    path = tmp_path / "log.parquet"
    early = [one_row(-30 - k, DAYS[2], trip="early") for k in range(2)]
    raw_log(ROWS + early).write_parquet(path)
    assert history_in_parts(path, 1).grid.attrs["outside_service_day_dropped"] == 2
    # The third day alone has nothing but misdated rows: as a part of its own it is no mistake.
    few = [row for row in ROWS if row[0] != DAYS[2]]
    raw_log(few + early).write_parquet(path)
    assert history_in_parts(path, 1).service_dates == [day for day in DAYS if day != DAYS[2]]
    raw_log(few + [one_row(-30 - k, DAYS[2], trip="early") for k in range(20)]).write_parquet(path)
    with pytest.raises(
        HeadwayError, match=r"20 of \d+ passings do not fall on their service date .* 2025-10-01"
    ):
        history_in_parts(path, 1)


def test_a_date_on_which_only_stops_off_the_line_were_passed_is_no_date_of_the_history(tmp_path):
    elsewhere = train("e", "XY", 400, day=DAYS[1]) + train("f", "YX", 400, day=DAYS[1], direction=1)
    raw_log([row for row in ROWS if row[0] != DAYS[1]] + elsewhere).write_parquet(tmp_path / "log.parquet")
    history = history_in_parts(tmp_path / "log.parquet", 1, list("ABCD"))
    assert history.service_dates == [day for day in DAYS if day != DAYS[1]]
    assert history.line.excluded == {"X", "Y"}


def test_a_stop_is_called_what_the_log_calls_it_first(tmp_path):
    late, early = (raw_log([row for row in ROWS if row[0] == day]) for day in (DAYS[3], DAYS[0]))
    renamed = early.with_columns(stop_name="stop_id")
    pl.concat([late, renamed]).write_parquet(tmp_path / "log.parquet")
    log = read_arrival_parts(tmp_path / "log.parquet", part_rows=1)
    assert Line.from_survey(log.survey, ZONE).station_names[0] == "A Street"


def test_times_of_a_part_are_those_of_the_file(tmp_path):
    raw_log([one_row(400.5)]).write_parquet(tmp_path / "log.parquet")
    (part,) = read_arrival_parts(tmp_path / "log.parquet").parts
    assert part["event_time"][0] == service_day_start(MONDAY, ZONE) + timedelta(minutes=400.5)
    assert part.drop("event_time").row(0) == (MONDAY, "x", 0, "A")
    assert log_of([one_row(400.5)])["event_time"][0] == part["event_time"][0]
