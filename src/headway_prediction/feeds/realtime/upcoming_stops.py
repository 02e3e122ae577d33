"""The stops ahead of a train, each with what is newest about it."""

from headway_prediction.feeds.realtime.position import Position, is_plausible
from headway_prediction.feeds.realtime.snapshot import ListedStop, Vehicle
from headway_prediction.feeds.realtime.trip import PollTime, Trip, UpcomingStop


def stops_ahead(
    now: Trip,
    listed: tuple[ListedStop, ...],
    position: Position,
    vehicle: Vehicle | None,
    moment: PollTime,
) -> tuple[UpcomingStop, ...]:
    """Return the `listed` stops that the train of `now` has not left by `position`, as of `moment`."""
    before = {stop.stop_id: stop for stop in now.ahead}
    ahead = [_waiting(stop, before.get(stop.stop_id), moment) for stop in listed[position.next_stop :]]
    if ahead:
        earlier = before.get(ahead[0].stop_id)
        not_departed_at: float | None = moment.at
        if not position.certain:
            not_departed_at = earlier.not_departed_at if earlier else None
        elif position.seen:
            not_departed_at = _measured(vehicle, earlier, moment)
        ahead[0] = ahead[0]._replace(not_departed_at=not_departed_at, status=position.status)
    return tuple(ahead)


def _waiting(stop: ListedStop, earlier: UpcomingStop | None, moment: PollTime) -> UpcomingStop:
    track = stop.track or (earlier.track if earlier else "")
    return UpcomingStop(stop.stop_id, _newest_due(stop, earlier), moment.at, None, stop.from_schedule, track)


def _newest_due(stop: ListedStop, earlier: UpcomingStop | None) -> float | None:
    if earlier is None or (stop.due is not None and is_plausible(stop, earlier)):
        return stop.due
    return earlier.due


def _measured(vehicle: Vehicle | None, earlier: UpcomingStop | None, moment: PollTime) -> float:
    """When the vehicle was seen there: its own time where that is a little before the poll, and no step back."""
    at = moment.at
    if vehicle is not None and vehicle.measured_at is not None and at - 60 <= vehicle.measured_at <= at:
        at = vehicle.measured_at
    known = earlier.not_departed_at if earlier and earlier.not_departed_at is not None else at
    return max(at, known)
