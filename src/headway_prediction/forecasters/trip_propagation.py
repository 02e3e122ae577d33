"""Trip propagation: the physics prior as a forecaster of headways."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import ClassVar, Self

import numpy as np

from headway_prediction.forecasters.base import (
    FALLBACK_HEADWAY_MINS,
    LEADS,
    Forecast,
    chunks_of,
    held_values,
    over_leads,
)
from headway_prediction.forecasters.physics.expected_trains import DirectionDay, headways_with_fallback
from headway_prediction.forecasters.physics.fit_prior import fit_prior
from headway_prediction.forecasters.physics.prior import PhysicsPrior
from headway_prediction.grid.history import LineHistory
from headway_prediction.transit.line import DIRECTIONS


@dataclass(frozen=True)
class TripPropagation:
    """The fitted `prior`; forecasts `leads` minutes from each origin."""

    prior: PhysicsPrior
    leads: int = LEADS
    name: ClassVar[str] = "trip-propagation"

    @classmethod
    def fit(cls, training: LineHistory) -> Self:
        """Fit the physics prior on training days."""
        return cls(fit_prior(training))

    def forecast(self, history: LineHistory, service_date: date, origins: np.ndarray) -> Forecast:
        """Forecast the headways of the expected trains; a platform holds its headway until the first of them passes."""
        days = self.prior.direction_days(history, service_date)
        headways = headways_of_trains(days, history, service_date, origins, self.leads)
        return Forecast.of_points(service_date, origins, headways)

    def state(self) -> dict[str, np.ndarray]:
        """Return the state of the prior."""
        return self.prior.state()

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray]) -> Self:
        """Rebuild the fitted forecaster."""
        return cls(PhysicsPrior.from_state(state))


def headways_of_trains(
    days: Sequence[DirectionDay],
    history: LineHistory,
    service_date: date,
    origins: np.ndarray,
    leads: int = LEADS,
) -> np.ndarray:
    """Return the headways (origins, leads, stations, directions) of the trains that both directions expect.

    Before the first train passes, the headway held at the origin; 10 minutes where there is none.
    """
    origins = np.asarray(origins)
    held, cap_mins = held_values(history, service_date, origins), history.grid.attrs["cap_mins"]
    headways = over_leads(np.full_like(held, FALLBACK_HEADWAY_MINS), leads)
    for direction, day in zip(DIRECTIONS, days, strict=True):
        order = history.line.travel_order(direction)
        for some in chunks_of(len(origins)):
            expected = day.expected(origins[some], leads)
            at_origin = held[some][:, order, direction]
            ahead = headways_with_fallback(day, expected, at_origin, origins[some], leads, cap_mins)
            headways[some][:, :, order, direction] = ahead
    return headways
