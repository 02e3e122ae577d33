"""The stops ahead of a train, each with what is newest about it."""

from headway_prediction.feeds.realtime.position import Position, believable
from headway_prediction.feeds.realtime.snapshot import ListedStop, Vehicle
from headway_prediction.feeds.realtime.trip import Moment, Trip, Waiting


def stops_ahead(
    now: Trip,
    listed: tuple[ListedStop, ...],
    position: Position,
    vehicle: Vehicle | None,
    moment: Moment,
) -> tuple[Waiting, ...]:
    """Return the `listed` stops that the train of `now` has not left by `position`, as of `moment`."""
    before = {stop.stop_id: stop for stop in now.ahead}
    ahead = [_waiting(stop, before.get(stop.stop_id), moment) for stop in listed[position.next_stop :]]
    if ahead:
        earlier = before.get(ahead[0].stop_id)
        not_left_at: float | None = moment.at
        if not position.certain:
            not_left_at = earlier.not_left_at if earlier else None
        elif position.seen:
            not_left_at = _measured(vehicle, earlier, moment)
        ahead[0] = ahead[0]._replace(not_left_at=not_left_at, status=position.status)
    return tuple(ahead)


def _waiting(stop: ListedStop, earlier: Waiting | None, moment: Moment) -> Waiting:
    track = stop.track or (earlier.track if earlier else "")
    return Waiting(stop.stop_id, _newest_due(stop, earlier), moment.at, None, stop.by_plan, track)


def _newest_due(stop: ListedStop, earlier: Waiting | None) -> float | None:
    if earlier is None or (stop.due is not None and believable(stop, earlier)):
        return stop.due
    return earlier.due


def _measured(vehicle: Vehicle | None, earlier: Waiting | None, moment: Moment) -> float:
    """When the vehicle was seen there: its own time where that is a little before the poll, and no step back."""
    at = moment.at
    if vehicle is not None and vehicle.measured_at is not None and at - 60 <= vehicle.measured_at <= at:
        at = vehicle.measured_at
    known = earlier.not_left_at if earlier and earlier.not_left_at is not None else at
    return max(at, known)
