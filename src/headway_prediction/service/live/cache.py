"""The trains of a minute, found once: the line's state and each method of the same minute ask for them again."""

from dataclasses import dataclass, field, fields, replace
from datetime import date
from typing import Self

from headway_prediction.bundle.bundle import Bundle
from headway_prediction.forecasters.physics.expected_trains import DirectionDay
from headway_prediction.forecasters.physics.prior import PhysicsPrior
from headway_prediction.forecasters.trip_propagation import TripPropagation
from headway_prediction.grid.history import LineHistory

KEPT = 2
"""The history of now, and one of those that feeding back runs on from it, which are asked of once each."""


@dataclass(frozen=True)
class _Found:
    history: LineHistory
    service_date: date
    days: tuple[DirectionDay, DirectionDay]


@dataclass
class _Memory:
    newest: tuple[_Found, ...] = ()


@dataclass(frozen=True)
class CachedPrior(PhysicsPrior):
    """A first guess that has at hand what it found last, for the very same histories. Threads may share it."""

    memory: _Memory = field(default_factory=_Memory, repr=False, compare=False)

    @classmethod
    def of(cls, prior: PhysicsPrior) -> Self:
        """Return a guess that finds the same."""
        return cls(**{part.name: getattr(prior, part.name) for part in fields(PhysicsPrior)})

    def direction_days(self, history: LineHistory, service_date: date) -> tuple[DirectionDay, DirectionDay]:
        """Return both directions of a service date, ready to be asked at any origin."""
        kept = (
            self.memory.newest
        )  # read and set whole: another thread may do so in between, and costs time alone
        same = [one for one in kept if one.history is history and one.service_date == service_date]
        found = (
            same[0] if same else _Found(history, service_date, super().direction_days(history, service_date))
        )
        self.memory.newest = (found, *(one for one in kept if one is not found))[:KEPT]
        return found.days


def with_cached_prior(bundle: Bundle) -> Bundle:
    """Return a bundle that forecasts the same, and finds the trains of a history once. Its networks are read anew."""
    method = bundle.simple_methods[TripPropagation.name]
    own = replace(method, prior=CachedPrior.of(method.prior))
    return replace(bundle, simple_methods={**bundle.simple_methods, TripPropagation.name: own})
