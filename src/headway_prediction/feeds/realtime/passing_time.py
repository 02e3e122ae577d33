"""When a train left a stop, from the last sign that it had not and the first one that it had."""

from headway_prediction.feeds.realtime.passing import Evidence, Passing
from headway_prediction.feeds.realtime.trip import PollTime, Trip, UpcomingStop

EARLY_SECS = 60
"""So much sooner than predicted a train may leave from one poll to the next; a stop that is due later was withdrawn."""
EARLY_PER_GAP = 0.25
"""For each second that nothing was seen, a train may gain as much on its prediction."""
EARLY_IF_SEEN_SECS = 120
"""A vehicle seen beyond a stop may be so far ahead of its prediction; further, it is another train's position."""
PAST_AT_FIRST_SECS = 60
DELAY_RESOLUTION_SECS = 60
"""Many feeds tell delays in whole minutes, and a train may be as much off its delay between two stops."""
MAX_POLL_GAP_SECS = 120
"""Polls further apart have not seen a train leave: what lies between them is predicted."""


def may_have_left(stop: UpcomingStop, trip: Trip, moment: PollTime, seen_beyond: bool) -> bool:
    """Tell whether a stop that is no longer ahead can have been left: it was due by now, or the vehicle stood there.

    A stop that was past before the trip was first seen was not left since.
    """
    if stop.stopped:
        return True
    if (
        stop.not_departed_at is None
        and stop.due is not None
        and stop.due < trip.run.first_seen - PAST_AT_FIRST_SECS
    ):
        return False
    if stop.due is None:
        return seen_beyond
    early = EARLY_IF_SEEN_SECS if seen_beyond else EARLY_SECS
    return stop.due <= moment.at + early + EARLY_PER_GAP * (moment.at - trip.seen.at)


def evidence_of_leaving(stop: UpcomingStop, trip: Trip, moment: PollTime, seen_beyond: bool) -> Evidence:
    """Return the evidence for a stop that is behind a train which is still in the feed.

    Where positions alone tell of a train, a stop with a time is one that other trains told of (see unseen).
    """
    if stop.stopped:
        return Evidence.STOPPED
    told_by_others = not trip.by_updates and stop.due is not None
    clock_alone = stop.from_schedule and not seen_beyond
    seen = moment.at - trip.seen.at <= MAX_POLL_GAP_SECS and not told_by_others and not clock_alone
    return Evidence.LEFT if seen else Evidence.PREDICTED


def passing(
    trip: Trip, stop: UpcomingStop, moment: PollTime, evidence: Evidence, *, latest: float, not_before: float
) -> Passing:
    """Return the passing of `stop`, left by `latest`; `not_before` is when the stop before it was left.

    The feed's own time counts where it is possible, and else the middle of what is; with `evidence` PREDICTED the
    possible time nearest to the prediction, and where a vehicle stood and was then unseen for long, when it stood there.
    """
    if stop.from_schedule and stop.due is not None and evidence is Evidence.PREDICTED:
        return _by_delay(stop, trip, moment, not_before)
    earliest = min(_earliest(stop, trip, latest), latest)
    if stop.due is not None and (earliest < stop.due <= latest or evidence is Evidence.PREDICTED):
        time = min(max(stop.due, earliest), latest)
    elif stop.stopped and latest - earliest > MAX_POLL_GAP_SECS:
        time = earliest
    else:
        time = (earliest + latest) / 2
    time = min(max(time, not_before), latest)
    polls = trip.seen.poll, moment.poll
    return Passing(
        trip.run, stop.stop_id, time, earliest, latest, evidence, polls, trip.vehicle_id, stop.track
    )


def _by_delay(stop: UpcomingStop, trip: Trip, moment: PollTime, not_before: float) -> Passing:
    """That the clock went past the time between two polls bounds nothing but how old the delay is."""
    time = max(stop.due, not_before)
    spread = DELAY_RESOLUTION_SECS + time - stop.due
    polls = trip.seen.poll, moment.poll
    bounds = time - spread, time + spread
    return Passing(
        trip.run, stop.stop_id, time, *bounds, Evidence.PREDICTED, polls, trip.vehicle_id, stop.track
    )


def _earliest(stop: UpcomingStop, trip: Trip, latest: float) -> float:
    if stop.not_departed_at is not None:
        return stop.not_departed_at
    # First seen with a time that had already passed: the feed's word is all there is.
    return trip.seen.at if stop.due is None else min(stop.due, trip.seen.at)
