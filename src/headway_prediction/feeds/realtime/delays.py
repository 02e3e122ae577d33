"""TripUpdates that give delays without times: planned times plus delays (GTFS-Realtime reference, TripUpdate).

A delay applies to the following stops up to the next one with a delay of its own. A trip's own delay applies to the stops
before the first such stop.
"""

from collections.abc import Iterable, Sequence

from google.transit.gtfs_realtime_pb2 import TripUpdate

from headway_prediction.feeds.realtime.planned import PlannedStop, PlannedTrips
from headway_prediction.feeds.realtime.snapshot import ListedStop

StopTimeUpdate = TripUpdate.StopTimeUpdate


def has_delays_only(update: TripUpdate) -> bool:
    """Return whether the first stop with a time or a delay has a delay without a time, or only the trip has a delay."""
    for stop in update.stop_time_update:
        if stop.departure.time or stop.arrival.time:
            return False
        if _stop_delay(stop) is not None:
            return True
    return update.HasField("delay")


def planned_stops_of(update: TripUpdate, planned: PlannedTrips, fetched_at: float) -> tuple[PlannedStop, ...]:
    """Return the planned stops of the update's trip, with epoch seconds; none for a trip that is not in the schedule."""
    trip = update.trip
    return planned.stops_of(
        text_or_empty(trip.trip_id),
        text_or_empty(trip.start_date),
        text_or_empty(trip.start_time),
        fetched_at,
    )


def delayed_stops(
    update: TripUpdate, stops: Sequence[PlannedStop], offset_secs: float
) -> list[tuple[ListedStop, bool]]:
    """Return the trip's stops from the first one in the update on, each with whether it is skipped.

    `offset_secs` is how far the feed's clock is ahead. A stop without data (NO_DATA) has no time, and neither have those
    after it.
    """
    delay = float(update.delay) if update.HasField("delay") else None
    started = delay is not None
    found: list[tuple[ListedStop, bool]] = []
    for stop, own in zip(stops, _update_of_each(update.stop_time_update, stops), strict=True):
        if own is not None:
            started, delay = True, _updated_delay(own, stop, offset_secs, delay)
        if started:
            due = None if delay is None else stop.secs + delay
            skipped = own is not None and own.schedule_relationship == StopTimeUpdate.SKIPPED
            found.append((ListedStop(stop.stop_id, due, from_schedule=own is None), skipped))
    return found


def _update_of_each(
    updates: Iterable[StopTimeUpdate], stops: Sequence[PlannedStop]
) -> list[StopTimeUpdate | None]:
    """The update of each planned stop: matched by stop sequence, or by id where the sequence is not the schedule's."""
    ids = {stop.stop_sequence: stop.stop_id for stop in stops}
    by_sequence: dict[int, StopTimeUpdate] = {}
    by_id: dict[str, StopTimeUpdate] = {}
    for update in updates:
        if update.HasField("stop_sequence") and update.stop_id in ("", ids.get(update.stop_sequence)):
            by_sequence[update.stop_sequence] = update
        else:
            by_id[update.stop_id] = update
    return [by_sequence.get(stop.stop_sequence, by_id.get(stop.stop_id)) for stop in stops]


def _updated_delay(
    update: StopTimeUpdate, stop: PlannedStop, offset_secs: float, previous: float | None
) -> float | None:
    if update.schedule_relationship == StopTimeUpdate.NO_DATA:
        return None
    if update.schedule_relationship == StopTimeUpdate.SKIPPED:
        return previous
    time, delay = stop_time(update, offset_secs), _stop_delay(update)
    if time is not None:
        return time - stop.secs
    return previous if delay is None else delay


def stop_time(update: StopTimeUpdate, offset_secs: float) -> float | None:
    """Return the predicted departure, or else the arrival, corrected for the clock offset; None for neither."""
    time = update.departure.time or update.arrival.time
    return time - offset_secs if time else None


def _stop_delay(update: StopTimeUpdate) -> float | None:
    if update.HasField("departure") and update.departure.HasField("delay"):
        return float(update.departure.delay)
    if update.HasField("arrival") and update.arrival.HasField("delay"):
        return float(update.arrival.delay)
    return None


def text_or_empty(value: str | bytes) -> str:
    """Return a text field of a message, empty where it is not UTF-8: the bindings then return bytes."""
    return value if isinstance(value, str) else ""
