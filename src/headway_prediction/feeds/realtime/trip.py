"""The tracked state of one trip: the stops ahead of its train, and its passings. All values are immutable."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from headway_prediction.feeds.realtime.passing import Passing, Run
from headway_prediction.feeds.realtime.snapshot import ListedStop, Sighting, TripKey, VehicleStatus

MIN_SECS_BETWEEN_RUNS = 3600
"""A passed stop that is listed again with a time this much later belongs to another run under the same trip id."""


class PollTime(NamedTuple):
    """The times of a poll: `content_at` by the feed's header where that is plausible, and `fetched_at` by our clock."""

    content_at: float
    fetched_at: float


class UpcomingStop(NamedTuple):
    """A stop ahead of a train.

    `due` is its latest prediction, `not_departed_at` when the train was last known not to have left it. `status` is the
    vehicle's status there in the latest poll, None without one. `from_schedule` and `track` are those of ListedStop.
    """

    stop_id: str
    due: float | None
    not_departed_at: float | None
    status: VehicleStatus | None = None
    from_schedule: bool = False
    track: str = ""

    @property
    def stopped(self) -> bool:
        """Whether the vehicle was reported as stopped there."""
        return self.status is VehicleStatus.STOPPED_AT


@dataclass(frozen=True, slots=True)
class Trip:
    """One run of a trip: the stops `ahead` in order of travel as of `last_seen`, and its passings by stop, in order.

    `by_updates` is whether trip updates listed its stops. `lost` is set by the first poll that should have held the trip
    and did not.
    """

    run: Run
    last_seen: PollTime
    ahead: tuple[UpcomingStop, ...] = ()
    passings: Mapping[str, Passing] = field(default_factory=dict)
    vehicle_id: str = ""
    stop_sequence: int | None = None
    assigned: bool = True
    by_updates: bool = False
    lost: bool = False

    def unseen_secs(self, now: PollTime) -> float:
        """Return for how long the trip had not appeared in the feed."""
        return now.content_at - self.last_seen.content_at


def new_trip(key: TripKey, now: PollTime) -> Trip:
    """Return a trip that appears for the first time."""
    return Trip(Run(key, now.content_at), now)


def with_sighting(trip: Trip, sighting: Sighting, now: PollTime) -> Trip:
    """Return the trip with the attributes that the sighting adds, not yet with its stops.

    For a trip that was lost, passings inferred from the loss are withdrawn: the sighting shows where the train is.
    """
    run, vehicle = trip.run, sighting.vehicle
    known = Run(
        run.trip,
        run.first_seen,
        run.route_id or sighting.route_id,
        sighting.direction_id if run.direction_id is None else run.direction_id,
        run.train_id or sighting.train_id,
    )
    passings = trip.passings
    if trip.lost:
        ahead = {stop.stop_id for stop in trip.ahead}
        passings = {stop_id: passing for stop_id, passing in passings.items() if stop_id not in ahead}
    if known != run:
        passings = {stop_id: replace(passing, run=known) for stop_id, passing in passings.items()}
    return Trip(
        known,
        now,
        trip.ahead,
        passings,
        (vehicle.vehicle_id if vehicle else "") or trip.vehicle_id,
        trip.stop_sequence,
        sighting.assigned,
        trip.by_updates or bool(sighting.listed),
    )


def is_new_run(trip: Trip, sighting: Sighting, now: PollTime) -> bool:
    """Return whether the sighting is another run under the same id: stops that were passed long ago are ahead again."""
    vehicle = sighting.vehicle
    if not trip.passings:
        return False
    ahead = sighting.listed or ()
    if sighting.listed is None and vehicle is not None and not trip.by_updates:
        ahead = (ListedStop(vehicle.stop_id, now.content_at),)
    return any(
        stop.due is not None and stop.due > trip.passings[stop.stop_id].time + MIN_SECS_BETWEEN_RUNS
        for stop in ahead
        if stop.stop_id in trip.passings
    )
