"""Persistence: the headway held at the origin stays; 10 minutes where there is none."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import ClassVar, Self

import numpy as np

from headway_prediction.forecasters.base import (
    FALLBACK_HEADWAY_MINS,
    LEADS,
    Forecast,
    held_values,
    over_leads,
)
from headway_prediction.grid.history import LineHistory


@dataclass(frozen=True)
class Persistence:
    """Nothing is fitted; see the module. `leads` minutes are forecast from each origin."""

    leads: int = LEADS
    name: ClassVar[str] = "persistence"

    @classmethod
    def fit(cls, training: LineHistory) -> Self:
        """Return the forecaster: it learns nothing."""
        return cls()

    def forecast(self, history: LineHistory, service_date: date, origins: np.ndarray) -> Forecast:
        """Forecast the held value at every lead."""
        held = held_values(history, service_date, origins)
        filled = np.where(np.isfinite(held), held, FALLBACK_HEADWAY_MINS)
        return Forecast.of_points(service_date, origins, over_leads(filled, self.leads))

    def state(self) -> dict[str, np.ndarray]:
        """Return no arrays."""
        return {}

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray]) -> Self:
        """Rebuild the forecaster."""
        return cls()
