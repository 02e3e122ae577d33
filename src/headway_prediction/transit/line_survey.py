"""The line that an arrival log runs on, counted part by part: its id, its stops, and the order in which trains pass them.

`LineSurvey` adds up the parts of a log; `Precedence` derives the order of the stops of one direction.
"""

from collections import Counter
from collections.abc import Collection, Sequence

import numpy as np
import polars as pl

from headway_prediction.errors import HeadwayError


class Precedence:
    """How many trains of one direction pass one stop before another, added up over the parts of an arrival log.

    `stop_sequence` orders the passings of a train. A part holds whole service dates, so that no train is in two.
    """

    def __init__(self) -> None:
        self._earlier: Counter[tuple[str, str]] = Counter()
        self._unnamed: Counter[tuple[str, int]] = Counter()
        self.stops: set[str] = set()

    def add(self, one_way: pl.DataFrame) -> None:
        """Add a part of the log, its passings in that direction alone."""
        if one_way.is_empty():
            return
        stops = one_way["stop_id"].unique().sort().to_list()
        self.stops.update(stops)
        unnamed = one_way.filter(pl.col("trip_id") == "").group_by("stop_id", "stop_sequence").len()
        self._unnamed.update({(stop_id, sequence): count for stop_id, sequence, count in unnamed.rows()})
        sequences = _sequences(one_way.filter(pl.col("trip_id") != ""), stops)
        earlier = np.array([(stop[:, None] < sequences).sum(axis=0) for stop in sequences.T])
        for first, later in np.argwhere(earlier):
            self._earlier[stops[first], stops[later]] += int(earlier[first, later])

    def order(self, direction: int, kept: Collection[str] | None = None) -> list[str]:
        """Return the stop ids, those of `kept` alone when given, in the order of travel.

        One stop comes before another when most trains that pass both pass it first, or when this follows from stops in
        between. Rows without a trip id count as one train, with the commonest stop_sequence of each stop. Raises
        HeadwayError for a direction without passings, or stops that have no single order: a fork.
        """
        stops = sorted(self.stops if kept is None else self.stops.intersection(kept))
        if not stops:
            raise HeadwayError(
                f"the log has no passing in direction {direction}",
                "passings of both directions (direction_id 0 and 1)",
                "add the other direction's passings",
            )
        before = _precedes(self._counts(stops))
        undecided = ~(before ^ before.T) & ~np.eye(len(stops), dtype=bool)
        if undecided.any():
            first, second = (stops[index] for index in np.argwhere(undecided)[0])
            raise HeadwayError(
                f"the stops {first} and {second} have no order in direction {direction}",
                "one order of stops",
                "name the stops of one branch (trunk included), for a line that forks is one line per branch",
            )
        return [stops[index] for index in np.argsort(before.sum(axis=0))]

    def _counts(self, stops: Sequence[str]) -> np.ndarray:
        """How many trains pass one stop before another: (stops, stops)."""
        counts = np.array([[self._earlier[first, later] for later in stops] for first in stops])
        sequence = self._commonest()
        unnamed = np.array([sequence.get(stop_id, np.nan) for stop_id in stops])
        return counts + (unnamed[:, None] < unnamed)

    def _commonest(self) -> dict[str, int]:
        """The commonest stop_sequence of each stop among rows without a trip id; of several the lowest."""
        ranked = sorted(self._unnamed.items(), key=lambda item: (item[1], -item[0][1]))
        return {stop_id: sequence for (stop_id, sequence), _ in ranked}


def stop_order(log: pl.DataFrame, direction: int) -> list[str]:
    """Return the stop ids of one direction of an arrival log in the order of travel; see `Precedence.order`."""
    precedence = Precedence()
    precedence.add(log.filter(pl.col("direction_id") == direction))
    return precedence.order(direction)


def _sequences(named: pl.DataFrame, stops: Sequence[str]) -> np.ndarray:
    """stop_sequence by train and stop, NaN where a train does not pass: (trains, stops)."""
    trains = named.select(pl.struct("service_date", "trip_id").rank("dense") - 1).to_series()
    columns = named["stop_id"].cast(pl.String).replace_strict(stops, range(len(stops)), return_dtype=pl.Int64)
    sequences = np.full((named.select("service_date", "trip_id").n_unique(), len(stops)), np.nan)
    sequences[trains.to_numpy(), columns.to_numpy()] = named["stop_sequence"].to_numpy()
    return sequences


def _precedes(earlier: np.ndarray) -> np.ndarray:
    """Whether one stop comes before another, directly or through stops in between: (stops, stops)."""
    before = earlier > earlier.T
    for between in range(len(before)):
        before |= before[:, [between]] & before[[between], :]
    return before


class LineSurvey:
    """The line ids of a log, the name of every stop id (the first that the log gives), and the order of its stops."""

    def __init__(self) -> None:
        self.line_ids: set[str] = set()
        self.names: dict[str, str] = {}
        self._precedence = (Precedence(), Precedence())

    @classmethod
    def of(cls, log: pl.DataFrame) -> "LineSurvey":
        """Return the survey of a whole arrival log (see feeds.logs.arrivals)."""
        survey = cls()
        survey.add_names(log)
        survey.add_trains(log)
        return survey

    def add_names(self, rows: pl.DataFrame) -> None:
        """Add any rows of the log, the earlier ones first: line_id, stop_id and stop_name."""
        self.line_ids.update(rows["line_id"].unique())
        stops = rows.select("stop_id", "stop_name").unique("stop_id", keep="first", maintain_order=True)
        self.names = dict(stops.iter_rows()) | self.names

    def add_trains(self, part: pl.DataFrame) -> None:
        """Add whole service dates of the log: service_date, trip_id, direction_id, stop_id and stop_sequence."""
        for direction, precedence in enumerate(self._precedence):
            precedence.add(part.filter(pl.col("direction_id") == direction))

    def line_id(self) -> str:
        """Return the line_id; raises HeadwayError where the log holds several lines."""
        lines = sorted(self.line_ids)
        if len(lines) != 1:
            raise HeadwayError(
                f"the log holds {len(lines)} lines ({', '.join(lines[:5])})",
                "one line",
                "filter it by line_id",
            )
        return lines[0]

    def orders(self, stop_ids: Collection[str] | None = None) -> list[list[str]]:
        """Return the stop ids of both directions in the order of travel, those of `stop_ids` alone when given.

        Raises HeadwayError for a stop id that the log does not have, and as `Precedence.order`.
        """
        if stop_ids is not None:
            self._refuse_unknown(stop_ids)
        return [each.order(direction, stop_ids) for direction, each in enumerate(self._precedence)]

    def _refuse_unknown(self, stop_ids: Collection[str]) -> None:
        unknown = sorted(set(stop_ids) - set(self.names))
        if unknown:
            raise HeadwayError(
                f"the stop {unknown[0]!r} does not occur in the log",
                f"stop ids such as {', '.join(sorted(self.names)[:5])}",
                "correct the list of stops",
            )
