"""Passings as the store keeps them, and what one poll changes of them."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Self

from headway_prediction.feeds.realtime.passing import Evidence, Passing, Run
from headway_prediction.feeds.realtime.snapshot import TripKey

KEY_BYTES = 16


@dataclass(frozen=True)
class DatedPassing:
    """A passing of a line, on its service date. Its run names the route and the direction (0 or 1)."""

    service_date: date
    passing: Passing

    @cached_property
    def key(self) -> bytes:
        """What identifies the passing in its line: a hash of its run and stop."""
        run = self.passing.run
        identity = (run.trip.start_date, run.trip.trip_id, run.first_seen, self.passing.stop_id)
        return hashlib.sha256(repr(identity).encode()).digest()[:KEY_BYTES]

    def row(self, line_id: str) -> dict[str, object]:
        """Return the row of the table `passings`."""
        passing, run = self.passing, self.passing.run
        return {
            "line_id": line_id,
            "key": self.key,
            "service_date": self.service_date,
            "start_date": run.trip.start_date,
            "trip_id": run.trip.trip_id,
            "first_seen": run.first_seen,
            "route_id": run.route_id,
            "direction_id": run.direction_id,
            "train_id": run.train_id,
            "stop_id": passing.stop_id,
            "time": passing.time,
            "earliest": passing.earliest,
            "latest": passing.latest,
            "evidence": passing.evidence.value,
            "poll_before": passing.polls[0],
            "poll_after": passing.polls[1],
            "vehicle_id": passing.vehicle_id,
        }


def passing_of_row(row: Mapping[str, object]) -> Passing:
    """Rebuild the passing of a row of the table `passings`."""
    trip = TripKey(row["start_date"], row["trip_id"])
    return Passing(
        Run(trip, row["first_seen"], row["route_id"], row["direction_id"], row["train_id"]),
        row["stop_id"],
        row["time"],
        row["earliest"],
        row["latest"],
        Evidence(row["evidence"]),
        (row["poll_before"], row["poll_after"]),
        row["vehicle_id"],
    )


@dataclass(frozen=True)
class Changes:
    """What became of passings: those `kept` are new or corrected, those `gone` turned out not to have been."""

    kept: tuple[DatedPassing, ...] = ()
    gone: tuple[DatedPassing, ...] = ()

    @classmethod
    def between(cls, before: Iterable[DatedPassing], after: Iterable[DatedPassing]) -> Self:
        """Return the changes from one set of passings to another."""
        old = {dated.key: dated for dated in before}
        new = {dated.key: dated for dated in after}
        return cls(
            tuple(dated for key, dated in new.items() if old.get(key) != dated),
            tuple(dated for key, dated in old.items() if key not in new),
        )

    def then(self, later: Self) -> Self:
        """Return the two one after the other as one."""
        touched = {dated.key for dated in (*later.kept, *later.gone)}
        return type(self)(
            (*(dated for dated in self.kept if dated.key not in touched), *later.kept),
            (*(dated for dated in self.gone if dated.key not in touched), *later.gone),
        )
