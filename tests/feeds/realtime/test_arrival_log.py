"""From a journal to the arrival log, and from recorded polls to a grid with the command line."""

from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.gtfs.tables import open_schedule
from headway_prediction.feeds.logs.arrivals import check_arrivals
from headway_prediction.feeds.realtime.arrival_log import Excluded, tidy_log, with_local_times
from headway_prediction.feeds.realtime.metadata import FeedMetadata, metadata_from_line
from headway_prediction.feeds.realtime.passing import Evidence, Passing, Run
from headway_prediction.feeds.realtime.recorded import recorded_polls
from headway_prediction.feeds.realtime.snapshot import Poll, TripKey
from headway_prediction.simulate import Scenario, plan_day, write_simulation
from headway_prediction.simulate.feed.polls import polls
from headway_prediction.simulate.log import log_table
from headway_prediction.simulate.trains import run_day
from headway_prediction.transit.line import Station
from headway_prediction.transit.route_line import line_id_of, route_line, routes_of
from helpers.lines import headway
from helpers.realtime_feed import poll, update

DUBLIN = FeedMetadata("Europe/Dublin")


def passing(
    trip: str,
    stop_id: str,
    local: str,
    *,
    date_: str = "20250929",
    direction: int | None = 0,
    route: str = "R",
    spread: float = 10,
    first_seen: float = 0,
) -> Passing:
    """A passing at a local time of Dublin, such as 2025-09-29T08:00:00+01:00."""
    time = datetime.fromisoformat(local).timestamp()
    run = Run(TripKey(date_, trip), first_seen, route, direction)
    return Passing(run, stop_id, time, time - spread, time + spread, Evidence.LEFT, (time - 15, time))


def rows(log: pl.DataFrame, *columns: str) -> list[tuple]:
    return log.select(columns).rows()


THERE_AND_BACK = [
    passing("T", "A", "2025-09-29T08:00:00+01:00"),
    passing("T", "B", "2025-09-29T08:02:00+01:00"),
    passing("T", "C", "2025-09-29T08:04:00+01:00"),
    passing("U", "B", "2025-09-29T08:12:00+01:00"),
    passing("U", "C", "2025-09-29T08:14:00+01:00"),
    passing("V", "C", "2025-09-29T08:20:00+01:00", direction=1),
    passing("V", "A", "2025-09-29T08:24:00+01:00", direction=1),
]


def test_the_log_has_the_format_that_the_grid_reads():
    log, excluded = tidy_log(THERE_AND_BACK, DUBLIN)
    written = with_local_times(log, DUBLIN.time_zone)
    assert check_arrivals(log).equals(log) and check_arrivals(written).equals(log)
    assert excluded == Excluded(0, 0, 0, 0)
    assert written.row(0) == ("R", "2025-09-29", "T", 0, "A", "A", 0, "2025-09-29T08:00:00+01:00")


def test_stops_are_numbered_along_the_line_even_for_a_train_first_seen_halfway():
    log, _ = tidy_log(THERE_AND_BACK, DUBLIN)
    assert rows(log.filter(trip_id="U"), "stop_id", "stop_sequence") == [("B", 1), ("C", 2)]


def test_stops_of_a_fork_are_numbered_along_each_trip():
    fork = [
        passing("T", "A", "2025-09-29T08:00:00+01:00"),
        passing("T", "B", "2025-09-29T08:02:00+01:00"),
        passing("U", "A", "2025-09-29T08:10:00+01:00"),
        passing("U", "C", "2025-09-29T08:12:00+01:00"),
    ]
    log, _ = tidy_log(fork, DUBLIN)
    assert rows(log, "trip_id", "stop_id", "stop_sequence") == [
        ("T", "A", 0),
        ("T", "B", 1),
        ("U", "A", 0),
        ("U", "C", 1),
    ]


@pytest.mark.parametrize("start_date", ["", "yesterday", "19991231"])
def test_without_a_plausible_start_date_a_night_train_is_of_the_day_before(start_date):
    night = [passing("T", "A", "2025-09-30T01:30:00+01:00", date_=start_date)]
    assert tidy_log(night, DUBLIN)[0]["service_date"].to_list() == [date(2025, 9, 29)]


def test_the_service_date_is_the_start_date_of_the_trip():
    night = [passing("T", "A", "2025-09-30T01:30:00+01:00", date_="20250930")]
    assert tidy_log(night, DUBLIN)[0]["service_date"].to_list() == [date(2025, 9, 30)]


def test_a_trip_id_that_runs_twice_on_a_date_is_two_trips():
    twice = [
        passing("T", "A", "2025-09-29T08:00:00+01:00", first_seen=1),
        passing("T", "A", "2025-09-29T12:00:00+01:00", first_seen=2),
    ]
    assert tidy_log(twice, DUBLIN)[0]["trip_id"].to_list() == ["T", "T#2"]


def test_new_york_platform_ids_give_direction_and_station():
    ids = [passing("T", "A02N", "2025-09-29T08:00:00+01:00", direction=None)]
    ids += [passing("U", "A02S", "2025-09-29T08:01:00+01:00", direction=None)]
    log, _ = tidy_log(ids, DUBLIN)
    assert rows(log, "stop_id", "stop_name", "direction_id") == [("A02N", "A02", 0), ("A02S", "A02", 1)]


def test_the_schedule_completes_the_feed():
    metadata = FeedMetadata("Europe/Dublin", {"A": "Abbey Street"}, {"T": "R"}, {"T": 1})
    log, _ = tidy_log([passing("T", "A", "2025-09-29T08:00:00+01:00", direction=None, route="")], metadata)
    assert rows(log, "line_id", "direction_id", "stop_name") == [("R", 1, "Abbey Street")]


LINE = route_line(
    "red",
    "Europe/Dublin",
    [
        Station("Abbey", ("A1", "A2"), (("A9",), ())),
        Station("Bay", ("B", "B")),
        Station("Cross", ("C1", "C2")),
    ],
    "R",
    [Station("Yard", ("Y", "Y"))],
).line


def test_a_line_gives_names_and_directions_and_excludes_other_stops():
    some = [
        passing("T", "A9", "2025-09-29T08:00:00+01:00", direction=None),
        passing("T", "C1", "2025-09-29T08:04:00+01:00", direction=None),
        passing("U", "B", "2025-09-29T08:05:00+01:00", direction=1),
        passing("U", "B", "2025-09-29T08:06:00+01:00", direction=None),  # of both directions
        passing("V", "Y", "2025-09-29T08:07:00+01:00"),  # excluded from the line on purpose: logs may have it
        passing("V", "X", "2025-09-29T08:08:00+01:00"),  # a detour
        passing("V", "C2", "2025-09-29T08:09:00+01:00"),  # the other direction's platform
    ]
    log, excluded = tidy_log(some, metadata_from_line(LINE), "R")
    assert rows(log, "line_id", "stop_id", "stop_name", "direction_id") == [
        ("red", "A9", "Abbey", 0),
        ("red", "C1", "Cross", 0),
        ("red", "B", "Bay", 1),
        ("red", "Y", "Y", 0),
    ]
    assert excluded == Excluded(0, without_direction=1, off_the_line=2, too_uncertain=0)


def test_a_line_overrides_its_schedule():
    schedule = FeedMetadata("UTC", {"A1": "Abbey Street", "Y": "Yard"}, {"T": "R"}, {"T": 1})
    metadata = metadata_from_line(LINE, schedule)
    assert (metadata.time_zone, metadata.stop_names["A1"], metadata.stop_names["Y"]) == (
        "Europe/Dublin",
        "Abbey",
        "Yard",
    )
    assert (metadata.routes, metadata.directions) == (schedule.routes, schedule.directions)


def test_a_feed_without_routes_belongs_to_the_given_line():
    unnamed = [passing("T", "A1", "2025-09-29T08:00:00+01:00", route="")]
    assert tidy_log(unnamed, metadata_from_line(LINE), "R")[0]["line_id"].to_list() == ["red"]
    with pytest.raises(HeadwayError, match="at a stop of red"):
        tidy_log([passing("T", "X", "2025-09-29T08:00:00+01:00")], metadata_from_line(LINE), "R")


def test_routes_of_one_line_are_joined_with_commas_or_by_the_line_id():
    assert routes_of("A") == {"A"} and routes_of("A, C") == {"A, C", "A", "C"}
    assert routes_of(line_id_of("A,C")) == {"A+C", "A", "C"}
    assert routes_of("M15+") == {"M15+"} and routes_of("") == {""}


def test_the_trains_of_joined_routes_are_one_log():
    three = [
        passing(route, "A", f"2025-09-29T08:0{k}:00+01:00", route=route) for k, route in enumerate("RST")
    ]
    log, excluded = tidy_log(three, DUBLIN, "R,S")
    assert rows(log, "line_id", "trip_id") == [("R+S", "R"), ("R+S", "S")]
    assert excluded.other_routes == 1
    assert rows(tidy_log(three, DUBLIN, "R,Q")[0], "trip_id") == [("R",)]  # Q has no trains just now
    renamed = [passing("T", "A", "2025-09-29T08:00:00+01:00", route="R,S"), three[0]]
    assert rows(tidy_log(renamed, DUBLIN, "R,S")[0], "trip_id") == [("R",), ("T",)]  # in the journal's order


def test_excluded_passings_are_counted_by_reason():
    some = [
        passing("T", "A", "2025-09-29T08:00:00+01:00"),
        passing("U", "A", "2025-09-29T08:05:00+01:00", spread=400),
        passing("V", "A", "2025-09-29T08:10:00+01:00", direction=None),
        passing("W", "A", "2025-09-29T08:15:00+01:00", route="S"),
    ]
    log, excluded = tidy_log(some, DUBLIN, "R", max_uncertainty_secs=300)
    assert log["trip_id"].to_list() == ["T"]
    assert excluded == Excluded(other_routes=1, without_direction=1, off_the_line=0, too_uncertain=1)


def test_one_of_several_routes_must_be_named_and_an_unknown_one_is_refused():
    two = [passing("T", "A", "2025-09-29T08:00:00+01:00", route=route) for route in ("R", "S")]
    with pytest.raises(HeadwayError, match=r"'R', 'S'.*--route"):
        tidy_log(two, DUBLIN)
    with pytest.raises(HeadwayError, match="'R', 'S' and none of 'Q'"):
        tidy_log(two, DUBLIN, "Q")
    with pytest.raises(HeadwayError, match="a passing takes two"):
        tidy_log([], DUBLIN)


SCENARIO = Scenario.of_size(4)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> Path:
    """A folder with the polls of half an hour of a simulated line, named by their fetch times."""
    folder = tmp_path_factory.mktemp("recorded")
    plan = plan_day(SCENARIO, SCENARIO.start_date)
    for each in polls(SCENARIO, plan, run_day(SCENARIO, plan, 5), between_secs=(7 * 3600, 7.5 * 3600)):
        (folder / f"{each.fetched_at:.3f}.pb").write_bytes(each.body)
    return folder


def test_recorded_polls_become_a_log_and_a_grid(recorded, tmp_path, capfd):
    write_simulation(tmp_path, SCENARIO, days=1, seed=5)
    log, grid = tmp_path / "from_feed.parquet", tmp_path / "grid.zarr"
    assert headway("arrivals", recorded, "--gtfs", tmp_path / "gtfs.zip", "--out", log) == 0
    stderr = capfd.readouterr().err
    assert "polls: 120 applied" in stderr and "stopped" in stderr
    assert headway("grid", "--arrivals", log, "--gtfs", tmp_path / "gtfs.zip", "--out", grid) == 0
    # The same trains, stops and dates as the simulator's own log of that half hour, to the second or so.
    plan = plan_day(SCENARIO, SCENARIO.start_date)
    own = log_table(SCENARIO, SCENARIO.start_date, run_day(SCENARIO, plan, 5))
    key = ["service_date", "trip_id", "direction_id", "stop_id", "stop_name", "stop_sequence", "line_id"]
    both = check_arrivals(pl.read_parquet(log)).join(check_arrivals(own), on=key, how="left")
    assert both["event_time_right"].null_count() == 0 and both.height > 30
    assert (both["event_time"] - both["event_time_right"]).abs().median().total_seconds() < 15


def test_the_log_of_a_line_makes_the_grid_of_that_line(recorded, tmp_path, capfd):
    write_simulation(tmp_path, SCENARIO, days=1, seed=5)
    line, log, grid = tmp_path / "line.toml", tmp_path / "from_feed.parquet", tmp_path / "grid.zarr"
    assert headway("line", tmp_path / "gtfs.zip", "--line-id", "mine", "--out", line) == 0
    assert headway("arrivals", recorded, "--line", line, "--out", log) == 0
    assert headway("grid", "--arrivals", log, "--line", line, "--out", grid) == 0
    found = pl.read_parquet(log)
    assert found["line_id"].unique().to_list() == ["mine"]
    assert set(found["stop_name"]) == set(SCENARIO.station_names)
    zoned = ("--line", line, "--time-zone", "UTC")
    assert headway("arrivals", recorded, *zoned, "--out", log) == 2
    assert "--time-zone was given together with the line" in capfd.readouterr().err


def test_files_that_are_no_polls_are_named_and_skipped(recorded, tmp_path, capfd):
    for file in sorted(recorded.iterdir())[:60]:
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "page.pb").write_bytes(b"<!DOCTYPE html>")
    (tmp_path / "truncated.gz").write_bytes(b"\x1f\x8b\x08")
    (tmp_path / "notes.txt").write_text("not a poll")
    log = tmp_path / "log.parquet"
    assert headway("arrivals", tmp_path, "--time-zone", SCENARIO.time_zone, "--out", log) == 0
    stderr = capfd.readouterr().err
    assert (
        f"{tmp_path / 'page.pb'} is skipped" in stderr and f"{tmp_path / 'truncated.gz'} is skipped" in stderr
    )
    assert "notes.txt" not in stderr
    assert pl.read_parquet(log).height > 5


def test_each_invalid_argument_is_one_sentence(recorded, tmp_path, capfd):
    out = tmp_path / "log.parquet"
    zone = ("--time-zone", "America/Chicago")
    for args, sentence in (
        ((recorded,), "no time zone"),
        ((tmp_path / "nowhere", *zone), "there is no file or folder"),
        ((tmp_path, *zone), "there is no recorded poll"),
        ((recorded, *zone, "--route", "Q"), "none of 'Q'"),
        ((recorded, "--time-zone", "Mars/Olympus"), "unknown"),
    ):
        assert headway("arrivals", *args, "--out", out) == 2
        assert sentence in capfd.readouterr().err
        assert not out.exists()


def test_files_are_dated_by_their_name_or_else_their_header(tmp_path):
    first, second = poll(0, update("T", {"A": 10})), poll(15, update("T", {"A": 11}))
    (tmp_path / "b.pb").write_bytes(first.body)
    (tmp_path / f"feed-{second.fetched_at - 30:.0f}.pb").write_bytes(second.body)
    undated = poll(0, header=None).body
    (tmp_path / "undated.pb").write_bytes(undated)
    faults = []
    assert list(recorded_polls([tmp_path], faults.append)) == [
        Poll(second.fetched_at - 30, second.body),
        Poll(first.fetched_at, first.body),
    ]
    assert len(faults) == 1 and "undated.pb" in faults[0]


def test_service_dates_are_dates(recorded, tmp_path):
    out = tmp_path / "log.parquet"
    assert headway("arrivals", recorded, "--time-zone", SCENARIO.time_zone, "--out", out) == 0
    assert check_arrivals(pl.read_parquet(out))["service_date"].unique().to_list() == [date(2025, 9, 8)]


def test_a_schedule_that_is_no_zip_is_refused(tmp_path):
    (tmp_path / "gtfs.zip").write_bytes(b"no zip")
    with pytest.raises(HeadwayError, match="could not be read as a GTFS schedule"):
        open_schedule(tmp_path / "gtfs.zip")
