"""What an arrival log tells of its line, added up part by part: its id, its stops, and which stands before which."""

from collections.abc import Collection

import polars as pl

from headway_prediction.errors import HeadwayError
from headway_prediction.transit.stop_order import Precedence


class LineSurvey:
    """The line ids of a log, the name of every stop id (the first that the log gives), and the order of its stops."""

    def __init__(self) -> None:
        self.line_ids: set[str] = set()
        self.names: dict[str, str] = {}
        self._precedence = (Precedence(), Precedence())

    @classmethod
    def of(cls, log: pl.DataFrame) -> "LineSurvey":
        """Return what a whole arrival log (see feeds.arrivals) tells."""
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
