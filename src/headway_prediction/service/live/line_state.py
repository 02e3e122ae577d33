"""The state of the line at one minute: the history of its passings, the last hours of it, and the time-space diagram."""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace
from datetime import UTC, date, datetime
from types import MappingProxyType

import numpy as np
import polars as pl

from headway_prediction.bundle.bundle import Bundle
from headway_prediction.bundle.forecast import check_same_line, origin_of
from headway_prediction.evaluation.truth import TypicalHeadway
from headway_prediction.forecasters.baselines import Climatology
from headway_prediction.forecasters.physics.expected_trains import DirectionDay, ExpectedTrains
from headway_prediction.forecasters.physics.prior import PhysicsPrior
from headway_prediction.forecasters.prior_features import FittedPrior
from headway_prediction.grid.history import ForecastOrigin
from headway_prediction.grid.passings import PASSING_COLUMNS, passings_on_line
from headway_prediction.service.live.published import TYPICAL_MINS, LineState, TrainPath
from headway_prediction.transit.clock import gtfs_time, service_date_and_minute
from headway_prediction.transit.line import Line

PAST_MINS = 180
"""Shown of a station. A service day's first published minute is 03:00, so there are as many before it."""
TRAINS_PAST_MINS = 60
TRAINS_AHEAD_MINS = 60
MISSING_TRAINS_MINS = 90
"""Longer than any headway that counts as valid (60 min): a line without trains for as long is probably not in the feed."""


def origin_at(at: float, zone_name: str) -> tuple[date, int]:
    """Return the service date of a moment (epoch seconds), and the last minute of it that is over."""
    service_date, minute = service_date_and_minute(datetime.fromtimestamp(at, UTC), zone_name)
    return service_date, int(np.floor(minute)) - 1


def live_origin(
    bundle: Bundle,
    log: pl.DataFrame,
    service_date: date,
    t0: int,
    attributes: Mapping[str, object] = MappingProxyType({}),
) -> ForecastOrigin:
    """Return minute `t0` of a service date, with the line as known at its end, from an arrival log that may hold more.

    Passings at stops that are not on the line are excluded, see `unknown_stops`. Raises HeadwayError for a log of another
    line or with misdated times, as `passings_on_line` does.
    """
    check_same_line(log, bundle.line)
    on_date = log.filter(pl.col("service_date") == service_date)
    on_line = on_date.join(bundle.line.stops(), on=["direction_id", "stop_id"], how="semi")
    if on_line.is_empty():
        passings = pl.DataFrame(schema=PASSING_COLUMNS)
    else:
        passings, _ = passings_on_line(on_line, bundle.line)
    return origin_of(bundle.line, bundle.timetable, bundle.cap_mins, passings, service_date, t0, attributes)


def unknown_stops(bundle: Bundle, log: pl.DataFrame) -> list[str]:
    """Return the stop ids of a log, sorted, that are neither on the line nor excluded from it on purpose."""
    off_line = log.join(bundle.line.stops(), on=["direction_id", "stop_id"], how="anti")["stop_id"]
    return sorted(set(off_line.to_list()) - bundle.line.excluded)


def prior_of(bundle: Bundle) -> PhysicsPrior:
    """Return the physics prior of a bundle, without the arrival residuals."""
    return bundle.fitted_prior.physics


def climatology_of(bundle: Bundle) -> Climatology:
    """Return the climatology of a bundle, with the spread of its training days."""
    method = bundle.statistics.methods[Climatology.name]
    assert isinstance(method, Climatology)
    return method


def line_state(bundle: Bundle, origin: ForecastOrigin) -> LineState:
    """Return the last PAST_MINS before the end of minute `t0` of an origin, and the trains seen or expected around it."""
    history, service_date, t0 = origin.history, origin.service_date, origin.t0
    minutes = np.arange(t0 + 1 - PAST_MINS, t0 + 1)
    day = history.day(service_date).isel(time=minutes)
    valid = day["valid"].values
    typical = TypicalHeadway(prior_of(bundle).medians).on(history, service_date, interpolated=True)
    around = np.clip(np.arange(t0 + 1 - TYPICAL_MINS, t0 + 1 + TYPICAL_MINS), 0, len(typical) - 1)
    return LineState(
        service_date=service_date,
        t0=t0,
        minutes=minutes,
        headway=np.where(valid, day["headway"].values, np.nan),
        elapsed=np.where(valid, day["elapsed"].values, np.nan),
        arrived=day["arrived"].values & valid,
        typical_around=typical[around],
        trains=train_paths(bundle.fitted_prior, origin),
    )


def is_missing_trains(bundle: Bundle, state: LineState) -> bool:
    """Return whether no train passed for MISSING_TRAINS_MINS in which most platforms typically have some."""
    half_hours = np.unique(np.arange(max(0, state.t0 - MISSING_TRAINS_MINS), state.t0 + 1) // 30)
    typical = prior_of(bundle).typical_headways(state.service_date)[half_hours]
    served = np.isfinite(typical).all(axis=0)
    return bool(served.mean() > 0.5) and not state.arrived[-MISSING_TRAINS_MINS:].any()


def train_paths(fitted: FittedPrior, origin: ForecastOrigin) -> tuple[TrainPath, ...]:
    """Return the trains that passed in the last TRAINS_PAST_MINS, and those expected in the next TRAINS_AHEAD_MINS.

    A train is named by its trip id where a passing of the day has it, else by the time and place of its first passing
    shown. Expected times are those of the network's prior features, made monotone along the trip.
    """
    history, service_date, t0 = origin.history, origin.service_date, origin.t0
    observed = set(history.passings_on(service_date)["trip_id"].unique().to_list())
    paths: list[TrainPath] = []
    for direction, day in enumerate(fitted.physics.direction_days(history, service_date)):
        expected = day.expected(t0, TRAINS_AHEAD_MINS)
        minutes = fitted.arrival_residuals.times(day, direction, expected, t0).minutes
        expected = replace(expected, minutes=_monotone(minutes))
        paths += _paths_of(day, expected, history.line, direction, observed, t0)
    return tuple(paths)


def _monotone(minutes: np.ndarray) -> np.ndarray:
    """Expected minutes (trains, positions), none earlier than at the position before: residuals correct each one alone."""
    comes = np.isfinite(minutes)
    latest = np.maximum.accumulate(np.where(comes, minutes, -np.inf), axis=1)
    return np.where(comes, latest, np.inf)


def _paths_of(
    day: DirectionDay,
    expected: ExpectedTrains,
    line: Line,
    direction: int,
    observed: Set[str],
    t0: int,
) -> list[TrainPath]:
    order = line.travel_order(direction)
    paths = []
    for trip_id, passed, minutes in _trains(day, expected, t0):
        ahead = np.flatnonzero(minutes < t0 + 1 + TRAINS_AHEAD_MINS).tolist()
        passings = tuple((order[position], minute) for position, minute in sorted(passed.items()))
        to_come = tuple((order[position], float(minutes[position])) for position in ahead)
        if passings or to_come:
            named = trip_id and trip_id in observed
            name = trip_id if named else _first_place(passings or to_come, line)
            paths.append(TrainPath(name, direction, passings, to_come))
    return paths


def _trains(
    day: DirectionDay, expected: ExpectedTrains, t0: int
) -> Iterator[tuple[str, dict[int, float], np.ndarray]]:
    """Trip id, past minutes by position, and expected minutes (positions,), infinite where none, of each train."""
    passed = _passed(day, t0)
    under_way = day.under_way(t0).tolist()
    coming = dict(zip(under_way, expected.minutes, strict=False))
    nowhere = np.full(day.matched.trains.minutes.shape[1], np.inf)
    for train in sorted({*passed, *under_way}):
        yield str(day.matched.trains.id_of_row[train]), passed.get(train, {}), coming.get(train, nowhere)
    for trip_id, minutes in list(zip(day.trip_ids(expected).tolist(), expected.minutes, strict=True))[
        len(under_way) :
    ]:
        yield trip_id, {}, minutes


def _passed(day: DirectionDay, t0: int) -> dict[int, dict[int, float]]:
    """Minutes by position of every train with a passing in the last TRAINS_PAST_MINS."""
    passed: dict[int, dict[int, float]] = {}
    for train, position, minute in zip(*(part.tolist() for part in day.matched.known(t0)), strict=True):
        if minute >= t0 + 1 - TRAINS_PAST_MINS:
            passed.setdefault(train, {})[position] = minute
    return passed


def _first_place(places: Sequence[tuple[int, float]], line: Line) -> str:
    station, minute = places[0]
    return f"{gtfs_time(minute)} {line.station_names[station]}"
