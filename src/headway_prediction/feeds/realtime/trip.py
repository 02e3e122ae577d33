"""A trip as it is followed from poll to poll: what is ahead of its train, and what has passed.

Nothing here changes in place.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from headway_prediction.feeds.realtime.passing import Passing, Run
from headway_prediction.feeds.realtime.snapshot import ListedStop, Sighting, Status, TripKey

RERUN_SECS = 3600
"""A stop that is ahead again, an hour after it was passed, is ahead of another train with the same id."""


class PollTime(NamedTuple):
    """A poll in time: `at` is when the feed was as it says (by the feed's header, where that can be believed)."""

    at: float
    poll: float


class UpcomingStop(NamedTuple):
    """A stop that is ahead of a train: its newest prediction, and when the train was last known not to have left it.

    `status` is what the vehicle was seen to do there in the newest poll, None where none was seen; `from_schedule` and `track`
    are those of ListedStop.
    """

    stop_id: str
    due: float | None
    not_departed_at: float | None
    status: Status | None = None
    from_schedule: bool = False
    track: str = ""

    @property
    def stopped(self) -> bool:
        """Whether the vehicle was seen standing there."""
        return self.status is Status.STOPPED_AT


@dataclass(frozen=True, slots=True)
class Trip:
    """One run of a trip: the stops ahead in order of travel, as of `seen`, and its passings by stop, in order.

    `by_updates` says that trip updates listed its stops. `lost` is set once a poll that should have held the trip did not.
    """

    run: Run
    seen: PollTime
    ahead: tuple[UpcomingStop, ...] = ()
    passings: Mapping[str, Passing] = field(default_factory=dict)
    vehicle_id: str = ""
    stop_sequence: int | None = None
    assigned: bool = True
    by_updates: bool = False
    lost: bool = False


def new_trip(key: TripKey, moment: PollTime) -> Trip:
    """Return a trip that is seen for the first time."""
    return Trip(Run(key, moment.at), moment)


def with_sighting(trip: Trip, sighting: Sighting, moment: PollTime) -> Trip:
    """Return the trip as seen now, with what the sighting tells of it for the first time.

    What was inferred from its loss is taken back: it is back, and more is known.
    """
    run, vehicle = trip.run, sighting.vehicle
    told = Run(
        run.trip,
        run.first_seen,
        run.route_id or sighting.route_id,
        sighting.direction_id if run.direction_id is None else run.direction_id,
        run.train_id or sighting.train_id,
    )
    passings = trip.passings
    if trip.lost:
        ahead = {stop.stop_id for stop in trip.ahead}
        passings = {stop_id: known for stop_id, known in passings.items() if stop_id not in ahead}
    if told != run:
        passings = {stop_id: replace(passing, run=told) for stop_id, passing in passings.items()}
    return Trip(
        told,
        moment,
        trip.ahead,
        passings,
        (vehicle and vehicle.vehicle_id) or trip.vehicle_id,
        trip.stop_sequence,
        sighting.assigned,
        trip.by_updates or bool(sighting.listed),
    )


def is_new_run(trip: Trip, sighting: Sighting, moment: PollTime) -> bool:
    """Tell whether the sighting is of another run under the same id: it has stops ahead that were passed long ago."""
    vehicle = sighting.vehicle
    if not trip.passings:
        return False
    ahead = sighting.listed or ()
    if sighting.listed is None and vehicle is not None and not trip.by_updates:
        ahead = (ListedStop(vehicle.stop_id, moment.at),)
    return any(
        stop.due is not None and stop.due > trip.passings[stop.stop_id].time + RERUN_SECS
        for stop in ahead
        if stop.stop_id in trip.passings
    )
