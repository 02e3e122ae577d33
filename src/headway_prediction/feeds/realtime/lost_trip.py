"""A trip that a poll should hold and does not: did its train arrive, or did only the feed lose it?"""

from dataclasses import replace

from headway_prediction.feeds.realtime.passing import Evidence, Passing
from headway_prediction.feeds.realtime.passing_time import EARLY_SECS, MAX_POLL_GAP_SECS, passing
from headway_prediction.feeds.realtime.snapshot import Status
from headway_prediction.feeds.realtime.trip import PollTime, Trip, UpcomingStop


def mark_lost(trip: Trip, moment: PollTime, *, outage: bool, continues_as_other: bool) -> Trip:
    """Return the trip after the first poll without it.

    All that was left of it is passed when it was due by now, or its vehicle was coming in there, the trip went unseen just
    now, and alone (no `outage`); where its vehicle was seen standing is passed in any case, unless the vehicle goes on from
    there under another trip (`continues_as_other`). Nothing else is: a trip that is lost halfway may come back.
    """
    now = replace(trip, lost=True)
    if not trip.assigned or continues_as_other or not trip.ahead:
        return now
    prompt = moment.at - trip.seen.at <= MAX_POLL_GAP_SECS
    arrived = prompt and not outage and all(_near(stop, moment) for stop in trip.ahead)
    gone = trip.ahead if arrived else trip.ahead[:1] if trip.ahead[0].stopped else ()
    passed: dict[str, Passing] = {}
    not_before = 0.0
    for stop in gone:
        evidence = Evidence.STOPPED if stop.stopped else Evidence.PREDICTED
        found = passing(trip, stop, moment, evidence, latest=moment.at, not_before=not_before)
        passed[stop.stop_id], not_before = found, found.time
    return replace(now, passings={**trip.passings, **passed})


def _near(stop: UpcomingStop, moment: PollTime) -> bool:
    coming = stop.status is Status.INCOMING_AT
    return coming or (stop.due is not None and stop.due <= moment.at + EARLY_SECS)
