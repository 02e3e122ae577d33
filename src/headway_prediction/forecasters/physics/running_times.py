"""Usual running times between neighbouring platforms, by hour, fitted on the passings of training days."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from headway_prediction.transit.clock import SCORED_DAY_MINS
from headway_prediction.transit.line import DIRECTIONS, Line
from headway_prediction.transit.trip_keys import UNKNOWN

HOURS = SCORED_DAY_MINS // 60
MAX_RUN_MINS = 60
MIN_RUNS = 5
"""Fewer runs than this in an hour say less about it than all hours together."""


def travel_positions(passings: pl.DataFrame, line: Line) -> pl.DataFrame:
    """Add `position`: the number of a passing's platform along its direction of travel, 0 at the first."""
    places = [
        (direction, station, position)
        for direction in DIRECTIONS
        for position, station in enumerate(line.travel_order(direction))
    ]
    schema = {"direction": pl.Int8, "station": pl.Int16, "position": pl.Int16}
    positions = pl.DataFrame(places, schema=schema, orient="row")
    return passings.join(positions, on=["direction", "station"], how="inner", maintain_order="left")


def running_times(passings: pl.DataFrame, position_count: int) -> np.ndarray:
    """Return median minutes from each platform to the next one of its direction: (hours, position_count - 1).

    `passings` are one direction's, with `position` and trains known (see trains.identify). Hours (of the service day, by
    departure) with fewer than 5 runs take the median of all hours; a pair of platforms without runs takes 2 minutes.
    """
    runs = (
        passings.filter(pl.col("train") != UNKNOWN)
        .sort("service_date", "train", "position")
        .with_columns(
            next_position=pl.col("position").shift(-1).over("service_date", "train"),
            run=pl.col("minute").shift(-1).over("service_date", "train") - pl.col("minute"),
        )
        .filter(
            (pl.col("next_position") == pl.col("position") + 1) & pl.col("run").is_between(0, MAX_RUN_MINS)
        )
        .with_columns(hour=(pl.col("minute") // 60).cast(pl.Int64).clip(0, HOURS - 1))
    )
    overall = _table(runs.group_by("position").agg(pl.col("run").median(), pl.len()), position_count)
    by_hour = runs.group_by("hour", "position").agg(pl.col("run").median(), pl.len())
    return np.stack(
        [_table(by_hour.filter(pl.col("hour") == hour), position_count, overall) for hour in range(HOURS)]
    )


def _table(medians: pl.DataFrame, position_count: int, otherwise: np.ndarray | None = None) -> np.ndarray:
    table = np.full(position_count - 1, 2.0) if otherwise is None else otherwise.copy()
    enough = medians.filter(pl.col("len") >= (MIN_RUNS if otherwise is not None else 1))
    table[enough["position"].to_numpy()] = enough["run"].to_numpy()
    return table


def modal_running_time(upstream: Sequence[np.ndarray], downstream: Sequence[np.ndarray]) -> float:
    """Return the running time (minutes) that most trains share, from passings alone, without knowing the trains.

    `upstream` and `downstream` hold the sorted minutes of two neighbouring platforms, one array per service day. Of all
    differences up to 60 minutes, those of one train to itself pile up at its running time while the others spread, so
    the mode of their histogram (1-minute bins, smoothed over three) is the answer, refined by the median around it.
    """
    pairs = zip(upstream, downstream, strict=True)
    lags = np.concatenate([np.empty(0), *(_differences(*pair) for pair in pairs)])
    if not len(lags):
        return 2.0
    counts = np.bincount(lags.astype(np.int64), minlength=MAX_RUN_MINS + 2).astype(float)
    smooth = np.convolve(counts, np.ones(3), mode="same")
    mode = int(np.argmax(smooth)) + 0.5
    return float(np.median(lags[np.abs(lags - mode) <= 1.5]))


def _differences(upstream: np.ndarray, downstream: np.ndarray) -> np.ndarray:
    differences = downstream[None, :] - upstream[:, None]
    return differences[(differences > 0) & (differences <= MAX_RUN_MINS)]
