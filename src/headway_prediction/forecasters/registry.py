"""The methods by name."""

from headway_prediction.forecasters.base import Forecaster
from headway_prediction.forecasters.climatology import Climatology
from headway_prediction.forecasters.persistence import Persistence
from headway_prediction.forecasters.propagation import Propagation
from headway_prediction.forecasters.schedule import Schedule
from headway_prediction.grid.history import LineHistory

SIMPLE_METHODS: dict[str, type[Forecaster]] = {
    method.name: method for method in (Persistence, Climatology, Schedule, Propagation)
}


def fit_simple_methods(training: LineHistory) -> dict[str, Forecaster]:
    """Fit every simple method on training days; `schedule` only where there is a plan."""
    return {
        name: method.fit(training)
        for name, method in SIMPLE_METHODS.items()
        if method is not Schedule or training.timetable is not None
    }
