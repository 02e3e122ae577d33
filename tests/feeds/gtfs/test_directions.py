"""Schedules that leave direction_id out, and lines made of several routes."""

import re
from zipfile import ZipFile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.gtfs.directions import directed
from headway_prediction.feeds.gtfs.line import line_of_route, read_route_line, route_patterns
from headway_prediction.feeds.gtfs.line_notes import describe_choices
from headway_prediction.feeds.gtfs.tables import open_schedule
from headway_prediction.feeds.gtfs.timetable import read_timetable
from headway_prediction.transit.line_toml import read_line_toml
from helpers.lines import headway, stop_times, stops_table, trips_table, write_gtfs

WAYS = [(0, "ABCD"), (0, "ABCD"), (0, "BCD"), (0, "AC"), (1, "DCBA"), (1, "DCB"), (1, "DA")]


def write_ways(path, ways, *, with_direction=(), routes=None):
    """A zip with a trip per (direction, stops), every ten minutes; those numbered `with_direction` have a direction_id."""
    routes = routes or ["R"] * len(ways)
    trips = [
        (route, "wk", f"t{k}", direction if k in with_direction else "")
        for k, (route, (direction, _)) in enumerate(zip(routes, ways, strict=True))
    ]
    times = {
        f"t{k}": [(stop, f"{8 + k // 6:02}:{10 * (k % 6) + place:02}:00") for place, stop in enumerate(stops)]
        for k, (_, stops) in enumerate(ways)
    }
    named = "\n".join(f"{route},x,{route},1" for route in sorted(set(routes)))
    return write_gtfs(
        path,
        {
            "routes.txt": f"route_id,agency_id,route_short_name,route_type\n{named}\n",
            "trips.txt": trips_table(trips),
            "stop_times.txt": stop_times(times),
            "stops.txt": stops_table(sorted({stop for _, stops in ways for stop in stops})),
        },
    )


def found_in(path, route=None):
    """The line, its timetable's planned passings without trip keys, and what was chosen."""
    schedule = open_schedule(path)
    patterns = route_patterns(schedule, route)
    found = line_of_route(schedule, patterns)
    plan = read_timetable(path, found.line, found.route_id)
    return (
        found,
        plan.planned.sort("direction", "station", "minute"),
        describe_choices(schedule, patterns, found),
    )


def test_missing_directions_follow_from_the_order_of_stops(tmp_path):
    everything = range(len(WAYS))
    whole, whole_plan, notes = found_in(write_ways(tmp_path / "whole.zip", WAYS, with_direction=everything))
    assert not any("direction of" in sentence for sentence in notes)
    for name, with_direction in (("none", ()), ("some", (1, 5))):
        found, plan, notes = found_in(
            write_ways(tmp_path / f"{name}.zip", WAYS, with_direction=with_direction)
        )
        assert found.line == whole.line and plan.equals(whole_plan)
        sentence = notes[0]
        assert sentence.startswith(f"The schedule gives no direction for {7 - len(with_direction)} trips.")
        assert "direction 0 is towards D Street and direction 1 towards A Street" in sentence


def test_the_directions_that_are_given_say_which_is_which(tmp_path):
    turned = [(1 - direction, stops) for direction, stops in WAYS]
    found, _, _ = found_in(write_ways(tmp_path / "turned.zip", turned, with_direction=[6]))
    assert found.line.stop_ids(0) == list("DCBA")


def test_a_zip_without_the_column_is_read_too(tmp_path):
    expected = read_route_line(write_ways(tmp_path / "route.zip", WAYS)).line
    with ZipFile(tmp_path / "route.zip") as whole, ZipFile(tmp_path / "bare.zip", "w") as bare:
        for name in whole.namelist():
            text = whole.read(name).decode()
            cut = name == "trips.txt"
            bare.writestr(
                name, "\n".join(row.rpartition(",")[0] if cut else row for row in text.splitlines())
            )
    assert read_route_line(tmp_path / "bare.zip").line == expected


def test_a_plan_of_a_known_line_takes_its_directions_from_the_line(tmp_path):
    line = read_route_line(write_ways(tmp_path / "whole.zip", WAYS, with_direction=range(7))).line
    # Of all routes of a zip: X and Y meet the line at one stop, where nothing tells their direction.
    other = write_ways(
        tmp_path / "bare.zip", [*WAYS, (0, "XBY")], routes=["R"] * len(WAYS) + ["Q"], with_direction=[0]
    )
    plan = read_timetable(other, line).planned
    assert plan.height == sum(len(stops) for _, stops in WAYS)
    assert plan.filter(direction=1).height == sum(len(stops) for direction, stops in WAYS if direction)


@pytest.mark.parametrize("ways", [[(0, "ABC"), (1, "CBA"), (0, "XY")], [(0, "ABC"), (1, "CBA"), (0, "XBY")]])
def test_a_trip_without_a_direction_is_refused(tmp_path, ways):
    path = write_ways(tmp_path / "route.zip", ways)
    with pytest.raises(
        HeadwayError, match=r"for 1 of them .*example t2.* the stops do not decide which way they run"
    ):
        read_route_line(path)


def test_trips_all_of_one_way_are_one_direction(tmp_path):
    with pytest.raises(HeadwayError, match="trips in one direction only"):
        read_route_line(write_ways(tmp_path / "route.zip", [(0, "ABC"), (0, "AB")]))


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    trains=st.lists(
        st.tuples(
            st.lists(st.integers(0, 6), min_size=2, max_size=7, unique=True).map(sorted), st.booleans()
        ),
        max_size=12,
    )
)
def test_trains_along_a_line_and_back_get_different_directions(trains):
    through = tuple("ABCDEFG")
    ways = {through: 100}
    truth = {through: 0}
    for places, back in trains:
        way = tuple(through[place] for place in (places[::-1] if back else places))
        ways[way], truth[way] = ways.get(way, 0) + 1, int(back)
    assert directed(ways, {}) == truth
    assert directed(ways, {through[::-1]: 1}) == {way: 1 - direction for way, direction in truth.items()}


def test_routes_that_continue_each_other_are_one_line(tmp_path, capfd):
    ways = [(0, "ABC"), (1, "CBA"), (0, "CDE"), (1, "EDC"), (0, "XY"), (1, "YX")]
    routes = ["north", "north", "south", "south", "other", "other"]
    path = write_ways(tmp_path / "routes.zip", ways, routes=routes, with_direction=range(6))
    found, plan, _ = found_in(path, "north, south")
    assert (found.line.line_id, found.route_id) == ("north+south", "north,south")
    assert found.line.stop_ids(0) == list("ABCDE") and found.line.stop_ids(1) == list("ABCDE")
    assert plan.height == 12
    out = tmp_path / "line.toml"
    assert headway("line", path, "--route", "north", "--route", "south", "--out", out) == 0
    assert "of route north,south" in capfd.readouterr().out
    again = read_line_toml(out)
    assert (again.line, again.route_id) == (found.line, "north,south")
    assert headway("line", path, "--line", out) == 0


def test_one_unknown_route_of_several_is_named(tmp_path):
    path = write_ways(tmp_path / "routes.zip", [(0, "AB"), (1, "BA")], with_direction=range(2))
    with pytest.raises(HeadwayError, match=re.escape("no route 'S'; expected one of R")):
        read_route_line(path, "R,S")
