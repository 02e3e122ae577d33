"""Archives of simulated days, written in each format as its publisher describes it."""

import io
import lzma
import tarfile
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import polars as pl

from headway_prediction.simulate import Scenario, plan_day
from headway_prediction.simulate.plan import stop_id, trip_id
from headway_prediction.simulate.trains import run_day
from headway_prediction.transit.clock import service_day_start

ZONE = "America/New_York"
INSTANT = pl.Datetime("us", "UTC")


def line(stations: int = 5, **changes: object) -> Scenario:
    """A small line in the archives' time zone."""
    return Scenario.of_size(stations, time_zone=ZONE, line_id="R", start_date=date(2024, 1, 16), **changes)


def seen_day(scenario: Scenario, day: date, seed: int = 0, suffixes: str = "NS") -> pl.DataFrame:
    """Every stop of every train of a simulated day: the columns of the log, without its event, and both events.

    arrival and departure are epoch seconds, whole; a train has no arrival at its first stop and no departure from its
    last, as archives have none. stop_id is the station's with a suffix for the direction.
    """
    start = int(service_day_start(day, scenario.time_zone).timestamp())
    rows = []
    for direction, passed in enumerate(run_day(scenario, plan_day(scenario, day), seed)):
        for train, arrivals, departures in zip(
            passed.train, passed.arrival_secs, passed.departure_secs, strict=True
        ):
            stops = [k for k, moment in enumerate(departures) if moment == moment]
            for k in stops:
                station = k if direction == 0 else scenario.station_count - 1 - k
                rows.append(
                    {
                        "service_date": day,
                        "trip_id": trip_id(direction, train),
                        "direction_id": direction,
                        "stop_id": stop_id(station) + (suffixes[direction] if suffixes else ""),
                        "station_id": stop_id(station),
                        "stop_name": scenario.station_names[station],
                        "stop_sequence": k,
                        "arrival": None if k == 0 else start + round(arrivals[k]),
                        "departure": None if k == stops[-1] else start + round(departures[k]),
                    }
                )
    return pl.DataFrame(rows, schema_overrides={"arrival": pl.Int64, "departure": pl.Int64})


def truth(seen: pl.DataFrame, event: str = "departure", **columns: pl.Expr) -> pl.DataFrame:
    """The tidy log of what was seen, with some columns as the format holds them."""
    other = "arrival" if event == "departure" else "departure"
    log = seen.with_columns(
        line_id=pl.lit("R"),
        event_time=pl.from_epoch(pl.coalesce(event, other), "s").cast(INSTANT),
    ).with_columns(**columns)
    names = (
        "line_id", "service_date", "trip_id", "direction_id", "stop_id", "stop_name", "stop_sequence", "event_time",
    )  # fmt: skip
    return log.select(names).sort("service_date", "direction_id", "stop_id", "event_time", "trip_id")


def write_subwaydata(path: Path, seen: pl.DataFrame, route: str = "R", **tables: pl.DataFrame | None) -> Path:
    """A day of subwaydata.nyc: each stop last announced 20 s before it was passed, and gone 10 s after."""
    first = pl.col("departure").first().over("service_date", "trip_id")
    stops_seen = seen.with_columns(
        trip_uid=pl.format("{}_{}", first, "trip_id"),
        start_time=first,
        passed=pl.max_horizontal("arrival", "departure"),
    )
    trips = stops_seen.unique("trip_uid", maintain_order=True).select(
        "trip_uid", "trip_id", pl.lit(route).alias("route_id"), "direction_id", "start_time",
        vehicle_id=pl.lit("x"), last_observed="passed", marked_past="passed",
        num_updates=pl.lit(9), num_schedule_changes=pl.lit(0), num_schedule_rewrites=pl.lit(0),
    )  # fmt: skip
    stop_times = stops_seen.select(
        "trip_uid", "stop_id", track=pl.lit("1"), arrival_time="arrival", departure_time="departure",
        last_observed=pl.col("passed") - 20, marked_past=pl.col("passed") + 10,
    )  # fmt: skip
    members = {"trips": trips, "stop_times": stop_times} | tables
    texts = {
        f"{path.name.removesuffix('csv.tar.xz')}{name}.csv": table.write_csv().encode()
        for name, table in members.items()
        if table is not None
    }
    return write_tar_xz(path, texts)


def write_tar_xz(path: Path, members: dict[str, bytes]) -> Path:
    with lzma.open(path, "wb") as stream, tarfile.open(fileobj=stream, mode="w") as archive:
        for name, text in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text))
    return path


def lamp_table(seen: pl.DataFrame, route: str = "R") -> pl.DataFrame:
    """A day of LAMP: the departure from a stop is the move towards the next; sequences count in tens, as the MBTA's do."""
    run = ["service_date", "trip_id", "direction_id"]
    return seen.select(
        service_date=pl.col("service_date").dt.strftime("%Y%m%d").cast(pl.Int64),
        start_time=pl.lit(18000),
        route_id=pl.lit(route),
        branch_route_id=pl.lit(None, pl.String),
        trunk_route_id=pl.lit(route),
        trip_id="trip_id",
        direction_id=pl.col("direction_id") == 1,
        vehicle_id=pl.lit("R-1"),
        stop_id="stop_id",
        parent_station="stop_name",
        stop_sequence=(pl.col("stop_sequence") * 10).cast(pl.Int16),
        move_timestamp=pl.col("departure").shift(1).over(run),
        stop_timestamp="arrival",
    )


def gobble_table(seen: pl.DataFrame, route: str = "R") -> pl.DataFrame:
    """The events of gobble, arrivals and departures apart, with the offset of the time zone."""
    events = [
        seen.filter(pl.col(name).is_not_null()).with_columns(event_type=pl.lit(kind), at=pl.col(name))
        for name, kind in (("arrival", "ARR"), ("departure", "DEP"))
    ]
    local = pl.from_epoch("at", "s").dt.replace_time_zone("UTC").dt.convert_time_zone(ZONE)
    return pl.concat(events).select(
        "service_date",
        pl.lit(route).alias("route_id"),
        "trip_id",
        "direction_id",
        "stop_id",
        "stop_sequence",
        vehicle_id=pl.lit("0"),
        vehicle_label=pl.lit("1"),
        event_type="event_type",
        event_time=local.dt.strftime("%Y-%m-%d %H:%M:%S%:z"),
        scheduled_headway=pl.lit(None, pl.Float64),
        scheduled_tt=pl.lit(None, pl.Float64),
    )


def write_gobble(folder: Path, seen: pl.DataFrame, compression: str = "uncompressed") -> list[Path]:
    """The folders of gobble: a file per stop and day."""
    ending = ".csv.gz" if compression == "gzip" else ".csv"
    files = []
    for (stop, day), events in (
        gobble_table(seen).partition_by("stop_id", "service_date", as_dict=True).items()
    ):
        file = folder / stop / f"Year={day.year}/Month={day.month}/Day={day.day}" / f"events{ending}"
        file.parent.mkdir(parents=True, exist_ok=True)
        events.write_csv(file, compression=compression)
        files.append(file)
    return files


def stops_file(path: Path, seen: Iterable[pl.DataFrame]) -> Path:
    """A stops.txt with the stations that the platforms belong to."""
    stops = pl.concat(list(seen)).unique("stop_id").sort("stop_id")
    parents = stops.unique("station_id").select(
        stop_id="station_id", stop_name="stop_name", parent_station=pl.lit(None)
    )
    own = stops.select(
        "stop_id", stop_name=pl.format("{} platform", "stop_name"), parent_station="station_id"
    )
    pl.concat([own, parents.cast(pl.String)]).write_csv(path)
    return path
