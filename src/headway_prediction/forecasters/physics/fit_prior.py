"""Learning the first guess on training days, and which source of trips is worth believing."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import numpy as np

from headway_prediction.forecasters.base import LEADS
from headway_prediction.forecasters.climatology import Climatology
from headway_prediction.forecasters.physics.day_types import day_kind
from headway_prediction.forecasters.physics.expected_trains import DirectionDay
from headway_prediction.forecasters.physics.fit_train_following import fit_following
from headway_prediction.forecasters.physics.next_trains import forecast_headways
from headway_prediction.forecasters.physics.prior import SOURCES, FirstGuess, TripKnowledge
from headway_prediction.forecasters.physics.sections import Sections
from headway_prediction.forecasters.physics.train_following import Following
from headway_prediction.forecasters.physics.training_trips import TrainingTrips
from headway_prediction.forecasters.physics.turnarounds import (
    TurnRounds,
    learned_turn_rounds,
    terminal_of_day,
)
from headway_prediction.forecasters.propagation import Propagation
from headway_prediction.grid.history import LineHistory
from headway_prediction.transit.line import DIRECTIONS

TRIAL_DAYS = 3
TRIAL_STEP_MINS = 10
CLEARLY_BETTER = 0.98
"""A source is believed when its error is under this share of that of the simpler one."""
PART_BETTER = 0.99
"""The same for a part of how trains follow one another."""


def fit_first_guess(training: LineHistory) -> FirstGuess:
    """Learn running times, climatology and trips from training days alone."""
    runs, medians = Propagation.fit(training).runs, Climatology.fit(training).medians
    shown = [TrainingTrips.of(training, direction, runs[direction], medians) for direction in DIRECTIONS]
    sources = [_best_source(one_way) for one_way in shown]
    trips = tuple(one_way.learned(source) for one_way, source in zip(shown, sources, strict=True))
    following = tuple(map(_best_following, shown, sources))
    return FirstGuess(runs, trips, _turn_rounds(shown, trips), following, medians)


def _best_following(one_way: TrainingTrips, source: str) -> Following:
    """Learn how trains run behind one another; of its parts, those with which the newest training days are told better.

    Each of these days is told with what the other days taught; a single day teaches nothing.
    """
    knowledge = one_way.learned(source)
    days = [day for day, trains in one_way.trains.items() if len(trains.minutes)]
    seen = {day: one_way.as_known(day, knowledge).sections for day in days}
    if len(seen) < 2:
        return Following.none(len(one_way.station_order))
    errors = []
    for day in _trial_days(days):
        others = fit_following(Sections.of_days([seen[other] for other in days if other != day]))
        running = one_way.held_back(day, source)
        errors.append([_error(one_way, day, replace(running, following=part)) for part in _parts(others)])
    learned = fit_following(Sections.of_days(list(seen.values())))
    return _parts(learned)[_earned([_mean(of_part) for of_part in zip(*errors, strict=True)])]


def _parts(learned: Following) -> tuple[Following, ...]:
    """What was learned with more and more of its parts, from none on."""
    none = Following.none(len(learned.least))
    apart = replace(none, least=learned.least)
    paced = replace(apart, half_trust=learned.half_trust, most_off=learned.most_off)
    growing = replace(apart, growth=learned.growth, offset=learned.offset)
    return none, apart, paced, growing, learned


def _earned(errors: Sequence[float]) -> int:
    """The place of the part that is clearly better than all before it."""
    best = 0
    for place, error in enumerate(errors):
        if error < PART_BETTER * errors[best]:
            best = place
    return best


def _turn_rounds(
    shown: Sequence[TrainingTrips], trips: Sequence[TripKnowledge]
) -> tuple[TurnRounds, TurnRounds]:
    """Learn how trains turn round into each direction, from the trips that are believed."""
    days = [
        [one_way.as_known(day, knowledge) for one_way, knowledge in zip(shown, trips, strict=True)]
        for day in shown[0].training.service_dates
    ]
    into = [[terminal_of_day(day[d], day[1 - d]) for day in days] for d in DIRECTIONS]
    return tuple(learned_turn_rounds([day for day in seen if day is not None]) for seen in into)


def _best_source(one_way: TrainingTrips) -> str:
    """Return the source that errs least on the newest training days, each forecast from what the others tell.

    A plan can be changed by those who run the line, so it is preferred as long as it is hardly worse than the usual trips.
    """
    days = _trial_days([day for day, trains in one_way.trains.items() if len(trains.minutes)])
    sources = SOURCES if one_way.training.timetable is not None else SOURCES[1:]
    errors = {
        source: _mean([_error(one_way, day, one_way.held_back(day, source)) for day in days])
        for source in sources
    }
    better = {source: error for source, error in errors.items() if error < CLEARLY_BETTER * errors["none"]}
    if not better:
        return "none"
    least = min(better, key=better.get)
    return "planned" if better.get("planned", np.inf) * CLEARLY_BETTER <= better[least] else least


def _mean(errors: Sequence[float]) -> float:
    """Mean over the days that tell anything; infinite where none does."""
    known = [error for error in errors if np.isfinite(error)]
    return float(np.mean(known)) if known else np.inf


def _trial_days(service_dates: list[date]) -> list[date]:
    """The newest days of a kind that another training day has: others say nothing about usual trips.

    Where every kind has one day, there are no usual trips to be tried, and any day judges the plan.
    """
    kinds = [day_kind(day) for day in service_dates]
    recurring = [day for day, kind in zip(service_dates, kinds, strict=True) if kinds.count(kind) > 1]
    return (recurring or service_dates)[-TRIAL_DAYS:]


def _error(one_way: TrainingTrips, service_date: date, running: DirectionDay) -> float:
    """Mean absolute error in minutes over the valid cells after every tenth minute of a day; NaN where none is valid."""
    day, order = one_way.training.day(service_date), one_way.station_order
    held = day["headway"].values[:, order, one_way.direction]
    truth = np.where(day["valid"].values[:, order, one_way.direction], held, np.nan)
    origins = np.arange(0, len(truth) - LEADS, TRIAL_STEP_MINS)
    origins = origins[np.isfinite(truth[origins]).any(axis=1)]
    cap_mins = one_way.training.grid.attrs["cap_mins"]
    ahead = [forecast_headways(running, held[t0], int(t0), LEADS, cap_mins) for t0 in origins]
    wrong = [np.abs(found - truth[t0 + 1 : t0 + 1 + LEADS]) for t0, found in zip(origins, ahead, strict=True)]
    known = np.isfinite(wrong)
    return float(np.mean(wrong, where=known)) if known.any() else np.nan
