"""Passings of a simulated line, written in each archive's format, are imported passing by passing."""

from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headway_prediction.feeds.logs.arrivals import read_arrivals
from helpers.archive_files import (
    ZONE,
    gobble_table,
    lamp_table,
    line,
    seen_day,
    stops_file,
    truth,
    write_gobble,
    write_subwaydata,
)
from helpers.lines import headway

TUESDAY = date(2024, 1, 16)
FORMATS = ("subwaydata", "lamp", "gobble", "map")
MAP = """
time_format = "%d/%m/%Y %H:%M:%S %z"
date_format = "%Y%m%d"
separator = ";"

[columns]
service_date = "day"
route_id = "line"
trip_id = "run"
direction_id = "bound"
stop_id = "platform"
stop_name = "station"
stop_sequence = "nth"
arrival_time = "in"
departure_time = "out"

[directions]
north = 0
south = 1
"""


def write_mapped(path: Path, seen: pl.DataFrame) -> None:
    def local(name):
        return (
            pl.from_epoch(name, "s")
            .dt.replace_time_zone("UTC")
            .dt.convert_time_zone(ZONE)
            .dt.strftime("%d/%m/%Y %H:%M:%S %z")
        )

    seen.select(
        day=pl.col("service_date").dt.strftime("%Y%m%d"),
        line=pl.lit("R"),
        run="trip_id",
        bound=pl.col("direction_id").replace_strict({0: "north", 1: "south"}),
        platform="stop_id",
        station="stop_name",
        nth="stop_sequence",
        **{"in": local("arrival"), "out": local("departure")},
    ).write_csv(path, separator=";")


def write_archive(folder: Path, form: str, days: list[pl.DataFrame]) -> list[object]:
    """Write an archive of that format into a folder; return the arguments that `headway archive` takes for it."""
    for seen in days:
        day = seen["service_date"][0]
        if form == "subwaydata":
            write_subwaydata(folder / f"subwaydatanyc_{day}_csv.tar.xz", seen)
        elif form == "lamp":
            lamp_table(seen).write_parquet(folder / f"{day}-subway-on-time-performance-v1.parquet")
        elif form == "gobble":
            write_gobble(folder, seen)
        else:
            write_mapped(folder / f"{day}.csv", seen)
    names = stops_file(folder / "stops.txt", days)
    (folder / "map.toml").write_text(MAP)
    more = {"gobble": ["--stop-names", names], "map": ["--format", folder / "map.toml"]}.get(form, [])
    return [folder, "--route", "R", *more]


def expected(days: list[pl.DataFrame], form: str, event: str) -> pl.DataFrame:
    """The log as the format can hold it: LAMP's platforms are stations, and NYC's stops have no names."""
    columns = {
        "subwaydata": {"stop_name": pl.col("station_id")},
        "lamp": {"stop_id": pl.col("stop_name"), "stop_sequence": pl.col("stop_sequence") * 10},
    }.get(form, {})
    return truth(pl.concat(days), event, **columns)


@pytest.mark.parametrize("form", FORMATS)
@settings(max_examples=4)
@given(
    seed=st.integers(0, 1000),
    stations=st.integers(3, 5),
    event=st.sampled_from(["departure", "arrival"]),
    first=st.sampled_from([TUESDAY, date(2024, 3, 9), date(2024, 11, 2)]),
)
def test_the_imported_log_equals_the_simulated_passings(form, seed, stations, event, first):
    """On any line and day, including times past midnight and the clock changes of 10 March and 3 November 2024."""
    scenario = line(stations)
    days = [seen_day(scenario, first + timedelta(days=k), seed) for k in range(2)]
    with TemporaryDirectory() as folder:
        args = write_archive(Path(folder), form, days)
        out = Path(folder) / "out" / "log.parquet"
        assert headway("import", *args, "--event", event, "--out", out) == 0
        log = read_arrivals(out)
    order = ["service_date", "direction_id", "stop_id", "event_time", "trip_id"]
    assert log.sort(order).equals(expected(days, form, event).sort(order))


@pytest.mark.parametrize("form", FORMATS)
def test_the_imported_log_makes_a_grid(form, tmp_path, capfd):
    days = [seen_day(line(), TUESDAY + timedelta(days=k)) for k in range(2)]
    args = write_archive(tmp_path, form, days)
    assert headway("import", *args, "--out", tmp_path / "log.parquet") == 0
    stderr = capfd.readouterr().err
    assert "2 days, " in stderr and "next: headway grid" in stderr
    assert ("the files are in the format" in stderr) == (form != "map")
    args = ("--arrivals", tmp_path / "log.parquet", "--time-zone", ZONE, "--out", tmp_path / "grid.zarr")
    assert headway("grid", *args) == 0
    stderr = capfd.readouterr().err
    assert "line R: 5 stations" in stderr and "2 service days" in stderr


def test_a_gzipped_gobble_archive_gives_the_same_log(tmp_path):
    seen = [seen_day(line(), TUESDAY)]
    names = stops_file(tmp_path / "stops.txt", seen)
    for compression in ("uncompressed", "gzip"):
        folder = tmp_path / compression
        write_gobble(folder, seen[0], compression)
        args = (folder, "--route", "R", "--stop-names", names, "--out", tmp_path / f"{compression}.parquet")
        assert headway("import", *args) == 0
    plain, gzipped = (read_arrivals(tmp_path / f"{name}.parquet") for name in ("uncompressed", "gzip"))
    assert plain.equals(gzipped)


def test_events_with_local_times_need_the_time_zone(tmp_path, capfd):
    seen = seen_day(line(), TUESDAY, suffixes="")
    local = gobble_table(seen).with_columns(pl.col("event_time").str.head(19))
    local.write_csv(tmp_path / "events.csv")
    args = ("import", tmp_path / "events.csv", "--out", tmp_path / "log.parquet", "--line-id", "R")
    assert headway(*args) == 2
    assert "times without an offset in event_time" in capfd.readouterr().err
    assert headway(*args, "--time-zone", ZONE) == 0
    expected_log = truth(seen, stop_name=pl.col("stop_id"))
    assert read_arrivals(tmp_path / "log.parquet").equals(expected_log)
