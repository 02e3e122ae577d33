from datetime import date

import pytest

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.logs.arrivals import read_arrivals
from headway_prediction.feeds.logs.planned_departures import read_planned_departures
from headway_prediction.transit.line import Line
from helpers.lines import ZONE, log_of, regular_rows, train

MONDAY, SATURDAY, SUNDAY = date(2025, 9, 29), date(2025, 10, 4), date(2025, 10, 5)


@pytest.fixture
def line():
    return Line.from_arrivals(log_of(regular_rows(stations=3)), ZONE)


@pytest.fixture
def read(tmp_path, line):
    def write_and_read(text: str, on=line):
        path = tmp_path / "planned.csv"
        path.write_text(text, encoding="utf-8")
        return read_planned_departures(path, on)

    return write_and_read


def test_times_are_sorted_and_wrap_at_midnight_to_the_end_of_the_service_day(read):
    plan = read(
        "direction_id,stop_id,planned_time\n0,A,00:07:00\n0,A,23:50:00\n0,A,05:00:30\n0,A,02:59\n1,C,3:00:00\n"
    )
    assert plan.departures(MONDAY, 0, 0).tolist() == [300.5, 1430, 1447, 1619]
    assert plan.departures(MONDAY, 1, 2).tolist() == [180]


def test_without_days_the_list_is_for_weekdays(read):
    plan = read("direction_id,stop_id,planned_time\n0,A,08:00:00\n")
    counts = [len(plan.departures(day, 0, 0)) for day in (MONDAY, date(2025, 10, 3), SATURDAY, SUNDAY)]
    assert counts == [1, 1, 0, 0]


def test_days_choose_weekday_saturday_sunday_or_all(read):
    plan = read(
        "direction_id,stop_id,planned_time,days\n"
        "0,A,08:00:00,weekday\n0,A,09:00:00,saturday\n0,A,10:00:00,sunday\n0,A,11:00:00,all\n"
    )
    assert plan.departures(MONDAY, 0, 0).tolist() == [480, 660]
    assert plan.departures(SATURDAY, 0, 0).tolist() == [540, 660]
    assert plan.departures(SUNDAY, 0, 0).tolist() == [600, 660]


def test_departures_of_stops_that_were_left_out_are_passed_over(read):
    rows = train("l", ["T1", "T2", "L1"], 360) + train("r", ["T1", "T2", "R1"], 370)
    rows += train("lb", ["L1", "T2", "T1"], 360, direction=1) + train(
        "rb", ["R1", "T2", "T1"], 370, direction=1
    )
    branch = Line.from_arrivals(log_of(rows), ZONE, ["T1", "T2", "L1"])
    plan = read("direction_id,stop_id,planned_time\n1,R1,08:00:00\n1,L1,08:10:00\n", branch)
    assert plan.planned["minute"].to_list() == [490]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "could not be read"),
        ("direction_id,stop_id,planned_time\n", "lists no departure"),
        (
            "direction_id,stop_id,time\n0,A,08:00:00\n",
            "no column 'planned_time'; expected the columns direction_id, stop_id",
        ),
        (
            "direction_id,stop_id,planned_time\n0,A,8 o'clock\n",
            'the time "8 o\'clock" is not a GTFS time; expected H:MM:SS',
        ),
        ("direction_id,stop_id,planned_time\n0,A,\n", "the time '' is not a GTFS time"),
        ("direction_id,stop_id,planned_time\n0,A,08:61:00\n", "over 59 minutes"),
        (
            "direction_id,stop_id,planned_time\n0,Z,08:00:00\n",
            "has the stop 'Z' in direction 0, which is not on toy",
        ),
        ("direction_id,stop_id,planned_time\n0,,08:00:00\n", "has the stop None in direction 0"),
        ("direction_id,stop_id,planned_time\nup,A,08:00:00\n", "has the stop 'A' in direction None"),
        (
            "direction_id,stop_id,planned_time,days\n0,A,08:00:00,daily\n",
            "days 'daily'; expected one of weekday",
        ),
        ("direction_id,stop_id,planned_time,days\n0,A,08:00:00,\n", "days None; expected one of weekday"),
    ],
)
def test_bad_input_is_refused_with_a_sentence(read, text, message):
    with pytest.raises(HeadwayError, match=message):
        read(text)


def test_an_absent_file_is_refused(tmp_path, line):
    with pytest.raises(HeadwayError, match=r"absent\.csv could not be read"):
        read_planned_departures(tmp_path / "absent.csv", line)


def test_new_york_departures_stand_at_both_terminals_on_weekdays(real_line):
    folder = real_line("nyc-1")
    line = Line.from_arrivals(read_arrivals(folder / "arrivals.parquet"), "America/New_York")
    plan = read_planned_departures(folder / "planned_departures.csv", line)
    rows = (folder / "planned_departures.csv").read_text().splitlines()[1:]
    weekday = [plan.departures(date(2017, 11, 1), d, line.first_station(d)) for d in (0, 1)]
    assert sum(map(len, weekday)) == len(rows)
    assert all(minutes.min() >= 180 and minutes.max() < 27 * 60 for minutes in weekday)
    assert len(plan.departures(date(2017, 11, 4), 0, line.first_station(0))) == 0
