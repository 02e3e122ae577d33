"""Seconds and peak memory of `headway grid` on 2.1 million synthetic passings (66 stations x 2 directions x 183 days).

python benchmarks/grid.py [--days 183]
"""

import argparse
import tempfile
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from common import print_figure, run_headway

STATIONS, TRAINS = 66, 87


def day_log(service_date: date, random: np.random.Generator) -> pl.DataFrame:
    """A day of both directions: trains about 12 minutes apart from 05:00, 2 minutes from station to station."""
    departures = 300 + np.sort(random.uniform(0, 1050, (2, TRAINS)), axis=1)
    minutes = departures[:, :, None] + 2 * np.arange(STATIONS) + random.uniform(0, 0.5, (2, TRAINS, STATIONS))
    direction, train, sequence = np.indices(minutes.shape).reshape(3, -1)
    station = np.where(direction == 0, sequence, STATIONS - 1 - sequence)
    midnight = np.datetime64(service_date, "ms")
    times = midnight + (minutes.reshape(-1) * 60_000).astype("timedelta64[ms]")
    return pl.DataFrame(
        {
            "direction_id": direction,
            "train": train,
            "station": station,
            "stop_sequence": sequence,
            "time": times,
        }
    ).select(
        pl.lit("bench").alias("line_id"),
        pl.lit(service_date.isoformat()).alias("service_date"),
        pl.format("{}-{}", "direction_id", "train").alias("trip_id"),
        "direction_id",
        pl.format("S{}", "station").alias("stop_id"),
        pl.format("Station {}", "station").alias("stop_name"),
        "stop_sequence",
        pl.col("time").dt.strftime("%Y-%m-%dT%H:%M:%S+00:00").alias("event_time"),
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--days", type=int, default=183)
    args = parser.parse_args()
    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "arrivals.parquet"
        days = [date(2026, 1, 1) + timedelta(days=day) for day in range(args.days)]
        table = pl.concat([day_log(day, random) for day in days])
        table.write_parquet(log)
        print(f"headway grid of {table.height:,} passings", flush=True)
        del table
        cost = run_headway("grid", "--arrivals", log, "--time-zone", "UTC", "--out", f"{folder}/grid.zarr")
    print(cost)
    print_figure(f"grid of {args.days} days, 66 stations, whole command", cost.seconds, "s")
    print_figure(f"grid of {args.days} days, 66 stations, peak memory", cost.peak_gib * 2**30 / 1e6, "MB")


if __name__ == "__main__":
    main()
