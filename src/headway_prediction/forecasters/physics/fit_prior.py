"""Fit the physics prior on training days: trips, turnarounds and train following, each judged on validation days.

`fit_prior` fits everything on all training days. Which source of trips and which parts of train following are used is
decided by the error on the newest training days, each forecast without its own trips. `cross_fit_priors` gives every
training day a prior fitted on other days, so that what is learned on top of the prior holds on new days.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Self

import numpy as np

from headway_prediction.forecasters.base import LEADS, chunks_of
from headway_prediction.forecasters.baselines import Climatology
from headway_prediction.forecasters.physics.expected_trains import DirectionDay, headways_with_fallback
from headway_prediction.forecasters.physics.planned_trips import (
    DayLateness,
    lateness_of_day,
    planned_trips,
    typical_lateness,
)
from headway_prediction.forecasters.physics.prior import (
    TRIP_SOURCES,
    PhysicsPrior,
    TripSource,
    trains_of_day,
)
from headway_prediction.forecasters.physics.running_times import DirectionRuns
from headway_prediction.forecasters.physics.train_following import (
    Sections,
    TrainFollowing,
    fit_train_following,
)
from headway_prediction.forecasters.physics.trip_table import TripTable
from headway_prediction.forecasters.physics.turnarounds import (
    Turnarounds,
    fit_turnarounds,
    terminal_of_day,
)
from headway_prediction.forecasters.physics.typical_trips import typical_trips
from headway_prediction.forecasters.propagation import Propagation
from headway_prediction.grid.history import LineHistory
from headway_prediction.transit.clock import DAY_TYPES, day_type_of
from headway_prediction.transit.line import per_direction

FOLDS = 5
VALIDATION_DAYS = 3
VALIDATION_STEP_MINS = 10
MAX_SOURCE_ERROR_SHARE = 0.98
"""A source of trips is used when its error is under this share of the error without trips."""
MAX_PART_ERROR_SHARE = 0.99
"""A further part of train following is used when its error is under this share of the error without it."""


@dataclass(frozen=True)
class TrainingTrips:
    """One `direction` of the training days, its trains matched with the plan once for all fits and validations.

    `runs` and the climatology's `medians` were fitted on all training days. `trains` holds the trains of every service date,
    `late` their lateness on the dates that have a plan.
    """

    training: LineHistory
    direction: int
    runs: DirectionRuns
    medians: np.ndarray
    trains: Mapping[date, TripTable]
    late: Mapping[date, DayLateness]

    @classmethod
    def of(cls, training: LineHistory, direction: int, runs: DirectionRuns, medians: np.ndarray) -> Self:
        """Build the trains of all training days and match them with the plan."""
        trains = {day: trains_of_day(training, day, direction, runs) for day in training.service_dates}
        plans = {day: planned_trips(training, day, direction) for day in trains}
        late = {
            day: lateness_of_day(day_type_of(day), plan, trains[day])
            for day, plan in plans.items()
            if plan is not None
        }
        return cls(training, direction, runs, medians, trains, late)

    @property
    def station_order(self) -> list[int]:
        """The stations of the direction in the order of travel."""
        return self.training.line.travel_order(self.direction)

    @property
    def days_with_trains(self) -> list[date]:
        """The training days on which the direction was served."""
        return [day for day, trains in self.trains.items() if len(trains.minutes)]

    def fit_trips(
        self, source: str, exclude: date | None = None, day_types: Sequence[int] = DAY_TYPES
    ) -> TripSource:
        """Fit the trips of these day types on all training days but `exclude`."""
        late, typical = [], {}
        if source == "planned":
            late = [lateness for day, lateness in self.late.items() if day != exclude]
        if source == "typical":
            typical = self._typical_trips(day_types, exclude)
        return TripSource(source, typical_lateness(late, len(self.station_order)), typical)

    def _typical_trips(self, day_types: Sequence[int], exclude: date | None) -> dict[int, TripTable]:
        """Typical trips of the day types that have any."""
        tables = {}
        for day_type in day_types:
            days = [day for day in self.trains if day_type_of(day) == day_type and day != exclude]
            tables[day_type] = typical_trips([self.trains[day] for day in days], len(self.station_order))
        return {day_type: table for day_type, table in tables.items() if len(table.minutes)}

    def validation_day(self, service_date: date, source: str) -> DirectionDay:
        """Return a training day whose trips are fitted on the other training days."""
        trip_source = self.fit_trips(source, exclude=service_date, day_types=[day_type_of(service_date)])
        return self.training_day(service_date, trip_source)

    def training_day(self, service_date: date, trip_source: TripSource) -> DirectionDay:
        """Return a training day with the trips of `trip_source` and without train following."""
        train_following = TrainFollowing.none(len(self.station_order))
        trains = self.trains[service_date]
        return trip_source.direction_day(
            self.training, service_date, self.direction, self.runs, trains, self.medians, train_following
        )


def fit_prior(training: LineHistory) -> PhysicsPrior:
    """Fit running times, climatology, trips, turnarounds and train following on training days."""
    runs, medians = Propagation.fit(training).runs, Climatology.fit(training).medians
    training_trips = per_direction(lambda d: TrainingTrips.of(training, d, runs[d], medians))
    sources = per_direction(lambda d: _best_source(training_trips[d]))
    trips = per_direction(lambda d: training_trips[d].fit_trips(sources[d]))
    train_following = per_direction(lambda d: _best_train_following(training_trips[d], sources[d]))
    return PhysicsPrior(runs, trips, _fit_turnarounds(training_trips, trips), train_following, medians)


def _best_train_following(one_way: TrainingTrips, source: str) -> TrainFollowing:
    """Fit train following with the parts that lower the error on validation days; none with fewer than two days."""
    trip_source, days = one_way.fit_trips(source), one_way.days_with_trains
    if len(days) < 2:
        return TrainFollowing.none(len(one_way.station_order))
    sections = {day: one_way.training_day(day, trip_source).matched.sections for day in days}
    errors = []
    for day in _validation_days(days):
        others = fit_train_following(Sections.of_days([sections[other] for other in days if other != day]))
        trial = one_way.validation_day(day, source)
        errors.append(
            [_error(one_way, day, replace(trial, train_following=parts)) for parts in _parts(others)]
        )
    fitted = fit_train_following(Sections.of_days(list(sections.values())))
    return _parts(fitted)[_best_parts([_mean(by_day) for by_day in zip(*errors, strict=True)])]


def _parts(fitted: TrainFollowing) -> tuple[TrainFollowing, ...]:
    """Nothing, minimum headways alone, these with pace, these with dwell growth, and everything."""
    none = TrainFollowing.none(len(fitted.min_headway))
    separated = replace(none, min_headway=fitted.min_headway)
    paced = replace(separated, pace_shrinkage=fitted.pace_shrinkage, max_slowness=fitted.max_slowness)
    growing = replace(separated, dwell_growth=fitted.dwell_growth, dwell_offset=fitted.dwell_offset)
    return none, separated, paced, growing, fitted


def _best_parts(errors: Sequence[float]) -> int:
    """The index of the parts that are clearly better than all chosen before."""
    best = 0
    for index, error in enumerate(errors):
        if error < MAX_PART_ERROR_SHARE * errors[best]:
            best = index
    return best


def _fit_turnarounds(
    training_trips: Sequence[TrainingTrips], trips: Sequence[TripSource]
) -> tuple[Turnarounds, Turnarounds]:
    """Fit the turnarounds into each direction, with trips from the chosen sources."""
    days = [
        [one_way.training_day(day, source) for one_way, source in zip(training_trips, trips, strict=True)]
        for day in training_trips[0].training.service_dates
    ]

    def into(direction: int) -> Turnarounds:
        terminals = [terminal_of_day(day[direction], day[1 - direction]) for day in days]
        return fit_turnarounds([terminal for terminal in terminals if terminal is not None])

    return per_direction(into)


def _best_source(one_way: TrainingTrips) -> str:
    """Return the source of trips with the lowest error on validation days.

    The plan is preferred when it is hardly worse than typical trips: it also covers changes that operators make.
    """
    days = _validation_days(one_way.days_with_trains)
    sources = TRIP_SOURCES if one_way.training.timetable is not None else TRIP_SOURCES[1:]
    errors = {
        source: _mean([_error(one_way, day, one_way.validation_day(day, source)) for day in days])
        for source in sources
    }
    better = {s: error for s, error in errors.items() if error < MAX_SOURCE_ERROR_SHARE * errors["none"]}
    if not better:
        return "none"
    best = min(better, key=lambda source: better[source])
    return "planned" if better.get("planned", np.inf) * MAX_SOURCE_ERROR_SHARE <= better[best] else best


def _mean(errors: Sequence[float]) -> float:
    """Mean over the days with an error; infinite where none has one."""
    known = [error for error in errors if np.isfinite(error)]
    return float(np.mean(known)) if known else np.inf


def _validation_days(service_dates: list[date]) -> list[date]:
    """The newest days whose day type another training day shares: the others cannot validate typical trips.

    Where every day type has one day there are no typical trips to validate, so any day validates the plan.
    """
    day_types = [day_type_of(day) for day in service_dates]
    recurring = [day for day in service_dates if day_types.count(day_type_of(day)) > 1]
    return (recurring or service_dates)[-VALIDATION_DAYS:]


def _error(one_way: TrainingTrips, service_date: date, trial: DirectionDay) -> float:
    """Mean absolute error in minutes over the valid cells after every tenth minute of a day; NaN where none is valid."""
    day, order = one_way.training.day(service_date), one_way.station_order
    held = day["headway"].values[:, order, one_way.direction]
    truth = np.where(day["valid"].values[:, order, one_way.direction], held, np.nan)
    origins = np.arange(0, len(truth) - LEADS, VALIDATION_STEP_MINS)
    origins = origins[np.isfinite(truth[origins]).any(axis=1)]
    cap_mins = one_way.training.grid.attrs["cap_mins"]
    forecasts = []
    for some in chunks_of(len(origins)):
        t0 = origins[some]
        forecasts.append(
            headways_with_fallback(trial, trial.expected(t0, LEADS), held[t0], t0, LEADS, cap_mins)
        )
    ends = origins[:, None] + np.arange(1, LEADS + 1)
    errors = np.abs(np.concatenate([np.empty((0, *truth[ends].shape[1:])), *forecasts]) - truth[ends])
    known = np.isfinite(errors)
    return float(np.mean(errors, where=known)) if known.any() else np.nan


def folds_of(service_dates: Sequence[date], count: int) -> list[list[date]]:
    """Deal service dates out in turn, so that every fold has days of all types; no fold is empty."""
    count = min(count, len(service_dates))
    return [list(service_dates[start::count]) for start in range(count)]


def cross_fit_priors(training: LineHistory, count: int = FOLDS) -> dict[date, PhysicsPrior]:
    """Return, for every training day, a prior fitted on the other folds; for a single day, one fitted on that day."""
    dates = training.service_dates
    priors: dict[date, PhysicsPrior] = {}
    for fold in folds_of(dates, count):
        others = [day for day in dates if day not in fold] or dates
        priors |= dict.fromkeys(fold, fit_prior(training.select(others)))
    return priors


def fold_numbers(priors: Mapping[date, PhysicsPrior]) -> dict[date, int]:
    """Return the number of each day's fold, from 0 on: the days of a fold share their prior."""
    numbers = {prior: number for number, prior in enumerate(dict.fromkeys(priors.values()))}
    return {day: numbers[prior] for day, prior in priors.items()}
