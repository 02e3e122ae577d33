"""First guesses for training days that know nothing of the day they guess: what is learned on them must hold on new days."""

from collections.abc import Mapping, Sequence
from datetime import date

from headway_prediction.forecasters.physics.fit_prior import fit_prior
from headway_prediction.forecasters.physics.prior import PhysicsPrior
from headway_prediction.grid.history import LineHistory

FOLDS = 5


def folds_of(service_dates: Sequence[date], count: int) -> list[list[date]]:
    """Deal service dates out in turn, so that every fold holds days of all kinds; no fold is empty."""
    count = min(count, len(service_dates))
    return [list(service_dates[start::count]) for start in range(count)]


def cross_fit_priors(training: LineHistory, count: int = FOLDS) -> dict[date, PhysicsPrior]:
    """Return, for every training day, a first guess fitted on the other folds; of a single day, on that day itself."""
    dates = training.service_dates
    priors = {}
    for fold in folds_of(dates, count):
        others = [day for day in dates if day not in fold] or dates
        priors |= dict.fromkeys(fold, fit_prior(training.select(others)))
    return priors


def fold_numbers(priors: Mapping[date, PhysicsPrior]) -> dict[date, int]:
    """Return the number of each day's fold, from 0 on: the days of one share their guess."""
    numbers = {prior: number for number, prior in enumerate(dict.fromkeys(priors.values()))}
    return {day: numbers[prior] for day, prior in priors.items()}
