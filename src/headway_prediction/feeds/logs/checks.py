"""What an arrival log must not hold: rows that stand twice, and many trains that run backwards."""

from datetime import date

import polars as pl

from headway_prediction.errors import HeadwayError

MAX_BACKWARD_SHARE = 0.01
"""Share of trains that may run against their stop_sequence: a long recorded log may hold a few, a mistaken column many."""

PASSING = ("service_date", "direction_id", "stop_id", "trip_id", "event_time")
TRAIN = ("service_date", "direction_id", "trip_id")


class LogChecks:
    """Counts both, over the parts of a log: each holds whole service dates, earlier ones first."""

    def __init__(self) -> None:
        self._repeated = 0
        self._trains = 0
        self._backward = 0
        self._example: tuple[str, date] | None = None

    def add(self, part: pl.DataFrame) -> None:
        """Add a part of the log, typed as feeds.arrivals gives it."""
        self._repeated += part.height - part.select(PASSING).n_unique()
        steps = (
            part.filter(pl.col("trip_id") != "")
            .sort(*TRAIN, "stop_sequence", "event_time")
            .group_by(TRAIN)
            .agg((pl.col("event_time").diff() < pl.duration()).any().fill_null(False).alias("backward"))
        )
        backward = steps.filter("backward")
        self._trains += steps.height
        self._backward += backward.height
        if self._example is None and backward.height:
            self._example = backward.sort(TRAIN).select("trip_id", "service_date").row(0)

    def refuse(self) -> None:
        """Raise HeadwayError for rows that stand twice, or more backward trains than are allowed."""
        if self._repeated:
            raise HeadwayError(
                f"{self._repeated} rows of the log stand twice",
                "each passing once",
                "remove the duplicate passings",
            )
        if self._backward > MAX_BACKWARD_SHARE * self._trains:
            trip_id, service_date = self._example
            raise HeadwayError(
                f"{self._backward} of {self._trains} trains are out of order (trip {trip_id} on {service_date} reaches a "
                "later stop before an earlier one)",
                "event_time that grows with stop_sequence along each trip",
                "check that stop_sequence counts along the direction of travel and that trip_id names one run",
            )
