"""Days of subwaydata.nyc worked out by hand; times are minutes after 07:00 in New York on 16 January 2024, a Tuesday."""

import lzma
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.archives.subwaydata import read_day
from headway_prediction.feeds.archives.tables import ArchiveQuery
from helpers.archive_files import write_tar_xz

SEVEN = int(datetime(2024, 1, 16, 12, tzinfo=UTC).timestamp())
TRIPS = "trip_uid,trip_id,route_id,direction_id,start_time,vehicle_id,last_observed,marked_past,num_updates\n"
STOP_TIMES = "trip_uid,stop_id,track,arrival_time,departure_time,last_observed,marked_past\n"


def at(minute: float | None) -> str:
    return "" if minute is None else str(int(SEVEN + minute * 60))


def trip(uid: str, start: float | None = 0, route="1", direction="0", trip_id=None) -> str:
    return f"{uid},{trip_id or uid},{route},{direction},{at(start)},v,{at(9)},{at(9)},5\n"


def stop(uid: str, stop_id: str, arrival=None, departure=None, seen=0.0, gone: float | None = 1.0) -> str:
    return f"{uid},{stop_id},1,{at(arrival)},{at(departure)},{at(seen)},{at(gone)}\n"


def written(folder: Path, trips: str, stop_times: str) -> Path:
    members = {
        "d_trips.csv": (TRIPS + trips).encode(),
        "d_stop_times.csv": (STOP_TIMES + stop_times).encode(),
    }
    return write_tar_xz(folder / "subwaydatanyc_2024-01-16_csv.tar.xz", members)


def read(folder: Path, trips: str, stop_times: str, *routes: str):
    return read_day(written(folder, trips, stop_times), ArchiveQuery(routes))


def minutes(rows: pl.DataFrame, name: str) -> list[float | None]:
    return ((rows[name].dt.epoch("s") - SEVEN) / 60).to_list()


def test_a_train_seen_at_three_stops(tmp_path):
    seen = read(
        tmp_path,
        trip("a") + trip("z", route="2"),
        stop("a", "101N", None, 0.5)
        + stop("a", "102N", 2, 2.5, 2, 3)
        + stop("z", "201N", 5, 5, 5, 5)
        + stop("a", "103N", 4, None, 4, 4.5),
        "1",
    )
    rows = seen.rows
    assert rows.select("service_date", "trip_id", "direction_id", "stop_id", "stop_sequence").rows() == [
        (date(2024, 1, 16), "a", 0, f"10{k + 1}N", k) for k in range(3)
    ]
    assert rows["station_id"].to_list() == rows["stop_name"].to_list() == ["101", "102", "103"]
    assert minutes(rows, "arrival") == [None, 2, 4]
    assert minutes(rows, "departure") == [0.5, 2.5, None]
    assert not seen.excluded


@pytest.mark.parametrize(
    ("why", "time", "seen", "gone", "observed"),
    [
        ("predicted until it passed", 10, 9.5, 10.5, True),
        ("removed a little before its time: it left early", 10, 9, 9.1, True),
        ("never removed: the archive ended while it was predicted", 10, 9, None, False),
        ("its trip disappeared three minutes before", 10, 6.5, 7, False),
        ("no poll for half an hour, but it was near at the last one", 10, 7, 37, True),
        ("no poll for half an hour, and it was far away at the last one", 17, 7, 37, False),
    ],
)
def test_only_an_observed_time_is_a_passing(tmp_path, why, time, seen, gone, observed):
    stops = stop("a", "101N", None, 0) + stop("a", "102N", None, time, seen, gone)
    result = read(tmp_path, trip("a"), stops, "1")
    assert minutes(result.rows, "departure") == ([0, time] if observed else [0])
    assert result.excluded["never confirmed"] == (0 if observed else 1)


def test_an_arrival_may_be_observed_where_the_departure_is_not(tmp_path):
    rows = read(tmp_path, trip("a"), stop("a", "101N", 5, 9, 5, 5.5), "1").rows
    assert (minutes(rows, "arrival"), minutes(rows, "departure")) == ([5], [None])


@pytest.mark.parametrize(
    ("start", "passed", "day"),
    [
        (-4.5 * 60, -4 * 60, date(2024, 1, 15)),  # starts at 02:30, passes at 03:00
        (-4 * 60, -4 * 60, date(2024, 1, 16)),  # starts at 03:00
        (16 * 60 + 50, 17 * 60 + 10, date(2024, 1, 16)),  # starts at 23:50, passes after midnight
        (None, -5 * 60, date(2024, 1, 15)),  # no start: its first passing is at 02:00
    ],
)
def test_a_trip_has_the_service_date_of_its_start(tmp_path, start, passed, day):
    stops = stop("a", "101N", None, passed, passed, passed) + stop(
        "a", "102N", passed + 2, None, passed + 2, passed + 3
    )
    assert read(tmp_path, trip("a", start), stops, "1").rows["service_date"].to_list() == [day, day]


def test_trains_of_one_day_that_share_a_trip_id_are_distinguished(tmp_path):
    trips = trip("u1", trip_id="same") + trip("u2", trip_id="same") + trip("u3", trip_id="own")
    stops = "".join(stop(uid, "101N", None, 0.5) for uid in ("u1", "u2", "u3"))
    assert read(tmp_path, trips, stops, "1").rows["trip_id"].to_list() == ["u1", "u2", "own"]


def test_a_trip_without_a_direction_is_excluded_and_counted(tmp_path):
    seen = read(
        tmp_path, trip("a") + trip("b", direction=""), stop("a", "101N", 0) + stop("b", "101N", 0), "1"
    )
    assert seen.rows["trip_id"].to_list() == ["a"]
    assert seen.excluded == {"without a direction": 1}


def test_the_error_for_a_missing_route_lists_the_routes(tmp_path):
    trips, stops = trip("a", route="A") + trip("c", route="C"), stop("a", "A01N", 0)
    with pytest.raises(HeadwayError, match=r"2024-01-16.*has no route 1; expected one of A, C; .*--route"):
        read(tmp_path, trips, stops, "1")
    with pytest.raises(HeadwayError, match=r"several routes, and none was named; expected one of A, C"):
        read(tmp_path, trips, stops)
    assert read(tmp_path, trip("a", route="A"), stops).rows.height == 1


@pytest.mark.parametrize(
    ("trips", "stops", "sentence"),
    [
        ("", "", "holds no rows"),
        (trip("a", direction="2"), stop("a", "101N", 0), "has direction_id '2'; expected one of 0, 1"),
        (trip("a"), "a,101N,1,soon,,1,1\n", "has arrival_time 'soon'; expected a whole number"),
    ],
)
def test_a_day_that_cannot_be_read_is_one_sentence(tmp_path, trips, stops, sentence):
    with pytest.raises(HeadwayError, match=sentence):
        read(tmp_path, trips, stops, "1")


def test_a_missing_or_renamed_column_and_a_missing_member_are_named(tmp_path):
    path, good = tmp_path / "d.tar.xz", (STOP_TIMES + stop("a", "101N", 0)).encode()
    write_tar_xz(path, {"trips.csv": b"uid,route_id\na,1\n", "stop_times.csv": good})
    with pytest.raises(
        HeadwayError, match=r"trips.csv of .* has no column 'trip_uid' \(it has uid, route_id\)"
    ):
        read_day(path, ArchiveQuery())
    write_tar_xz(path, {"stop_times.csv": good})
    with pytest.raises(
        HeadwayError, match=r"holds stop_times.csv; expected one file .* trips.csv and one in"
    ):
        read_day(path, ArchiveQuery())


def test_a_truncated_archive_is_refused_wherever_it_ends(tmp_path):
    whole = written(tmp_path, trip("a"), "".join(stop("a", f"1{k}N", 0) for k in range(500))).read_bytes()
    truncated = tmp_path / "truncated.tar.xz"
    for share in (0.0, 0.1, 0.5, 0.9):
        truncated.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(HeadwayError, match=r"truncated.tar.xz could not be read .*--skip-bad-days"):
            read_day(truncated, ArchiveQuery())
    for content in (whole[:-1], b"not compressed", lzma.compress(b"no tar" * 200)):
        truncated.write_bytes(content)
        with pytest.raises(HeadwayError, match="could not be read"):
            read_day(truncated, ArchiveQuery())
