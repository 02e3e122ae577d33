"""The trains of a day in a feed: their names, vehicles, times and faults."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from headway_prediction.simulate.feed.faults import FeedFaults
from headway_prediction.simulate.plan import Plan, planned_passings, stop_id, trip_id
from headway_prediction.simulate.scenario import Scenario
from headway_prediction.simulate.trains import Passings

_SKIPS, _CANCELS, _RENAMES, _ADDS, _GAPS, _ERRORS = range(6)
VANISH_BLOCK_SECS = 600
ERROR_BLOCK_SECS = 300
LISTED_BEFORE_SECS = 1800


@dataclass(frozen=True)
class FeedTrain:
    """One train of a feed. Times are seconds of the service day, along its direction, one per station.

    `arrival_secs` and `departure_secs` are the actual times, or would be where the train does not serve a station (`served`
    is False): it passes without stopping, or has turned before. `last_served` is the index of the last station that it
    serves, -1 for none. `errors` are the errors of its predictions per second of lead, one for each ERROR_BLOCK_SECS of the
    day. Times that never come are infinite.
    """

    direction: int
    name: str
    vehicle: str
    stops: tuple[str, ...]
    planned_secs: float
    arrival_secs: np.ndarray
    departure_secs: np.ndarray
    planned_departure_secs: np.ndarray
    served: np.ndarray
    cancelled: bool
    marked_skips: np.ndarray
    added: np.ndarray
    renamed_secs: float
    gaps: tuple[tuple[float, float], ...]
    errors: np.ndarray
    last_served: int


def actual_passings(
    plan: Plan, passings: tuple[Passings, Passings], faults: FeedFaults, seed: int
) -> tuple[Passings, Passings]:
    """Return `passings` without the trains cancelled and the stops skipped by `faults`."""
    forward, backward = passings
    return _served(plan, forward, 0, faults, seed), _served(plan, backward, 1, faults, seed)


def _served(plan: Plan, passed: Passings, direction: int, faults: FeedFaults, seed: int) -> Passings:
    runs = np.array(
        [
            _draw(seed, plan, direction, train, _CANCELS).random() >= faults.cancelled_trips
            for train in passed.train
        ],
        dtype=bool,
    )
    skips = [
        _draw(seed, plan, direction, train, _SKIPS).random(passed.arrival_secs.shape[1])
        < faults.skipped_stops
        for train in passed.train
    ]
    skipped = np.array(skips, dtype=bool).reshape(passed.arrival_secs.shape)
    skipped[:, [0, -1]] = False
    # A short turn serves the station where it turns.
    reached = ~np.isnan(passed.arrival_secs)
    skipped &= reached & np.roll(reached, -1, axis=1)
    arrivals, departures = (
        np.where(skipped, np.nan, secs)[runs] for secs in (passed.arrival_secs, passed.departure_secs)
    )
    return replace(passed, train=passed.train[runs], arrival_secs=arrivals, departure_secs=departures)


def feed_trains(
    scenario: Scenario, plan: Plan, passings: tuple[Passings, Passings], faults: FeedFaults, seed: int
) -> list[FeedTrain]:
    """Return the trains of `plan`; those absent from `passings` (see `actual_passings`) are cancelled."""
    vehicles = _vehicles(plan)
    return [
        _feed_train(scenario, plan, passings[row["direction_id"]], row, vehicles, faults, seed)
        for row in plan.departures.sort("departure_secs", "direction_id").iter_rows(named=True)
    ]


def _feed_train(
    scenario: Scenario,
    plan: Plan,
    passed: Passings,
    row: dict[str, int],
    vehicles: dict[tuple[int, int], str],
    faults: FeedFaults,
    seed: int,
) -> FeedTrain:
    direction, train = row["direction_id"], row["train"]
    planned = [secs[0] for secs in planned_passings(scenario, direction, np.array([row["departure_secs"]]))]
    places = np.flatnonzero(passed.train == train)
    happened = (
        [secs[places[0]] for secs in (passed.arrival_secs, passed.departure_secs)] if len(places) else None
    )
    arrivals, departures = _completed(*happened, *planned) if happened else planned
    draw = {kind: _draw(seed, plan, direction, train, kind) for kind in (_RENAMES, _ADDS, _GAPS, _ERRORS)}
    stops = [stop_id(station) for station in range(scenario.station_count)]
    count = len(stops)
    renamed = draw[_RENAMES].random(2)
    return FeedTrain(
        direction,
        trip_id(direction, train),
        vehicles[direction, train],
        tuple(stops if direction == 0 else stops[::-1]),
        row["departure_secs"],
        arrivals,
        departures,
        planned[1],
        ~np.isnan(happened[0]) if happened else np.zeros(count, bool),
        not happened,
        draw[_ADDS].random(count) < 0.5,
        draw[_ADDS].random(count) < faults.added_stops,
        _within(arrivals[0], departures[-1], renamed[1]) if renamed[0] < faults.renamed_trips else np.inf,
        tuple(_gaps(draw[_GAPS], faults.vanishing_trips)),
        draw[_ERRORS].normal(0, 0.08, 32 * 3600 // ERROR_BLOCK_SECS + 2).clip(-0.16, 0.16),
        int(np.flatnonzero(~np.isnan(happened[0]))[-1]) if happened else -1,
    )


def _completed(
    arrivals: np.ndarray, departures: np.ndarray, planned_arrivals: np.ndarray, planned_departures: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Fill in stations that a train does not serve: as late as at the last one, and without a dwell."""
    lateness = np.nan_to_num(departures - planned_departures, nan=-np.inf)
    known = ~np.isnan(departures)
    last = np.maximum.accumulate(np.where(known, np.arange(len(known)), 0))
    through = planned_arrivals + lateness[last]
    next_arrivals = np.append(arrivals[1:], np.nan)
    through = np.fmin(through, next_arrivals - 1)
    return np.where(known, arrivals, through), np.where(known, departures, through)


def _within(start: float, end: float, share: float) -> float:
    return float(start + (end - start) * share)


def _gaps(random: np.random.Generator, share: float) -> Iterator[tuple[float, float]]:
    draws = random.random((32 * 3600 // VANISH_BLOCK_SECS, 3))
    for block in np.flatnonzero(draws[:, 0] < share).tolist():
        _, offset, length = draws[block].tolist()
        start = (block + offset) * VANISH_BLOCK_SECS
        yield start, start + 30 + 150 * length


def _vehicles(plan: Plan) -> dict[tuple[int, int], str]:
    """Return a vehicle per train: that of the train it turned from, or a new one from the yard."""
    vehicles: dict[tuple[int, int], str] = {}
    rows = plan.departures.sort("departure_secs", "direction_id").select(
        "direction_id", "train", "inbound_train"
    )
    for direction, train, inbound_train in rows.iter_rows():
        new = f"V{len(set(vehicles.values())) + 1:03d}"
        vehicles[direction, train] = vehicles.get((1 - direction, inbound_train), new)
    return vehicles


def _draw(seed: int, plan: Plan, direction: int, train: int, kind: int) -> np.random.Generator:
    return np.random.default_rng([seed, plan.service_date.toordinal(), direction, int(train), kind])
