from datetime import date

import numpy as np
import polars as pl
import pytest

from conftest import GTFS_TABLES, stop_times, stops_table, trips_table, write_gtfs
from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.arrivals import read_arrivals
from headway_prediction.feeds.gtfs import read_lines, read_time_zone, read_timetable
from headway_prediction.line import Line, Station
from headway_prediction.trip_keys import trip_keys

MONDAY, SATURDAY = date(2025, 9, 29), date(2025, 10, 4)
TWO_WAYS = {
    "stops.txt": stops_table("ABC"),
    "trips.txt": trips_table([("R", "wk", "t1", 0), ("R", "wk", "t2", 0), ("R", "wk", "b1", 1)]),
    "stop_times.txt": stop_times(
        {
            "t1": [("A", "08:00:00"), ("B", "08:02:30"), ("C", "08:05:00")],
            "t2": [("A", "24:10:00"), ("B", "24:12:00"), ("C", "25:01:00")],
            "b1": [("C", "9:00:00"), ("B", "09:02:00"), ("A", "09:05:00")],
        }
    ),
}


@pytest.fixture
def gtfs(tmp_path):
    return lambda **tables: write_gtfs(
        tmp_path / "gtfs.zip", TWO_WAYS | {f"{name}.txt": text for name, text in tables.items()}
    )


def only_line(path):
    (line,) = read_lines(path)
    return line


def planned(path, day, direction, station, **options):
    return read_timetable(path, only_line(path), **options).departures(day, direction, station).tolist()


def test_calendar_gives_service_days_and_times_past_midnight_stay_with_them(gtfs):
    path = gtfs()
    assert planned(path, MONDAY, 0, 0) == [480, 1450]
    assert planned(path, MONDAY, 0, 1) == [482.5, 1452]
    assert planned(path, MONDAY, 0, 2) == [485, 1501]
    assert planned(path, MONDAY, 1, 2) == [540]
    assert planned(path, SATURDAY, 0, 0) == []
    assert planned(path, date(2026, 1, 5), 0, 0) == []  # a Monday after end_date


def test_calendar_dates_add_and_remove_days(gtfs):
    path = gtfs(calendar_dates="service_id,date,exception_type\nwk,20251004,1\nwk,20250929,2\n")
    assert planned(path, SATURDAY, 0, 0) == [480, 1450]
    assert planned(path, MONDAY, 0, 0) == []
    assert planned(path, date(2025, 9, 30), 0, 0) == [480, 1450]


def test_calendar_dates_alone_are_a_calendar(gtfs):
    path = gtfs(calendar=None, calendar_dates="service_id,date,exception_type\nwk,20251004,1\n")
    assert planned(path, SATURDAY, 0, 0) == [480, 1450]
    assert planned(path, MONDAY, 0, 0) == []


def test_frequencies_repeat_a_trip_up_to_but_not_at_the_end(gtfs):
    rows = "t1,06:00:00,06:30:00,600,0\nt1,06:30:00,07:00:00,900,0\n"
    path = gtfs(frequencies="trip_id,start_time,end_time,headway_secs,exact_times\n" + rows)
    assert planned(path, MONDAY, 0, 0) == [360, 370, 380, 390, 405, 1450]
    assert planned(path, MONDAY, 0, 1) == [362.5, 372.5, 382.5, 392.5, 407.5, 1452]


def test_blank_times_are_interpolated_along_the_trip(gtfs):
    text = stop_times(
        {
            "t1": [("A", "08:00:00"), ("B", ""), ("C", "08:05:00")],
            "b1": [("C", "09:00:00"), ("B", "09:02:00"), ("A", "09:05:00")],
        }
    )
    assert planned(gtfs(stop_times=text), MONDAY, 0, 1) == [482.5]


def test_departure_counts_where_it_differs_from_arrival(gtfs):
    text = TWO_WAYS["stop_times.txt"].replace("t1,08:02:30,08:02:30", "t1,08:02:30,08:03:00")
    assert planned(gtfs(stop_times=text), MONDAY, 0, 1) == [483, 1452]


def test_a_byte_order_mark_and_windows_line_ends_are_read(gtfs):
    marked = {
        name[:-4]: "\ufeff" + text.replace("\n", "\r\n") for name, text in (GTFS_TABLES | TWO_WAYS).items()
    }
    path = gtfs(**marked)
    assert only_line(path) == only_line(gtfs())
    assert planned(path, MONDAY, 0, 0) == [480, 1450]
    assert read_time_zone(path) == "Europe/Dublin"


SECOND_ROUTE = {
    "routes": "route_id,agency_id,route_short_name,route_type\nR,x,R,1\nQ,x,Q,1\n",
    "trips": trips_table([("R", "wk", "t1", 0), ("Q", "wk", "t2", 0), ("R", "wk", "b1", 1)]),
}


def test_one_route_of_several_must_be_named(gtfs):
    path = gtfs(**SECOND_ROUTE)
    with pytest.raises(HeadwayError, match=r"holds 2 routes \(Q, R\); expected one route"):
        read_lines(path)
    (line,) = read_lines(path, route_id="R")
    assert line.line_id == "R"
    assert read_timetable(path, line, "R").departures(MONDAY, 0, 0).tolist() == [480]
    assert read_timetable(path, line).departures(MONDAY, 0, 0).tolist() == [480, 1450]
    for read in (lambda: read_lines(path, "X"), lambda: read_timetable(path, line, "X")):
        with pytest.raises(HeadwayError, match="no route 'X'; expected one of Q, R"):
            read()


def test_another_route_without_directions_does_no_harm(gtfs):
    path = gtfs(**SECOND_ROUTE | {"trips": SECOND_ROUTE["trips"].replace("Q,wk,t2,0", "Q,wk,t2,")})
    assert len(read_lines(path, "R")) == 1
    with pytest.raises(HeadwayError, match="trips without direction_id"):
        read_lines(path, "Q")


def forked(tmp_path, names=None, suffix=("", "")):
    """A trunk T1 T2 and two branches, L1 and R1; stop ids of each direction end in `suffix`."""
    paths = {"l": ["T1", "T2", "L1"], "r": ["T1", "T2", "R1"], "short": ["T1", "T2"]}
    trips, times = [], {}
    for count, (name, stops) in enumerate(paths.items()):
        for direction, way in enumerate((stops, stops[::-1])):
            trips.append(("R", "wk", f"{name}{direction}", direction))
            times[f"{name}{direction}"] = [
                (stop + suffix[direction], f"08:{10 * count + 2 * k:02}:00") for k, stop in enumerate(way)
            ]
    stops = [stop + end for stop in ("T1", "T2", "L1", "R1") for end in dict.fromkeys(suffix)]
    tables = {
        "trips.txt": trips_table(trips),
        "stop_times.txt": stop_times(times),
        "stops.txt": stops_table(stops, names),
    }
    return write_gtfs(tmp_path / "forked.zip", tables)


def test_a_fork_is_one_line_per_branch_and_the_trunk_alone_is_a_line(tmp_path):
    path = forked(tmp_path)
    left, right = sorted(read_lines(path), key=lambda line: line.stop_ids(0))
    assert left.stop_ids(0) == left.stop_ids(1) == ["T1", "T2", "L1"]
    assert right.stop_ids(0) == right.stop_ids(1) == ["T1", "T2", "R1"]
    assert left.line_id == "R:T1 Street-L1 Street"
    assert (left.left_out, right.left_out) == ({"R1"}, {"L1"})
    (trunk,) = read_lines(path, stop_ids=["T1", "T2"])
    assert (trunk.stop_ids(0), trunk.left_out, trunk.line_id) == (["T1", "T2"], {"L1", "R1"}, "R")
    (branch,) = read_lines(path, stop_ids=["T1", "T2", "R1"])
    assert branch.stations == right.stations
    # Every train of either branch leaves the trunk's first platforms.
    plan = read_timetable(path, trunk)
    assert plan.departures(MONDAY, 0, 0).tolist() == [480, 490, 500]
    assert plan.departures(MONDAY, 1, 1).tolist() == [482, 492, 500]


def test_a_branch_finds_its_own_way_back_where_stop_ids_differ_by_direction(tmp_path):
    names = {f"{stop}{end}": stop for stop in ("T1", "T2", "L1", "R1") for end in "NS"}
    lines = read_lines(forked(tmp_path, names, suffix=("N", "S")))
    ends = {line.stations[-1] for line in lines}
    assert ends == {Station("L1", ("L1N", "L1S")), Station("R1", ("R1N", "R1S"))}


def test_an_unknown_stop_is_refused(tmp_path):
    with pytest.raises(HeadwayError, match="the stop 'T9' does not occur in the schedule"):
        read_lines(forked(tmp_path), stop_ids=["T1", "T9"])


def test_one_direction_and_foreign_stops_are_refused(gtfs):
    path = gtfs(trips=trips_table([("R", "wk", "t1", 0)]))
    with pytest.raises(HeadwayError, match="trips in one direction only"):
        read_lines(path)
    stranger = Line("other", "Europe/Dublin", (Station("Z", ("Z", "Z")),))
    with pytest.raises(
        HeadwayError, match="no planned passing at any platform of other; expected stop ids such as Z"
    ):
        read_timetable(path, stranger)


def test_a_loop_is_refused(gtfs):
    text = stop_times(
        {
            "t1": [("A", "08:00:00"), ("B", "08:02:00"), ("A", "08:04:00")],
            "b1": [("B", "09:00:00"), ("A", "09:02:00")],
        }
    )
    with pytest.raises(HeadwayError, match="trains of R pass the stop A twice"):
        read_lines(gtfs(stop_times=text))


def test_what_is_no_gtfs_zip_is_refused_with_its_name(tmp_path, gtfs):
    (tmp_path / "text.zip").write_text("not a zip")
    for path in (tmp_path / "absent.zip", tmp_path / "text.zip", tmp_path):
        with pytest.raises(HeadwayError, match="could not be read as a GTFS schedule"):
            read_time_zone(path)


@pytest.mark.parametrize("table", ["agency", "routes", "stops", "trips", "stop_times", "calendar"])
def test_a_missing_table_is_refused(gtfs, table):
    path = gtfs(**{table: None})
    with pytest.raises(HeadwayError, match="could not be read as a GTFS schedule"):
        read_lines(path)


@pytest.mark.parametrize(
    ("table", "column"),
    [
        (table.removesuffix(".txt"), column)
        for table, text in (GTFS_TABLES | TWO_WAYS).items()
        for column in text.splitlines()[0].split(",")
        if column in {"agency_timezone", "route_id", "stop_id", "stop_name", "trip_id", "service_id"}
        or column in {"direction_id", "stop_sequence", "arrival_time", "departure_time"}
    ],
)
def test_a_missing_column_is_refused(gtfs, table, column):
    path = gtfs(**{table: (GTFS_TABLES | TWO_WAYS)[f"{table}.txt"].replace(column, "other", 1)})
    with pytest.raises(HeadwayError):
        read_timetable(path, read_lines(path)[0])


def test_an_unreadable_time_is_refused(gtfs):
    path = gtfs(stop_times=TWO_WAYS["stop_times.txt"].replace("08:02:30", "half past", 1))
    with pytest.raises(HeadwayError, match="could not be read as a GTFS schedule"):
        read_lines(path)


def test_dublin_plan_at_each_end_of_the_trunk(real_line):
    path = real_line("dublin-dart") / "gtfs.zip"
    log = read_arrivals(real_line("dublin-dart") / "arrivals.parquet")
    line = Line.from_arrivals(log, read_time_zone(path))
    assert only_line(path).stations == line.stations
    plan = read_timetable(path, line)
    for day, (southern, northern) in {
        date(2025, 10, 1): (96, 97),
        date(2025, 10, 4): (68, 69),
        date(2025, 10, 5): (40, 42),
    }.items():
        departures = [plan.departures(day, d, line.first_station(d)) for d in (0, 1)]
        assert [len(minutes) for minutes in departures] == [southern, northern]
        # Trains leave where the log sees them leave: half of them within two minutes of a planned departure.
        for direction, minutes in enumerate(departures):
            stop = line.stop_ids(direction)[line.first_station(direction)]
            seen = log.filter(service_date=day, direction_id=direction, stop_id=stop).height
            assert abs(seen - len(minutes)) <= 0.1 * len(minutes)
            assert (np.diff(minutes) > 0).all()
    assert len(plan.departures(date(2026, 6, 1), 0, line.first_station(0))) == 0


def test_a_trip_has_the_key_of_the_log_without_the_service_before_it(gtfs):
    trips = trips_table([("R", "wk", "wk-t1", 0), ("R", "wk", "t2", 0), ("R", "wk", "b1", 1)])
    path = gtfs(trips=trips, stop_times=TWO_WAYS["stop_times.txt"].replace("t1,", "wk-t1,"))
    planned = read_timetable(path, only_line(path)).planned
    assert set(planned["trip"]) == set(trip_keys(pl.Series(["t1", "t2", "b1"])))
