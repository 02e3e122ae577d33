"""The order in which the trains of one direction pass its stops, from an arrival log."""

import numpy as np
import polars as pl

from headway_prediction.errors import HeadwayError


def stop_order(log: pl.DataFrame, direction: int) -> list[str]:
    """Return the stop ids of one direction of an arrival log in the order of travel.

    One stop comes before another when most trains that pass both say so, or when stops in between do; stop_sequence
    orders the passings of a train. Rows without a trip id count as one train, with the commonest stop_sequence of each
    stop. Raises HeadwayError for a direction without passings, or stops that do not stand in one order: a fork.
    """
    one_way = log.filter(pl.col("direction_id") == direction)
    if one_way.is_empty():
        raise HeadwayError(
            f"the log has no passing in direction {direction}",
            "passings of both directions (direction_id 0 and 1)",
            "add the other direction's passings",
        )
    stops = one_way["stop_id"].unique().sort().to_list()
    before = _precedes(_sequences(one_way, stops))
    undecided = ~(before ^ before.T) & ~np.eye(len(stops), dtype=bool)
    if undecided.any():
        first, second = (stops[index] for index in np.argwhere(undecided)[0])
        raise HeadwayError(
            f"the stops {first} and {second} stand side by side in direction {direction}",
            "one order of stops",
            "name the stops of one branch (trunk included), for a line that forks is one line per branch",
        )
    return [stops[index] for index in np.argsort(before.sum(axis=0))]


def _sequences(one_way: pl.DataFrame, stops: list[str]) -> np.ndarray:
    """stop_sequence by train and stop, NaN where a train does not pass: (trains, stops)."""
    named = one_way.filter(pl.col("trip_id") != "").select(
        "stop_id", "stop_sequence", train=pl.struct("service_date", "trip_id").rank("dense")
    )
    unnamed = _commonest(one_way.filter(pl.col("trip_id") == "")).with_columns(train=pl.lit(0, pl.UInt32))
    rows = pl.concat([named, unnamed.select(named.columns)])
    columns = rows["stop_id"].replace_strict(stops, list(range(len(stops))), return_dtype=pl.Int64)
    sequences = np.full((int(rows["train"].max()) + 1, len(stops)), np.nan, dtype=np.float32)
    sequences[rows["train"].to_numpy(), columns.to_numpy()] = rows["stop_sequence"].to_numpy()
    return sequences


def _commonest(rows: pl.DataFrame) -> pl.DataFrame:
    return (
        rows.group_by("stop_id", "stop_sequence")
        .len()
        .sort("len", "stop_sequence", descending=[True, False])
        .unique("stop_id", keep="first", maintain_order=True)
    )


def _precedes(sequences: np.ndarray) -> np.ndarray:
    """Whether one stop comes before another, directly or through stops in between: (stops, stops)."""
    earlier = np.stack([(stop[:, None] < sequences).sum(axis=0) for stop in sequences.T])
    before = earlier > earlier.T
    for between in range(len(before)):
        before |= before[:, [between]] & before[[between], :]
    return before
