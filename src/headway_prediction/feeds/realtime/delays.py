"""A TripUpdate that tells delays: with the plan, the times of all stops that it speaks of (GTFS-Realtime, TripUpdate).

A delay holds until the next stop that is told another one; a trip's own delay holds for the stops before the first.
"""

from collections.abc import Iterable, Sequence

from google.transit.gtfs_realtime_pb2 import TripUpdate

from headway_prediction.feeds.realtime.planned import PlannedStop, PlannedTrips
from headway_prediction.feeds.realtime.snapshot import ListedStop

Told = TripUpdate.StopTimeUpdate


def has_delays_only(update: TripUpdate) -> bool:
    """Tell whether the first stop of which the update tells anything has a delay alone; or only the trip has one."""
    for stop in update.stop_time_update:
        if stop.departure.time or stop.arrival.time:
            return False
        if _delay(stop) is not None:
            return True
    return update.HasField("delay")


def planned_stops_of(update: TripUpdate, planned: PlannedTrips, fetched_at: float) -> tuple[PlannedStop, ...]:
    """Return the planned stops of the update's trip, with epoch seconds; none where the schedule does not have it."""
    metadata = (update.trip.trip_id, update.trip.start_date, update.trip.start_time)
    # The bindings hand out bytes that are no UTF-8 as they are.
    texts = [word if isinstance(word, str) else "" for word in metadata]
    return planned.stops_of(*texts, fetched_at)


def delayed_stops(
    update: TripUpdate, stops: Sequence[PlannedStop], ahead_secs: float
) -> list[tuple[ListedStop, bool]]:
    """Return the stops of the trip from the first that the update tells of, each with whether it is skipped.

    `ahead_secs` is how far the feed's clock is ahead of ours. A stop without data (NO_DATA) has no time, nor have those
    after it.
    """
    delay = float(update.delay) if update.HasField("delay") else None
    begun, found = delay is not None, []
    for stop, told in zip(stops, _told(update.stop_time_update, stops), strict=True):
        if told is not None:
            begun, delay = True, _delay_now(told, stop, ahead_secs, delay)
        if begun:
            due = None if delay is None else stop.secs + delay
            skipped = told is not None and told.schedule_relationship == Told.SKIPPED
            found.append((ListedStop(stop.stop_id, due, from_schedule=told is None), skipped))
    return found


def _told(updates: Iterable[Told], stops: Sequence[PlannedStop]) -> list[Told | None]:
    """What the update tells of each planned stop, by its sequence or, where it has none that is the plan's, by its id."""
    ids = {stop.stop_sequence: stop.stop_id for stop in stops}
    by_sequence: dict[int, Told] = {}
    by_id: dict[str, Told] = {}
    for told in updates:
        if told.HasField("stop_sequence") and told.stop_id in ("", ids.get(told.stop_sequence)):
            by_sequence[told.stop_sequence] = told
        else:
            by_id[told.stop_id] = told
    return [by_sequence.get(stop.stop_sequence, by_id.get(stop.stop_id)) for stop in stops]


def _delay_now(told: Told, stop: PlannedStop, ahead_secs: float, before: float | None) -> float | None:
    if told.schedule_relationship == Told.NO_DATA:
        return None
    if told.schedule_relationship == Told.SKIPPED:
        return before
    time, delay = time_of(told, ahead_secs), _delay(told)
    if time is not None:
        return time - stop.secs
    return before if delay is None else delay


def time_of(told: Told, ahead_secs: float) -> float | None:
    """Return the departure that is told of a stop, or else the arrival, by our clock; None for neither."""
    time = told.departure.time or told.arrival.time
    return time - ahead_secs if time else None


def _delay(told: Told) -> float | None:
    for event in ("departure", "arrival"):
        if told.HasField(event) and getattr(told, event).HasField("delay"):
            return float(getattr(told, event).delay)
    return None
