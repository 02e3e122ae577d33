"""Which stops a train has left since its trip was last seen, and when: between the last sign that it had not left a stop and
the first sign that it had."""

from dataclasses import replace

from headway_prediction.feeds.realtime.passing import Evidence, Passing
from headway_prediction.feeds.realtime.position import Position
from headway_prediction.feeds.realtime.snapshot import Sighting, Vehicle
from headway_prediction.feeds.realtime.trip import PollTime, Trip, UpcomingStop

MAX_EARLY_SECS = 60
"""Between two polls a train may leave this much before its prediction; a stop that is due later was withdrawn."""
MAX_EARLY_PER_UNSEEN_SEC = 0.25
"""A train may gain this much more on its prediction for each second without observation."""
MAX_EARLY_OBSERVED_SECS = 120
"""A vehicle reported beyond a stop may be this far ahead of its prediction; further, the position is another train's."""
MAX_PAST_AT_START_SECS = 60
"""A stop due earlier than this before its trip first appeared was left before that."""
DELAY_RESOLUTION_SECS = 60
"""Many feeds publish delays in whole minutes, and between two stops the true delay may differ by as much."""
MAX_POLL_GAP_SECS = 120
"""Polls further apart than this do not observe a departure: what lies between them is predicted."""


def newly_passed(
    trip: Trip,
    now_trip: Trip,
    ahead: tuple[UpcomingStop, ...],
    position: Position,
    sighting: Sighting,
    now: PollTime,
) -> dict[str, Passing]:
    """Return the passings, by stop, of what was ahead of `trip` when last seen and is behind what is still `ahead`.

    `now_trip` is the same trip with the attributes of the sighting, and with the passings that remain valid.
    """
    if _went_back(trip, ahead, sighting.vehicle):
        return {}
    still_ahead = {stop.stop_id for stop in ahead}
    listed = {stop.stop_id for stop in sighting.listed or ()}
    latest = _observed_beyond_at(trip, sighting.vehicle, position, now)
    passed: dict[str, Passing] = {}
    not_before = 0.0
    for stop in trip.ahead:
        if stop.stop_id in still_ahead:
            break
        if stop.stop_id in now_trip.passings or stop.stop_id in sighting.skipped:
            continue
        if not may_have_left(stop, trip, now, position.observed):
            continue
        stated = stop.stop_id in listed and not position.observed and not stop.from_schedule
        evidence = Evidence.STATED if stated else evidence_of_leaving(stop, trip, now, position.observed)
        found = passing_of(
            replace(trip, run=now_trip.run), stop, now, evidence, latest=latest, not_before=not_before
        )
        passed[stop.stop_id], not_before = found, found.time
    return passed


def _went_back(trip: Trip, ahead: tuple[UpcomingStop, ...], vehicle: Vehicle | None) -> bool:
    """Whether a vehicle without a list of stops is at a stop that it had left, or at an earlier one."""
    if trip.by_updates or vehicle is None:
        return False
    if (
        trip.stop_sequence is not None
        and vehicle.stop_sequence is not None
        and vehicle.stop_sequence < trip.stop_sequence
    ):
        return True
    return any(stop.stop_id in trip.passings for stop in ahead)


def _observed_beyond_at(trip: Trip, vehicle: Vehicle | None, position: Position, now: PollTime) -> float:
    """When the stops behind the train had been left at the latest: by the vehicle's own time, where that is possible."""
    known = max((stop.not_departed_at or 0 for stop in trip.ahead[:1]), default=0)
    if position.observed and vehicle is not None and vehicle.measured_at is not None:
        return vehicle.measured_at if known < vehicle.measured_at <= now.content_at else now.content_at
    return now.content_at


def may_have_left(stop: UpcomingStop, trip: Trip, now: PollTime, observed_beyond: bool) -> bool:
    """Return whether a stop that is no longer ahead can have been left: it was due by now, or the vehicle stood there.

    A stop whose time had passed before the trip first appeared was not left since.
    """
    if stop.stopped:
        return True
    if (
        stop.not_departed_at is None
        and stop.due is not None
        and stop.due < trip.run.first_seen - MAX_PAST_AT_START_SECS
    ):
        return False
    if stop.due is None:
        return observed_beyond
    early = MAX_EARLY_OBSERVED_SECS if observed_beyond else MAX_EARLY_SECS
    return stop.due <= now.content_at + early + MAX_EARLY_PER_UNSEEN_SEC * trip.unseen_secs(now)


def evidence_of_leaving(stop: UpcomingStop, trip: Trip, now: PollTime, observed_beyond: bool) -> Evidence:
    """Return the evidence for a stop that is behind a train which is still in the feed.

    Where a feed has positions alone, a stop with a time was inferred from other trains (see `fill_gap`).
    """
    if stop.stopped:
        return Evidence.STOPPED
    inferred = not trip.by_updates and stop.due is not None
    clock_alone = stop.from_schedule and not observed_beyond
    observed = trip.unseen_secs(now) <= MAX_POLL_GAP_SECS and not inferred and not clock_alone
    return Evidence.LEFT if observed else Evidence.PREDICTED


def passing_of(
    trip: Trip, stop: UpcomingStop, now: PollTime, evidence: Evidence, *, latest: float, not_before: float
) -> Passing:
    """Return the passing of `stop`, left by `latest`; `not_before` is when the train left the previous stop.

    The feed's own time counts where it is possible, and otherwise the middle of the possible interval; with `evidence`
    PREDICTED, the possible time nearest to the prediction. A vehicle that stood there before a long gap left at the
    beginning of the gap.
    """
    if stop.from_schedule and stop.due is not None and evidence is Evidence.PREDICTED:
        time = max(stop.due, not_before)
        # The clock passing a planned time bounds nothing: the error is that of the delay.
        spread = DELAY_RESOLUTION_SECS + time - stop.due
        earliest, latest = time - spread, time + spread
    else:
        earliest = min(_earliest(stop, trip), latest)
        if stop.due is not None and (earliest < stop.due <= latest or evidence is Evidence.PREDICTED):
            time = min(max(stop.due, earliest), latest)
        elif stop.stopped and latest - earliest > MAX_POLL_GAP_SECS:
            time = earliest
        else:
            time = (earliest + latest) / 2
        time = min(max(time, not_before), latest)
    polls = trip.last_seen.fetched_at, now.fetched_at
    return Passing(
        trip.run, stop.stop_id, time, earliest, latest, evidence, polls, trip.vehicle_id, stop.track
    )


def _earliest(stop: UpcomingStop, trip: Trip) -> float:
    if stop.not_departed_at is not None:
        return stop.not_departed_at
    # The stop first appeared with a time in the past: only that time bounds the passing.
    last_seen = trip.last_seen.content_at
    return last_seen if stop.due is None else min(stop.due, last_seen)
