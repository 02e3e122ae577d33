"""What is remembered of the days already read: which trains, and which stops in which direction."""

import numpy as np
import polars as pl

from headway_prediction.errors import HeadwayError


class DayConsistency:
    """A number per train and a name per stop: what shows that a day was given twice, or that directions do not match."""

    def __init__(self):
        self._trains: dict[object, np.ndarray] = {}
        self._sources: dict[object, str] = {}
        self._stops: dict[int, set[str]] = {0: set(), 1: set()}

    def add(self, log: pl.DataFrame, source: str) -> None:
        """Remember a log.

        Raises HeadwayError when it has a train that an earlier one has on the same service date, or as soon as both
        directions are known and have neither a stop id nor a stop name in common: no line could be made of them.
        """
        named = log.filter(pl.col("trip_id") != "").select("service_date", "direction_id", "trip_id").unique()
        keyed = named.select("service_date", key=pl.struct("direction_id", "trip_id").hash())
        for (day,), trains in keyed.partition_by("service_date", as_dict=True).items():
            keys, known = trains["key"].to_numpy(), self._trains.get(day, np.empty(0, np.uint64))
            if np.isin(keys, known).any():
                raise HeadwayError(
                    f"{source} holds trains of {day} that {self._sources[day]} holds too",
                    "each day once",
                    "remove one of the two files",
                )
            self._trains[day], self._sources[day] = np.concatenate([known, keys]), source
        for (direction,), rows in log.partition_by("direction_id", as_dict=True).items():
            self._stops[direction].update(rows["stop_id"].unique(), rows["stop_name"].unique())
        self._refuse_nothing_shared()

    def refuse_one_way(self) -> None:
        """Raise HeadwayError unless both directions were seen."""
        unseen = [direction for direction, stops in self._stops.items() if not stops]
        if unseen:
            raise HeadwayError(
                f"the archive has no passing in direction {unseen[0]}",
                "passings of both directions",
                "check the route, and how its directions are written",
            )

    def _refuse_nothing_shared(self) -> None:
        if all(self._stops.values()) and not self._stops[0] & self._stops[1]:
            raise HeadwayError(
                "the archive tells only stop ids, and the two directions share none",
                "names that say which two platforms are one station",
                "pass the line's GTFS zip with --stop-names",
            )
