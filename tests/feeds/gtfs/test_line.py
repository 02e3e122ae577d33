"""A GTFS route to its Line: branches, parent stations, loops, and what is said about them."""

from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.gtfs.line import line_of_route, read_route_line, route_patterns
from headway_prediction.feeds.gtfs.line_notes import describe_choices
from headway_prediction.feeds.gtfs.tables import open_schedule
from headway_prediction.feeds.gtfs.timetable import read_time_zone, read_timetable
from headway_prediction.feeds.logs.arrivals import read_arrivals
from headway_prediction.grid.history import history_from_log
from headway_prediction.simulate import Scenario, write_simulation
from headway_prediction.transit.line import Line, Station
from helpers.lines import GTFS_TABLES, log_of, stop_times, stops_table, train, trips_table, write_gtfs

MONDAY = date(2025, 9, 29)


def timed(stops, start=0, run=2):
    """A trip's stops, two minutes apart from `start` minutes past eight."""
    return [
        (stop, f"{8 + (start + run * k) // 60:02}:{(start + run * k) % 60:02}:00")
        for k, stop in enumerate(stops)
    ]


def write_route(folder, forth, back, tables=None, stops=None):
    """A zip of one route whose trips of direction 0 and 1 serve the stops of each of `forth` and `back`."""
    ways = [(0, way) for way in forth] + [(1, way) for way in back]
    named = {f"t{k}": (direction, way) for k, (direction, way) in enumerate(ways)}
    served = sorted({stop for _, way in ways for stop in way})
    own = {
        "trips.txt": trips_table([("R", "wk", trip, direction) for trip, (direction, _) in named.items()]),
        "stop_times.txt": stop_times(
            {trip: timed(way, 5 * k) for k, (trip, (_, way)) in enumerate(named.items())}
        ),
        "stops.txt": stops or stops_table(served),
    }
    return write_gtfs(folder / "route.zip", own | (tables or {}))


def line_and_notes(path, *branch, route_id=None):
    """The line of a route, and the sentences about it as one text."""
    schedule = open_schedule(path)
    route = route_patterns(schedule, route_id)
    found = line_of_route(schedule, route, branch)
    return found, "\n".join(describe_choices(schedule, route, found))


@pytest.fixture
def forked(tmp_path):
    """A trunk T1 T2 and two branches, L1 (two trains each way) and R1."""
    left, right, short = ["T1", "T2", "L1"], ["T1", "T2", "R1"], ["T1", "T2"]
    ways = [left, left, right, short]
    return write_route(tmp_path, ways, [way[::-1] for way in ways])


def test_of_a_fork_the_branch_with_most_planned_passings_is_taken_and_the_others_are_named(forked):
    found, text = line_and_notes(forked)
    assert found.line.stop_ids(0) == found.line.stop_ids(1) == ["T1", "T2", "L1"]
    assert (found.line.line_id, found.line.excluded, found.route_id) == ("R", {"R1"}, "R")
    # 11 passings each way, one of which is at R1.
    assert "forks: it has 2 branches. 91 % of its planned passings fall on the line taken" in text
    assert (
        "Taken: T1 Street to L1 Street, 3 stations; take it with --branch 'T1 Street' --branch 'L1 Street'"
        in text
    )
    assert (
        "Not taken: T1 Street to R1 Street, 3 stations; take it with --branch 'T1 Street' --branch 'R1 Street'"
        in text
    )
    assert "all branches share: T1 Street to T2 Street, 2 stations; take it with --branch trunk" in text
    assert "Excluded from the line: R1 Street." in text


@pytest.mark.parametrize("branch", [["R1"], ["R1 Street"], ["T1 Street", "R1 Street"]])
def test_a_branch_is_taken_by_its_stations(forked, branch):
    line = read_route_line(forked, branch=branch).line
    assert (line.stop_ids(0), line.excluded) == (["T1", "T2", "R1"], {"L1"})


def test_the_trunk_is_a_line_and_every_train_of_either_branch_is_in_its_plan(forked):
    found, text = line_and_notes(forked, "trunk")
    line = found.line
    assert (line.stop_ids(0), line.excluded) == (["T1", "T2"], {"L1", "R1"})
    assert "Taken in part: T1 Street to L1 Street" in text and "Not taken" not in text
    plan = read_timetable(forked, line)
    assert plan.departures(MONDAY, 0, 0).tolist() == [480, 485, 490, 495]
    assert plan.departures(MONDAY, 1, 1).tolist() == [502, 507, 512, 515]


def test_stations_of_two_branches_and_unknown_ones_are_refused(forked):
    with pytest.raises(HeadwayError, match="no branch of R has all of L1, R1"):
        read_route_line(forked, branch=["L1", "R1"])
    with pytest.raises(
        HeadwayError, match="route R has no station 'X'; expected a name or stop id such as L1 Street"
    ):
        read_route_line(forked, branch=["X"])


def test_the_history_of_a_branch_is_built_from_the_log_of_the_whole_route(forked):
    rows = [
        row
        for k, way in enumerate((["T1", "T2", "L1"], ["T1", "T2", "R1"]))
        for row in train(f"t{k}", way, 480 + k)
    ]
    rows += train("back", ["L1", "T2", "T1"], 500, direction=1)
    line = read_route_line(forked).line
    passings = history_from_log(log_of(rows), line).passings
    assert passings.filter(direction=0).group_by("station").len().sort("station")["len"].to_list() == [
        2,
        2,
        1,
    ]


def test_short_turns_and_expresses_of_both_directions_give_one_order_together(tmp_path):
    # Direction 0 alone does not say whether B or C comes first; direction 1 does.
    found, text = line_and_notes(write_route(tmp_path, ["ABE", "ACE", "ABE"], ["EDCB", "CBA"]))
    assert found.line.station_names == [f"{stop} Street" for stop in "ABCDE"]
    assert found.line.stop_ids(0) == ["A", "B", "C", None, "E"]
    assert found.line.stop_ids(1) == ["A", "B", "C", "D", "E"]
    assert "Direction 1: 50 % of the trains start at E Street; the others at C Street (50 %)." in text
    assert "Direction 1: 50 % of the trains end at A Street; the others at B Street (50 %)." in text
    assert (
        "60 % of the trains skip stations between their ends, most often D Street, C Street, B Street."
        in text
    )
    assert "No train of direction 0 serves D Street." in text


PARENTS = (
    "stop_id,stop_name,stop_lat,stop_lon,location_type,parent_station\n"
    "SA,Alpha,53.1,-6,1,\nA1,Alpha platform 1,53.1,-6,0,SA\nA2,Alpha platform 2,53.1,-6,,SA\n"
    "A3,Alpha spare,53.1,-6,0,SA\nAX,Alpha entrance,53.1,-6,2,SA\n"
    "SB,Beta,53.2,-6,1,\nBN,,53.2,-6,0,SB\nBS,Beta,53.2,-6,0,SB\nBA,Beta area,53.2,-6,4,BS\n"
    "C,Gamma,53.3,-6,,\n"
)


def test_platforms_of_one_parent_are_one_station_under_every_stop_id(tmp_path):
    path = write_route(
        tmp_path, [["A1", "BN", "C"]] * 2 + [["A2", "BN", "C"]], [["C", "BA", "A1"]], stops=PARENTS
    )
    found, text = line_and_notes(path)
    alpha, beta, gamma = found.line.stations
    assert (alpha.name, alpha.stop_ids) == ("Alpha", ("A1", "A1"))
    assert (beta.name, beta.stop_ids) == ("Beta", ("BN", "BA"))
    assert gamma == Station("Gamma", ("C", "C")) and gamma.alternative_ids == ((), ())
    assert alpha.alternative_ids == (("A2", "A3", "SA"), ("A3", "SA"))
    # BS is in nobody's plan: a platform that a train may use all the same. An entrance is none.
    assert beta.alternative_ids == (("BS", "SB"), ("BS", "SB"))
    assert (
        "several stop ids for a platform, which all mean it: 2, for example Alpha, A1, A2, A3, SA in direction 0"
        in text
    )
    assert read_timetable(path, found.line).departures(MONDAY, 0, 0).tolist() == [480, 485, 490]


def test_a_log_may_name_platforms_or_their_parent_but_not_the_platform_of_the_other_direction(tmp_path):
    path = write_route(tmp_path, [["A1", "BN", "C"]], [["C", "BS", "A2"]], stops=PARENTS)
    line = read_route_line(path).line
    rows = train("x", ["A1", "BN", "C"], 480) + train("y", ["SA", "SB", "C"], 490)
    rows += train("z", ["C", "BS", "A2"], 500, direction=1) + train("u", ["C", "SB", "A3"], 510, direction=1)
    passings = history_from_log(log_of(rows), line).passings
    assert passings.group_by("direction", "station").len()["len"].to_list() == [2] * 6
    with pytest.raises(HeadwayError, match="the stop 'A2' in direction 0, which is not on R"):
        history_from_log(log_of([*rows, *train("w", ["A2", "BN"], 520)]), line)


def test_stops_without_a_parent_are_one_station_by_their_name(tmp_path):
    names = {"A1": "Alpha", "A2": "Alpha", "B1": "Beta", "B2": "Beta"}
    stops = stops_table(names, names)
    found = read_route_line(
        write_route(tmp_path, [["A1", "B1"]] * 2 + [["A2", "B1"]], [["B2", "A2"]], stops=stops)
    )
    assert found.line.stations == (Station("Alpha", ("A1", "A2")), Station("Beta", ("B1", "B2")))
    assert found.line.stations[0].alternative_ids == (("A2",), ())


def test_stops_of_one_name_far_apart_or_on_one_train_are_two_stations(tmp_path):
    head = "stop_id,stop_name,stop_lat,stop_lon\n"
    far = head + "W1,Western,53.1,-6\nM,Middle,53.2,-6\nW2,Western,53.3,-6\nE,End,53.4,-6\n"
    ways = [["W1", "M"], ["M", "W2", "E"]]
    line = read_route_line(write_route(tmp_path, ways, [way[::-1] for way in ways[::-1]], stops=far)).line
    assert line.station_names == ["Western", "Middle", "Western", "End"]
    near = head + "W1,Western,53.1,-6\nM,Middle,53.1,-6\nW2,Western,53.1,-6\n"
    line = read_route_line(write_route(tmp_path, [["W1", "M", "W2"]], [["W2", "M", "W1"]], stops=near)).line
    assert line.stop_ids(0) == line.stop_ids(1) == ["W1", "M", "W2"]


def test_a_loop_is_cut_at_the_same_place_in_both_directions_with_a_notice(tmp_path):
    path = write_route(tmp_path, ["ABCDA"], ["ADCBA"])
    found, text = line_and_notes(path)
    assert found.line.stop_ids(0) == found.line.stop_ids(1) == list("ABCD")
    assert (
        "Some trains pass A Street twice: of a trip's planned passings there the first counts in direction 0"
        in text
    )
    plan = read_timetable(path, found.line)
    assert plan.departures(MONDAY, 0, 0).tolist() == [480]
    assert plan.departures(MONDAY, 1, 0).tolist() == [493]


def test_a_stop_served_twice_on_a_detour_counts_once_in_the_plan(tmp_path):
    path = write_route(tmp_path, ["ABCBD"], ["DBCBA"])
    line = read_route_line(path).line
    assert line.stop_ids(0) == list("ABCD")
    assert read_timetable(path, line).departures(MONDAY, 0, 1).tolist() == [482]


def test_changing_the_platform_within_a_station_is_no_loop(tmp_path):
    path = write_route(tmp_path, [["A1", "A2", "BN"]], [["BS", "A1"]], stops=PARENTS)
    found, text = line_and_notes(path)
    assert found.line.station_names == ["Alpha", "Beta"] and "twice" not in text
    assert read_timetable(path, found.line).departures(MONDAY, 0, 0).tolist() == [480]


def test_strange_trains_do_not_overturn_the_order_and_are_named(tmp_path):
    found, text = line_and_notes(write_route(tmp_path, ["ABCD"] * 5 + ["ACBD"], ["DCBA"] * 4))
    assert found.line.stop_ids(0) == list("ABCD")
    assert (
        "10 % of the trains pass C Street before B Street along direction 0, against the order of most"
        in text
    )


def test_directions_that_do_not_mirror_each_other_are_refused(tmp_path):
    with pytest.raises(
        HeadwayError, match="most trains of route R in direction 1 do not pass the stations in the reverse"
    ):
        read_route_line(write_route(tmp_path, ["ABC", "ABC"], ["ABC"]))


def test_one_direction_alone_and_trips_that_never_run_are_refused(tmp_path):
    with pytest.raises(HeadwayError, match="trips in one direction only"):
        read_route_line(write_route(tmp_path, ["AB"], []))
    trips = trips_table([("R", "never", "t0", 0), ("R", "never", "t1", 1), ("Q", "wk", "t2", 0)])
    path = write_route(tmp_path, ["AB"], ["BA", "AB"], {"trips.txt": trips})
    with pytest.raises(HeadwayError, match="no trip of R ever runs"):
        read_route_line(path, "R")


def test_patterns_count_by_the_days_they_run(tmp_path):
    calendar = GTFS_TABLES["calendar.txt"] + "once,1,1,1,1,1,1,1,20250929,20250929\n"
    trips = [("R", "once", "t0", 0), ("R", "once", "t1", 0), ("R", "wk", "t2", 0), ("R", "wk", "t3", 1)]
    tables = {"calendar.txt": calendar, "trips.txt": trips_table([*trips, ("R", "never", "t4", 0)])}
    found, text = line_and_notes(write_route(tmp_path, ["AL", "AL", "AR"], ["RA", "AL"], tables))
    assert found.line.stop_ids(0) == ["A", "R"]
    assert "Trips that run on no date and are ignored: 1." in text


MANY = {
    "routes.txt": "route_id,agency_id,route_short_name,route_long_name,route_type\n"
    "R,x,1,Red,1\nQ,x,2,,1\nS,x,,Shuttle,1\nT1,x,T,,1\nT2,x,T,,1\nunused,x,9,,1\n",
    "trips.txt": trips_table([(r, "wk", f"{r}{d}", d) for r in ("R", "Q", "S", "T1", "T2") for d in (0, 1)]),
    "stop_times.txt": stop_times(
        {f"{r}{d}": timed("AB"[:: 1 - 2 * d]) for r in ("R", "Q", "S", "T1", "T2") for d in (0, 1)}
    ),
}


def test_a_route_is_named_by_id_or_short_name_and_the_ones_that_exist_are_listed(tmp_path):
    path = write_route(tmp_path, ["AB"], [], MANY)
    assert read_route_line(path, "Q").route_id == read_route_line(path, "2").route_id == "Q"
    listed = r"Q \(2\), R \(1\), S \(Shuttle\), T1 \(T\), T2 \(T\)"
    with pytest.raises(
        HeadwayError, match=rf"no route 'X'; expected one of {listed}; pass one .* short name"
    ):
        read_route_line(path, "X")
    with pytest.raises(HeadwayError, match=rf"holds 5 routes \({listed}\); expected one route"):
        read_route_line(path)
    with pytest.raises(HeadwayError, match="2 routes have the short name 'T'; expected one of T1, T2"):
        read_route_line(path, "T")
    with pytest.raises(HeadwayError, match="no route 'unused'"):
        read_route_line(path, "unused")


def test_agency_ids_may_be_missing_where_there_is_one_agency(tmp_path):
    tables = {
        "agency.txt": "agency_name,agency_url,agency_timezone\nToy,https://example.org,Europe/Dublin\n",
        "routes.txt": "route_id,route_short_name,route_type\nR,R,1\n",
    }
    assert read_route_line(write_route(tmp_path, ["AB"], ["BA"], tables)).line.time_zone == "Europe/Dublin"
    blank = {"routes.txt": "route_id,agency_id,route_short_name,route_type\nR,,R,1\n"}
    assert read_route_line(write_route(tmp_path, ["AB"], ["BA"], blank)).line.time_zone == "Europe/Dublin"


def test_what_frequencies_and_blank_times_mean_is_said(tmp_path):
    frequencies = "trip_id,start_time,end_time,headway_secs,exact_times\nt0,06:00:00,07:00:00,600,{}\n"
    times = stop_times({"t0": timed("ABC"), "t1": timed("CBA")}).replace("t1,08:02:00,08:02:00", "t1,,")
    for exact, promised in (("", False), ("0", False), ("1", True)):
        tables = {"frequencies.txt": frequencies.format(exact), "stop_times.txt": times}
        found, text = line_and_notes(write_route(tmp_path, ["ABC"], ["CBA"], tables))
        assert "Trips that frequencies.txt repeats from the start of each period: 1." in text
        assert (
            "Of 1 of these only the headway is promised, not the minute (exact_times 0)." in text
        ) != promised
        assert "Blank stop times, interpolated between the timed stops of their trips: 1." in text
        assert found.line.stop_ids(0) == list("ABC")


@pytest.mark.parametrize(
    ("table", "text", "said"),
    [
        ("stops.txt", "stop_id,stop_name\nA,Alpha\n", "has the stop 'B' in the trip t0 but not in stops.txt"),
        ("stops.txt", "stop_id,stop_name\n", "stops.txt is missing or has no rows"),
        ("trips.txt", "route_id,service_id,trip_id\nR,wk,t0\n", "route R has trips in one direction only"),
        ("trips.txt", "route_id,service_id,trip_id,direction_id\nR,wk,t0,2\n", "has the direction_id 2"),
        (
            "trips.txt",
            "route_id,service_id,trip_id,direction_id\nR,,t0,0\n",
            "trips.txt has a row without service_id",
        ),
        ("trips.txt", trips_table([("R", "wk", "t0", 0)] * 2), "has the trip t0 twice"),
        ("calendar.txt", "service_id,monday\nwk,1\n", "calendar.txt has no column tuesday"),
        ("calendar.txt", None, "calendar.txt and calendar_dates.txt are both missing"),
        ("calendar_dates.txt", "service_id,date,exception_type\nwk,tomorrow,1\n", "tomorrow"),
        (
            "agency.txt",
            "agency_name,agency_timezone\nToy,Mars/Olympus\n",
            "time zone 'Mars/Olympus' is unknown",
        ),
        ("agency.txt", "agency_name,agency_timezone\nToy,\n", "agency.txt has a row without agency_timezone"),
        (
            "frequencies.txt",
            "trip_id,start_time,end_time,headway_secs\nt0,06:00:00,07:00:00,0\n",
            "frequencies.txt has the trip t0 from 21600 s to 25200 s every 0 s",
        ),
        (
            "frequencies.txt",
            "trip_id,start_time,end_time,headway_secs\nt0,06:00:00,,600\n",
            "frequencies.txt has the trip t0 from 21600 s to None s",
        ),
    ],
)
def test_what_is_missing_or_senseless_in_a_zip_is_a_sentence(tmp_path, table, text, said):
    with pytest.raises(HeadwayError, match=said):
        read_route_line(write_route(tmp_path, ["AB"], ["BA"], {table: text}))


def test_dublin_has_one_line_as_its_log_has(real_line):
    folder = real_line("dublin-dart")
    found, text = line_and_notes(folder / "gtfs.zip")
    log = read_arrivals(folder / "arrivals.parquet")
    assert found.line.stations == Line.from_arrivals(log, read_time_zone(folder / "gtfs.zip")).stations
    assert "forks" not in text
    assert "Direction 0: 99 % of the trains start at Bray" in text
    assert "Under 1 % of the trains pass Dublin Pearse before Grand Canal Dock along direction 0" in text


def test_the_zip_of_a_simulated_line_gives_the_simulated_line(tmp_path):
    scenario = Scenario.of_size(6)
    arrivals, gtfs = write_simulation(tmp_path, scenario, days=7, seed=0)
    found, text = line_and_notes(gtfs)
    assert found.line == Line.from_arrivals(read_arrivals(arrivals), scenario.time_zone)
    assert found.line.station_names == list(scenario.station_names)
    assert text.splitlines() == [
        f"Direction {d}: 100 % of the trains {verb} at {name}."
        for d, ends in ((0, scenario.station_names), (1, scenario.station_names[::-1]))
        for verb, name in (("start", ends[0]), ("end", ends[-1]))
    ]


SLOW = {"suppress_health_check": [HealthCheck.function_scoped_fixture]}


@given(st.data())
@settings(max_examples=15, **SLOW)
def test_a_simulated_order_cut_into_patterns_of_both_directions_is_found_again(tmp_path, data):
    order = data.draw(st.permutations("ABCDEF"))
    cut = st.sets(st.sampled_from(order), min_size=2).map(lambda kept: [s for s in order if s in kept])
    forth, back = (data.draw(st.lists(cut, min_size=1, max_size=4)) for _ in "01")
    whole = data.draw(st.sampled_from([forth, back]))
    whole.append(list(order))
    line = read_route_line(write_route(tmp_path, forth, [way[::-1] for way in back])).line
    assert line.station_names == [f"{stop} Street" for stop in order]
    for direction, ways in enumerate((forth, back)):
        served = set().union(*ways)
        assert line.stop_ids(direction) == [stop if stop in served else None for stop in order]


SMALL = {
    "trips.txt": trips_table([("R", "wk", "t0", 0), ("R", "wk", "t1", 1)]),
    "stop_times.txt": stop_times({"t0": timed("ABC"), "t1": timed("CBA")}),
    "stops.txt": stops_table("ABC"),
    "frequencies.txt": "trip_id,start_time,end_time,headway_secs,exact_times\nt0,06:00:00,07:00:00,1800,0\n",
    "calendar_dates.txt": "service_id,date,exception_type\nwk,20251004,1\n",
}
CELLS = st.sampled_from(
    ["", " ", "0", "-1", "1e9", "nan", "25:61:61", "99999999", "\u0000", "é", '"', "A", "t0", "x,y"]
)


@given(st.data())
@settings(max_examples=60, **SLOW)
def test_a_zip_with_any_cell_spoilt_is_read_or_refused_with_a_sentence(tmp_path, data):
    tables = GTFS_TABLES | SMALL
    name = data.draw(st.sampled_from(sorted(tables)))
    rows = [line.split(",") for line in tables[name].splitlines()]
    row = data.draw(st.integers(0, len(rows) - 1))
    rows[row][data.draw(st.integers(0, len(rows[row]) - 1))] = data.draw(CELLS)
    path = write_gtfs(tmp_path / "spoilt.zip", tables | {name: "\n".join(map(",".join, rows)) + "\n"})
    try:
        found, text = line_and_notes(path)
        assert text and read_timetable(path, found.line).planned["minute"].is_finite().all()
    except HeadwayError as refusal:
        assert "\n" not in str(refusal)


@given(st.data())
@settings(max_examples=30, **SLOW)
def test_a_zip_with_any_byte_spoilt_is_read_or_refused_with_a_sentence(tmp_path, data):
    path = write_gtfs(tmp_path / "bytes.zip", SMALL)
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    kept = data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))
    path.write_bytes(content[:kept])
    try:
        line_and_notes(path)
    except HeadwayError as refusal:
        assert "\n" not in str(refusal)
