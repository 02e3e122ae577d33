from datetime import date

import numpy as np
import pytest

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.gtfs.line import read_route_line
from headway_prediction.feeds.gtfs.timetable import read_time_zone, read_timetable
from headway_prediction.feeds.logs.arrivals import read_arrivals
from headway_prediction.transit.line import Line, Station
from helpers.lines import GTFS_TABLES, stop_times, stops_table, trips_table, write_gtfs

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


def only_line(path, route_id=None):
    return read_route_line(path, route_id).line


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


@pytest.mark.parametrize("exact", ["", ",0", ",1"])
def test_frequencies_are_laid_out_alike_whether_they_promise_the_minute_or_the_headway(gtfs, exact):
    header = "trip_id,start_time,end_time,headway_secs" + (",exact_times" if exact else "")
    path = gtfs(frequencies=f"{header}\nt2,23:50:00,24:30:00,1200{exact}\n")
    assert planned(path, MONDAY, 0, 0) == [480, 1430, 1450]
    assert planned(path, MONDAY, 0, 2) == [485, 1481, 1501]


def test_a_period_that_ends_as_it_starts_has_no_run_and_one_given_twice_has_each_run_once(gtfs):
    header = "trip_id,start_time,end_time,headway_secs\n"
    assert planned(gtfs(frequencies=header + "t1,06:00:00,06:00:00,600\n"), MONDAY, 0, 0) == [1450]
    twice = header + 2 * "t1,06:00:00,06:15:00,600\n"
    assert planned(gtfs(frequencies=twice), MONDAY, 0, 0) == [360, 370, 1450]


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
        only_line(path)
    line = only_line(path, "R")
    assert line.line_id == "R"
    assert read_timetable(path, line, "R").departures(MONDAY, 0, 0).tolist() == [480]
    assert read_timetable(path, line).departures(MONDAY, 0, 0).tolist() == [480, 1450]
    for read in (lambda: only_line(path, "X"), lambda: read_timetable(path, line, "X")):
        with pytest.raises(HeadwayError, match="no route 'X'; expected one of Q, R"):
            read()


def test_another_route_without_directions_does_no_harm(gtfs):
    path = gtfs(**SECOND_ROUTE | {"trips": SECOND_ROUTE["trips"].replace("Q,wk,t2,0", "Q,wk,t2,")})
    assert only_line(path, "R").line_id == "R"
    with pytest.raises(HeadwayError, match="route Q has trips in one direction only"):
        only_line(path, "Q")


def test_one_direction_and_foreign_stops_are_refused(gtfs):
    path = gtfs(trips=trips_table([("R", "wk", "t1", 0)]))
    with pytest.raises(HeadwayError, match="trips in one direction only"):
        only_line(path)
    stranger = Line("other", "Europe/Dublin", (Station("Z", ("Z", "Z")),))
    with pytest.raises(
        HeadwayError, match="no planned passing at any platform of other; expected stop ids such as Z"
    ):
        read_timetable(path, stranger)


def test_what_is_no_gtfs_zip_is_refused_with_its_name(tmp_path, gtfs):
    (tmp_path / "text.zip").write_text("not a zip")
    for path in (tmp_path / "absent.zip", tmp_path / "text.zip", tmp_path):
        with pytest.raises(HeadwayError, match="could not be read as a GTFS schedule"):
            read_time_zone(path)


@pytest.mark.parametrize("table", ["agency", "routes", "stops", "trips", "stop_times", "calendar"])
def test_a_missing_table_is_refused(gtfs, table):
    path = gtfs(**{table: None})
    with pytest.raises(HeadwayError, match="could not be read as a GTFS schedule"):
        only_line(path)


@pytest.mark.parametrize(
    ("table", "column"),
    [
        (table.removesuffix(".txt"), column)
        for table, text in (GTFS_TABLES | TWO_WAYS).items()
        for column in text.splitlines()[0].split(",")
        if column in {"agency_timezone", "route_id", "stop_id", "stop_name", "trip_id", "service_id"}
        or column in {"stop_sequence", "arrival_time", "departure_time"}
    ],
)
def test_a_missing_column_is_refused(gtfs, table, column):
    path = gtfs(**{table: (GTFS_TABLES | TWO_WAYS)[f"{table}.txt"].replace(column, "other", 1)})
    with pytest.raises(HeadwayError):
        read_timetable(path, only_line(path))


def test_an_unreadable_time_is_refused(gtfs):
    path = gtfs(stop_times=TWO_WAYS["stop_times.txt"].replace("08:02:30", "half past", 1))
    with pytest.raises(HeadwayError, match="could not be read as a GTFS schedule"):
        only_line(path)


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
    assert set(planned["trip_id"]) == {"t1", "t2", "b1"}
