"""Small logs built by hand, small lines made by the command line, and where the real lines lie."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import polars as pl

from headway_prediction.cli import main
from headway_prediction.feeds.logs.arrivals import ARRIVAL_COLUMNS, check_arrivals
from headway_prediction.grid.history import LineHistory, history_from_log
from headway_prediction.grid.store import write_history
from headway_prediction.transit.clock import service_day_start
from headway_prediction.transit.line import Line

ZONE = "Europe/Dublin"


MONDAY = date(2025, 9, 29)


REAL_DATA = Path(os.environ.get("HEADWAY_REAL_DATA") or Path(__file__).parents[3] / "shared" / "data")


def raw_log(rows: Iterable[tuple], zone: str = ZONE) -> pl.DataFrame:
    """A log as it is written, from rows of (service_date, trip_id, direction_id, stop_id, stop_sequence, minute)."""
    fields = [
        {
            "line_id": "toy",
            "service_date": day.isoformat(),
            "trip_id": trip,
            "direction_id": direction,
            "stop_id": stop,
            "stop_name": f"{stop} Street",
            "stop_sequence": sequence,
            "event_time": (service_day_start(day, zone) + timedelta(minutes=minute)).isoformat(),
        }
        for day, trip, direction, stop, sequence, minute in rows
    ]
    return pl.DataFrame(
        fields,
        schema=dict.fromkeys(ARRIVAL_COLUMNS, pl.String)
        | {"direction_id": pl.Int64, "stop_sequence": pl.Int64},
    )


def log_of(rows: Iterable[tuple], zone: str = ZONE) -> pl.DataFrame:
    """A checked log from the rows of `raw_log`."""
    return check_arrivals(raw_log(rows, zone))


def train(
    trip: str, stops: Iterable[str], departure: float, *, day=MONDAY, direction=0, run=2.0
) -> list[tuple]:
    """The rows of one train that leaves its first stop at `departure` and takes `run` minutes to each next one."""
    return [(day, trip, direction, stop, k, departure + k * run) for k, stop in enumerate(stops)]


def regular_rows(
    *,
    stations=4,
    headway=10.0,
    run=2.0,
    days=(MONDAY,),
    first=360,
    last=720,
    noise=0.0,
    trip_ids=True,
    seed=0,
) -> list[tuple]:
    """Trains at a steady headway in both directions between A, B, C …; `noise` is the spread (minutes) of their passings."""
    names = [chr(ord("A") + k) for k in range(stations)]
    random, rows = np.random.default_rng(seed), []
    for day in days:
        for direction, stops in enumerate((names, names[::-1])):
            for departure in np.arange(first, last, headway):
                late = np.maximum.accumulate(
                    random.normal(0, noise, stations).cumsum().clip(0, headway * 0.8)
                )
                trip = f"{direction}-{departure:g}" if trip_ids else ""
                path = train(trip, stops, departure, day=day, direction=direction, run=run)
                rows += [(*row[:5], row[5] + round(late[k] * 60) / 60) for k, row in enumerate(path)]
    return rows


GTFS_TABLES = {
    "agency.txt": "agency_id,agency_name,agency_url,agency_timezone\nx,Toy,https://example.org,Europe/Dublin\n",
    "routes.txt": "route_id,agency_id,route_short_name,route_type\nR,x,R,1\n",
    "calendar.txt": (
        "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\n"
        "wk,1,1,1,1,1,0,0,20250901,20251231\n"
    ),
}


def stop_times(trips: dict[str, list[tuple[str, str]]]) -> str:
    """The text of stop_times.txt from {trip_id: [(stop_id, time), …]}."""
    lines = [
        f"{trip},{time},{time},{stop},{k}"
        for trip, path in trips.items()
        for k, (stop, time) in enumerate(path, start=1)
    ]
    return "\n".join(["trip_id,arrival_time,departure_time,stop_id,stop_sequence", *lines]) + "\n"


def trips_table(trips: Iterable[tuple[str, str, str, int]]) -> str:
    """The text of trips.txt from rows of (route_id, service_id, trip_id, direction_id)."""
    return (
        "\n".join(["route_id,service_id,trip_id,direction_id", *(",".join(map(str, row)) for row in trips)])
        + "\n"
    )


def stops_table(stops: Iterable[str], names: dict[str, str] | None = None) -> str:
    """The text of stops.txt."""
    names = names or {}
    rows = [f"{stop},{names.get(stop, stop + ' Street')},53.3,-6.2" for stop in stops]
    return "\n".join(["stop_id,stop_name,stop_lat,stop_lon", *rows]) + "\n"


def write_gtfs(path: Path, tables: dict[str, str | None]) -> Path:
    """Write a GTFS zip of GTFS_TABLES and `tables` (None leaves a table out)."""
    with ZipFile(path, "w") as archive:
        for name, text in {**GTFS_TABLES, **tables}.items():
            if text is not None:
                archive.writestr(name, text)
    return path


def made_once(tmp_path_factory, name: str, make: Callable[[Path], None]) -> Path:
    """Return the folder `name` that `make` fills: by the first worker to ask for it, while the others wait."""
    folders = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folders = folders.parent  # where each worker has a folder of its own
    folder, made = folders / name, folders / f"{name}.made"
    with (folders / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of a worker that failed half-way
            folder.mkdir()
            make(folder)
            made.touch()
    return folder


SMALL_NETWORK = """
ensemble_members = 2
encoder_filters = [4, 4]
encoder_step_mins = 10
decoder_filters = 8
head_units = 8
batch_size = 64
epochs = 2
epoch_windows = 512
validation_windows = 256
"""


def make_small_line(folder: Path) -> None:
    settings = folder / "small.toml"
    settings.write_text(SMALL_NETWORK)
    log, schedule, grid, bundle = (
        folder / n for n in ("arrivals.parquet", "gtfs.zip", "grid.zarr", "bundle")
    )
    for command in (
        ("simulate", "--out", folder, "--days", "6", "--stations", "5", "--seed", "3"),
        ("grid", "--arrivals", log, "--gtfs", schedule, "--out", grid),
        ("train", "--grid", grid, "--out", bundle, "--config", settings),
        ("backtest", "--grid", grid, "--bundle", bundle, "--out", folder / "forecasts"),
    ):
        assert headway(*command) == 0


def headway(*arguments: object) -> int:
    """Run one `headway` command line in this process; return its exit status."""
    try:
        return main([str(word) for word in arguments])
    except SystemExit as finished:
        return finished.code or 0


def noisy_log(
    name: str, stations: int, days: int, *, headway=8.0, seed=0, first=300, last=600
) -> pl.DataFrame:
    """The log of a small line of its own name: noisy trains on consecutive days from MONDAY on, as it is written."""
    dates = [MONDAY + timedelta(days=k) for k in range(days)]
    rows = regular_rows(
        stations=stations, headway=headway, days=dates, first=first, last=last, noise=1.5, seed=seed
    )
    return raw_log(rows).with_columns(line_id=pl.lit(name))


def noisy_history(name: str, stations: int, days: int, **options) -> LineHistory:
    """The history of `noisy_log`, without a plan."""
    log = check_arrivals(noisy_log(name, stations, days, **options))
    return history_from_log(log, Line.from_arrivals(log, ZONE))


def make_three_lines(folder: Path) -> None:
    settings = folder / "small.toml"
    settings.write_text(
        "encoder_filters = [4, 4]\nencoder_step_mins = 10\ndecoder_filters = 8\nhead_units = 8\nschedule_units = 4\n"
        "batch_size = 32\nepochs = 1\nepoch_windows = 256\nvalidation_windows = 64\nensemble_members = 2\ntest_days = 1\n"
    )
    for name, stations, days in (("a", 4, 5), ("b", 6, 3), ("c", 5, 4)):
        write_history(noisy_history(name, stations, days, seed=days), folder / f"{name}.zarr")
    noisy_log("c", 5, 4, seed=4).write_parquet(folder / "c.parquet")
    grids = "--grid", folder / "a.zarr", "--grid", folder / "b.zarr"
    assert headway("train", *grids, "--out", folder / "bundle", "--config", settings, "--quiet") == 0
