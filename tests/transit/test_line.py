from pathlib import Path

import pytest

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.logs.arrivals import read_arrivals
from headway_prediction.grid.history import history_from_log
from headway_prediction.transit.line import Line, Station
from helpers.lines import MONDAY, ZONE, log_of, regular_rows, train

TRUNK = ["T1", "T2", "T3"]
LEFT = [*TRUNK, "L1", "L2"]
RIGHT = [*TRUNK, "R1"]


def forked_rows(left=2, right=2):
    """Trains over a trunk to either branch and back; stop_sequence counts along each train, as GTFS does."""
    rows = []
    for name, stops, count, start in (("l", LEFT, left, 360), ("r", RIGHT, right, 365)):
        for k in range(count):
            rows += train(f"{name}{k}", stops, start + 10 * k)
            rows += train(f"{name}{k}b", stops[::-1], start + 10 * k, direction=1)
    return rows


def test_stations_follow_direction_0_and_each_direction_has_its_travel_order():
    line = Line.from_arrivals(log_of(regular_rows(stations=4)), ZONE)
    assert line.line_id == "toy"
    assert line.station_names == ["A Street", "B Street", "C Street", "D Street"]
    assert line.travel_order(0) == [0, 1, 2, 3]
    assert line.travel_order(1) == [3, 2, 1, 0]
    assert (line.first_station(0), line.first_station(1)) == (0, 3)


def test_platforms_with_different_stop_ids_are_one_station_by_name():
    rows = train("up", ["A1", "B1"], 360) + train("down", ["B2", "A2"], 360, direction=1)
    log = log_of(rows).with_columns(stop_name=log_of(rows)["stop_id"].str.head(1))
    line = Line.from_arrivals(log, ZONE)
    assert line.stations == (Station("A", ("A1", "A2")), Station("B", ("B1", "B2")))
    assert line.platforms().rows() == [(0, "A1", 0, 0), (0, "B1", 0, 1), (1, "A2", 1, 0), (1, "B2", 1, 1)]


@pytest.mark.parametrize(
    ("forward", "backward", "expected"),
    [
        ("ABC", "CA", [("A", "A"), ("B", None), ("C", "C")]),
        ("AC", "CBA", [("A", "A"), (None, "B"), ("C", "C")]),
        ("AB", "CBA", [("A", "A"), ("B", "B"), (None, "C")]),
        ("BC", "CBA", [(None, "A"), ("B", "B"), ("C", "C")]),
    ],
)
def test_a_platform_in_one_direction_only(forward, backward, expected):
    line = Line.from_arrivals(log_of(train("x", forward, 360) + train("y", backward, 360, direction=1)), ZONE)
    assert [station.stop_ids for station in line.stations] == expected
    assert line.first_station(1) == expected.index(next(e for e in expected[::-1] if e[1]))


def test_one_direction_alone_is_refused():
    with pytest.raises(HeadwayError, match="no passing in direction 1; expected passings of both directions"):
        Line.from_arrivals(log_of(train("x", "ABC", 360)), ZONE)


def test_directions_that_share_nothing_or_do_not_mirror_each_other_are_refused():
    strangers = train("x", "ABC", 360) + train("y", "FED", 360, direction=1)
    with pytest.raises(HeadwayError, match="share no station"):
        Line.from_arrivals(log_of(strangers), ZONE)
    unmirrored = train("x", "ABC", 360) + train("y", "ABC", 360, direction=1)
    with pytest.raises(HeadwayError, match="reverse order of direction 0"):
        Line.from_arrivals(log_of(unmirrored), ZONE)


def test_two_lines_in_a_log_and_an_unknown_zone_are_refused():
    log = log_of(regular_rows())
    mixed = log.vstack(log.with_columns(line_id=log["line_id"] + "2"))
    with pytest.raises(HeadwayError, match=r"2 lines \(toy, toy2\)"):
        Line.from_arrivals(mixed, ZONE)
    with pytest.raises(HeadwayError, match="time zone 'Mars/Olympus' is unknown"):
        Line.from_arrivals(log, "Mars/Olympus")


def test_trains_that_skip_and_turn_short_still_give_one_order():
    short = train("s", "ABC", 360) + train("t", "CDE", 370) + train("express", "ACE", 380)
    back = train("b", "EDCBA", 360, direction=1)
    line = Line.from_arrivals(log_of(short + back), ZONE)
    assert line.stop_ids(0) == list("ABCDE")


def test_the_majority_of_trains_sets_the_order():
    rows = regular_rows(stations=3) + train("astray", "BAC", 900)
    assert Line.from_arrivals(log_of(rows), ZONE).stop_ids(0) == ["A", "B", "C"]


@pytest.mark.parametrize("trip_ids", [True, False])
def test_a_fork_asks_for_the_stops_of_one_branch(trip_ids):
    rows = [(day, trip if trip_ids else "", *rest) for day, trip, *rest in forked_rows()]
    with pytest.raises(HeadwayError, match=r"have no order in direction 0.*name the stops of one branch"):
        Line.from_arrivals(log_of(rows), ZONE)


@pytest.mark.parametrize(("left", "right"), [(2, 2), (1, 5), (5, 1)])
@pytest.mark.parametrize("stops", [LEFT, RIGHT, TRUNK])
def test_a_branch_and_the_trunk_are_lines_whichever_branch_has_more_trains(stops, left, right):
    line = Line.from_arrivals(log_of(forked_rows(left, right)), ZONE, stops)
    assert line.stop_ids(0) == stops
    assert line.stop_ids(1) == stops
    assert line.excluded == {"T1", "T2", "T3", "L1", "L2", "R1"} - set(stops)


def test_the_history_of_a_branch_is_built_from_the_log_of_the_whole_line():
    log = log_of(forked_rows(left=3, right=3))
    history = history_from_log(log, Line.from_arrivals(log, ZONE, LEFT))
    # All trains pass the trunk; only those of the branch go on to L1 and L2.
    counts = history.passings.filter(direction=0).group_by("station").len().sort("station")["len"].to_list()
    assert counts == [6, 6, 6, 3, 3]
    grid = history.day(MONDAY)["headway"].sel(direction=0).isel(time=420)
    assert grid.values.tolist() == [5, 5, 5, 10, 10]


def test_excluded_stops_survive_storage_and_do_not_make_another_line():
    log = log_of(forked_rows())
    line = Line.from_arrivals(log, ZONE, TRUNK)
    again = Line.from_dict(line.to_dict())
    assert again == line
    assert again.excluded == line.excluded == {"L1", "L2", "R1"}
    assert line == Line(line.line_id, line.time_zone, line.stations)


def test_a_stop_that_was_neither_kept_nor_excluded_is_refused():
    log = log_of(forked_rows())
    line = Line.from_arrivals(log, ZONE, TRUNK)
    later = log_of(forked_rows() + train("n", ["T1", "NEW"], 900))
    with pytest.raises(HeadwayError, match="the stop 'NEW' in direction 0, which is not on toy"):
        history_from_log(later, line)


def test_a_stop_that_the_log_does_not_have_is_refused():
    with pytest.raises(
        HeadwayError, match="the stop 'T9' does not occur in the log; expected stop ids such as L1"
    ):
        Line.from_arrivals(log_of(forked_rows()), ZONE, [*TRUNK, "T9"])


@pytest.mark.parametrize(
    ("name", "zone", "stations", "ends"),
    [
        ("dublin-dart", "Europe/Dublin", 25, ("Bray", "Howth Junction")),
        ("nyc-1", "America/New_York", 8, ("142", "101")),
        ("sydney-m1", "Australia/Sydney", 21, ("Tallawong", "Sydenham")),
        ("sydney-t4", "Australia/Sydney", 17, ("Hurstville", "Bondi Junction")),
    ],
)
def test_real_lines(real_line, name, zone, stations, ends):
    log = read_arrivals(Path(real_line(name)) / "arrivals.parquet")
    line = Line.from_arrivals(log, zone)
    assert len(line.stations) == stations
    assert (line.station_names[0], line.station_names[-1]) == ends
    assert None not in line.stop_ids(0) + line.stop_ids(1)
