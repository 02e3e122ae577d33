"""What the training days of one direction show of its trips: each day's trains and plan, matched once for all trials.

Learning the first guess on training days, and which source of trips is worth believing.

First guesses for training days that know nothing of the day they guess: what is learned on them must hold on new days."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Self

import numpy as np

from headway_prediction.forecasters.base import LEADS
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
    trains_by_date,
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
from headway_prediction.transit.line import DIRECTIONS


@dataclass(frozen=True)
class TrainingTrips:
    """One `direction` of the training days, its `runs` as learned from them and the climatology's `medians`, the `trains` of
    every service date, and how `late` they were on those that have a plan."""

    training: LineHistory
    direction: int
    runs: DirectionRuns
    medians: np.ndarray
    trains: Mapping[date, TripTable]
    late: Mapping[date, DayLateness]

    @classmethod
    def of(cls, training: LineHistory, direction: int, runs: DirectionRuns, medians: np.ndarray) -> Self:
        """Find the trains of all training days and match them with the plan."""
        trains = trains_by_date(training, training.service_dates, direction, runs)
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

    def fit_trips(
        self, source: str, exclude: date | None = None, day_types: Sequence[int] = DAY_TYPES
    ) -> TripSource:
        """Learn the trips of these day kinds from all training days but `exclude`."""
        late = (
            [observed for day, observed in self.late.items() if day != exclude] if source == "planned" else []
        )
        typical = self._typical_trips_of(day_types, exclude) if source == "typical" else {}
        return TripSource(source, typical_lateness(late, len(self.station_order)), typical)

    def _typical_trips_of(self, day_types: Sequence[int], exclude: date | None) -> dict[int, TripTable]:
        """Usual trips of the day kinds that have any."""
        days = {
            day_type: [
                trains
                for day, trains in self.trains.items()
                if day_type_of(day) == day_type and day != exclude
            ]
            for day_type in day_types
        }
        found = {
            day_type: typical_trips(trains, len(self.station_order)) for day_type, trains in days.items()
        }
        return {day_type: table for day_type, table in found.items() if len(table.minutes)}

    def validation_day(self, service_date: date, source: str) -> DirectionDay:
        """Return a training day as one that knows nothing of its trips but what the other days tell."""
        trip_source = self.fit_trips(source, exclude=service_date, day_types=[day_type_of(service_date)])
        return self.training_day(service_date, trip_source)

    def training_day(self, service_date: date, trip_source: TripSource) -> DirectionDay:
        """Return a training day with the trips that `trip_source` expects on it, on which trains simply run on."""
        train_following = TrainFollowing.none(len(self.station_order))
        trains = self.trains[service_date]
        return trip_source.direction_day(
            self.training, service_date, self.direction, self.runs, trains, self.medians, train_following
        )


VALIDATION_DAYS = 3
VALIDATION_STEP_MINS = 10
MAX_ERROR_SHARE = 0.98
"""A source is believed when its error is under this share of that of the simpler one."""
MAX_PART_ERROR_SHARE = 0.99
"""The same for a part of how trains follow one another."""


def fit_prior(training: LineHistory) -> PhysicsPrior:
    """Learn running times, climatology and trips from training days alone."""
    runs, medians = Propagation.fit(training).runs, Climatology.fit(training).medians
    training_trips = [
        TrainingTrips.of(training, direction, runs[direction], medians) for direction in DIRECTIONS
    ]
    sources = [_best_source(one_way) for one_way in training_trips]
    trips = tuple(one_way.fit_trips(source) for one_way, source in zip(training_trips, sources, strict=True))
    train_following = tuple(map(_best_train_following, training_trips, sources))
    return PhysicsPrior(runs, trips, _fit_turnarounds(training_trips, trips), train_following, medians)


def _best_train_following(one_way: TrainingTrips, source: str) -> TrainFollowing:
    """Learn how trains run behind one another; of its parts, those with which the newest training days are told better.

    Each of these days is told with what the other days taught; a single day teaches nothing.
    """
    trip_source = one_way.fit_trips(source)
    days = [day for day, trains in one_way.trains.items() if len(trains.minutes)]
    observed = {day: one_way.training_day(day, trip_source).sections for day in days}
    if len(observed) < 2:
        return TrainFollowing.none(len(one_way.station_order))
    errors = []
    for day in _validation_days(days):
        others = fit_train_following(Sections.of_days([observed[other] for other in days if other != day]))
        running = one_way.validation_day(day, source)
        errors.append(
            [_error(one_way, day, replace(running, train_following=part)) for part in _parts(others)]
        )
    learned = fit_train_following(Sections.of_days(list(observed.values())))
    return _parts(learned)[_best_part([_mean(of_part) for of_part in zip(*errors, strict=True)])]


def _parts(learned: TrainFollowing) -> tuple[TrainFollowing, ...]:
    """What was learned with more and more of its parts, from none on."""
    none = TrainFollowing.none(len(learned.min_headway))
    apart = replace(none, min_headway=learned.min_headway)
    paced = replace(apart, pace_shrinkage=learned.pace_shrinkage, max_slowness=learned.max_slowness)
    growing = replace(apart, dwell_growth=learned.dwell_growth, dwell_offset=learned.dwell_offset)
    return none, apart, paced, growing, learned


def _best_part(errors: Sequence[float]) -> int:
    """The place of the part that is clearly better than all before it."""
    best = 0
    for place, error in enumerate(errors):
        if error < MAX_PART_ERROR_SHARE * errors[best]:
            best = place
    return best


def _fit_turnarounds(
    training_trips: Sequence[TrainingTrips], trips: Sequence[TripSource]
) -> tuple[Turnarounds, Turnarounds]:
    """Learn how trains turn round into each direction, from the trips that are believed."""
    days = [
        [
            one_way.training_day(day, trip_source)
            for one_way, trip_source in zip(training_trips, trips, strict=True)
        ]
        for day in training_trips[0].training.service_dates
    ]
    into = [[terminal_of_day(day[d], day[1 - d]) for day in days] for d in DIRECTIONS]
    return tuple(fit_turnarounds([day for day in observed if day is not None]) for observed in into)


def _best_source(one_way: TrainingTrips) -> str:
    """Return the source that errs least on the newest training days, each forecast from what the others tell.

    A plan can be changed by those who run the line, so it is preferred as long as it is hardly worse than the usual trips.
    """
    days = _validation_days([day for day, trains in one_way.trains.items() if len(trains.minutes)])
    sources = TRIP_SOURCES if one_way.training.timetable is not None else TRIP_SOURCES[1:]
    errors = {
        source: _mean([_error(one_way, day, one_way.validation_day(day, source)) for day in days])
        for source in sources
    }
    better = {source: error for source, error in errors.items() if error < MAX_ERROR_SHARE * errors["none"]}
    if not better:
        return "none"
    min_headway = min(better, key=better.get)
    return (
        "planned" if better.get("planned", np.inf) * MAX_ERROR_SHARE <= better[min_headway] else min_headway
    )


def _mean(errors: Sequence[float]) -> float:
    """Mean over the days that tell anything; infinite where none does."""
    known = [error for error in errors if np.isfinite(error)]
    return float(np.mean(known)) if known else np.inf


def _validation_days(service_dates: list[date]) -> list[date]:
    """The newest days of a kind that another training day has: others say nothing about usual trips.

    Where every kind has one day, there are no usual trips to be tried, and any day judges the plan.
    """
    day_types = [day_type_of(day) for day in service_dates]
    recurring = [
        day for day, day_type in zip(service_dates, day_types, strict=True) if day_types.count(day_type) > 1
    ]
    return (recurring or service_dates)[-VALIDATION_DAYS:]


def _error(one_way: TrainingTrips, service_date: date, running: DirectionDay) -> float:
    """Mean absolute error in minutes over the valid cells after every tenth minute of a day; NaN where none is valid."""
    day, order = one_way.training.day(service_date), one_way.station_order
    held = day["headway"].values[:, order, one_way.direction]
    truth = np.where(day["valid"].values[:, order, one_way.direction], held, np.nan)
    origins = np.arange(0, len(truth) - LEADS, VALIDATION_STEP_MINS)
    origins = origins[np.isfinite(truth[origins]).any(axis=1)]
    cap_mins = one_way.training.grid.attrs["cap_mins"]
    ahead = [headways_with_fallback(running, held[t0], int(t0), LEADS, cap_mins) for t0 in origins]
    wrong = [np.abs(found - truth[t0 + 1 : t0 + 1 + LEADS]) for t0, found in zip(origins, ahead, strict=True)]
    known = np.isfinite(wrong)
    return float(np.mean(wrong, where=known)) if known.any() else np.nan


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
