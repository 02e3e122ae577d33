"""A day of LAMP worked out by hand; times are minutes after 07:00 in Boston on 16 January 2024."""

from datetime import UTC, date, datetime

import polars as pl
import pytest

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.archives.lamp import read_day
from headway_prediction.feeds.archives.tables import ArchiveQuery

SEVEN = int(datetime(2024, 1, 16, 12, tzinfo=UTC).timestamp())


def row(trip, stop, sequence, moved, stopped, *, branch=None, trunk="Blue", direction=False, day=20240116):
    return {
        "service_date": day,
        "route_id": branch or trunk,
        "branch_route_id": branch,
        "trunk_route_id": trunk,
        "trip_id": trip,
        "direction_id": direction,
        "stop_id": stop,
        "parent_station": f"place-{stop}",
        "stop_sequence": sequence,
        "move_timestamp": None if moved is None else SEVEN + moved * 60,
        "stop_timestamp": None if stopped is None else SEVEN + stopped * 60,
    }


def read(folder, rows, *routes, **changes):
    table = pl.DataFrame(rows, schema_overrides={"move_timestamp": pl.Int64, "stop_timestamp": pl.Int64})
    table.with_columns(**changes).write_parquet(folder / "2024-01-16.parquet")
    return read_day(folder / "2024-01-16.parquet", ArchiveQuery(routes)).rows.sort("trip_id", "stop_sequence")


def minutes(rows, name):
    return [None if moment is None else (moment.timestamp() - SEVEN) / 60 for moment in rows[name]]


def test_a_train_leaves_a_stop_when_it_first_moves_towards_the_next(tmp_path):
    rows = read(
        tmp_path,
        [row("t", "a", 1, None, -9), row("t", "b", 10, 1, 3), row("t", "c", 20, 4, 6)],
        "Blue",
    )
    assert minutes(rows, "arrival") == [-9, 3, 6]
    assert minutes(rows, "departure") == [1, 4, None]
    assert rows["station_id"].to_list() == ["place-a", "place-b", "place-c"]
    assert rows.select("service_date", "direction_id").unique().rows() == [(date(2024, 1, 16), 0)]


def test_the_move_after_a_missing_stop_is_no_departure(tmp_path):
    whole = [row("t", "a", 1, None, 0), row("t", "b", 10, 1, 3), row("t", "c", 20, 4, 6)]
    with_gap = [row("u", "a", 1, None, 10), row("u", "c", 20, 14, 16)]
    rows = read(tmp_path, whole + with_gap, "Blue").filter(trip_id="u")
    assert minutes(rows, "departure") == [None, None]
    assert minutes(rows, "arrival") == [10, 16]


def test_a_route_is_a_trunk_or_a_branch(tmp_path):
    rows = [
        row("b", "a", 1, None, 0, branch="Green-B", trunk="Green"),
        row("c", "a", 1, None, 5, branch="Green-C", trunk="Green", direction=True),
        row("r", "x", 1, None, 0),
    ]
    assert read(tmp_path, rows, "Green")["direction_id"].to_list() == [0, 1]
    assert read(tmp_path, rows, "Green-C")["trip_id"].to_list() == ["c"]
    assert read(tmp_path, rows, "Green-B", "Green-C").height == 2
    with pytest.raises(HeadwayError, match="has no route Red; expected one of Blue, Green, Green-B, Green-C"):
        read(tmp_path, rows, "Red")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"service_date": pl.lit("16.1.2024")}, "has service_date '16.1.2024'; expected a number such as"),
        ({"stop_timestamp": pl.lit("soon")}, "has stop_timestamp 'soon'; expected a whole number"),
        ({"direction_id": pl.lit("East")}, "has direction_id 'East'"),
        ({"stop_sequence": pl.lit(0.5)}, "has stop_sequence 0.5; expected a whole number"),
    ],
)
def test_a_value_of_the_wrong_type_is_shown(tmp_path, changes, sentence):
    with pytest.raises(HeadwayError, match=sentence):
        read(tmp_path, [row("t", "a", 1, None, 0)], "Blue", **changes)


def test_a_truncated_an_empty_and_a_different_file_are_refused(tmp_path):
    path = tmp_path / "day.parquet"
    pl.DataFrame([row("t", "a", 1, 0, 0)]).write_parquet(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(HeadwayError, match=r"day.parquet could not be read"):
        read_day(path, ArchiveQuery(("Blue",)))
    pl.DataFrame([row("t", "a", 1, 0, 0)]).clear().write_parquet(path)
    with pytest.raises(HeadwayError, match=r"day.parquet holds no rows"):
        read_day(path, ArchiveQuery(("Blue",)))
    pl.DataFrame([row("t", "a", 1, 0, 0)]).rename({"move_timestamp": "moved"}).write_parquet(path)
    with pytest.raises(HeadwayError, match=r"no column 'move_timestamp' \(it has .*moved"):
        read_day(path, ArchiveQuery(("Blue",)))
