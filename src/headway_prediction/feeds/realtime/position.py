"""Where a train is among the stops that its trip lists: from the vehicle where one is seen, or else from the times."""

from collections.abc import Sequence
from typing import NamedTuple

from headway_prediction.feeds.realtime.snapshot import ListedStop, Status, Vehicle
from headway_prediction.feeds.realtime.trip import Trip, UpcomingStop

STALE_PREDICTION_SECS = 60
"""A time that has stood still for as long, and is past, is no prediction any more."""
CONTRADICTION_SECS = 60
"""A time this much before the train was last known not to have left is a mistake."""


class Position(NamedTuple):
    """`next_stop` indexes the first listed stop that the train has not left.

    It is `certain` unless that stop's time is past and nothing else tells whether the train still stands there;
    `seen` tells whether a vehicle was seen there, and `status` what it did.
    """

    next_stop: int
    certain: bool
    seen: bool = False
    status: Status | None = None


def is_plausible(stop: ListedStop, upcoming: UpcomingStop | None) -> bool:
    """Tell whether a stop's time agrees with when the train was last known not to have left it."""
    if stop.due is None or upcoming is None or upcoming.not_departed_at is None:
        return True
    return stop.due >= upcoming.not_departed_at - CONTRADICTION_SECS


def locate(trip: Trip, listed: Sequence[ListedStop], vehicle: Vehicle | None, at: float) -> Position:
    """Return where the train of `trip` is among the `listed` stops at `at`."""
    if vehicle is not None and (vehicle.status is not None or not trip.by_updates):
        for index, stop in enumerate(listed):
            if stop.stop_id == vehicle.stop_id:
                return Position(index, True, True, vehicle.status)
    return _by_times(trip, listed, at)


def _by_times(trip: Trip, listed: Sequence[ListedStop], at: float) -> Position:
    upcoming = {stop.stop_id: stop for stop in trip.ahead}
    past = _last_past(listed, upcoming, at)
    if past is None:
        return Position(0, _times_agree(listed, upcoming))
    stop = listed[past]
    # Of a stop that only the plan tells, the feed says nothing: the clock is all there is.
    if stop.from_schedule or stop.stop_id in trip.passings or _settled(stop, upcoming.get(stop.stop_id), at):
        return Position(past + 1, True)
    return Position(past, False)


def _last_past(listed: Sequence[ListedStop], upcoming: dict[str, UpcomingStop], at: float) -> int | None:
    last = None
    for index, stop in enumerate(listed):
        if stop.due is None:
            continue
        if stop.due > at or not is_plausible(stop, upcoming.get(stop.stop_id)):
            break
        last = index
    return last


def _times_agree(listed: Sequence[ListedStop], upcoming: dict[str, UpcomingStop]) -> bool:
    return not listed or (
        listed[0].due is not None and is_plausible(listed[0], upcoming.get(listed[0].stop_id))
    )


def _settled(stop: ListedStop, upcoming: UpcomingStop | None, at: float) -> bool:
    return upcoming is not None and stop.due == upcoming.due and stop.due <= at - STALE_PREDICTION_SECS
