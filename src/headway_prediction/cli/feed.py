"""passings: from recorded polls of a realtime feed to an arrival log."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headway_prediction.cli.say import say

if TYPE_CHECKING:
    from headway_prediction.feeds.realtime.follower import Follower
    from headway_prediction.feeds.realtime.tidy import LeftOut, Words


def passings(
    polls: Annotated[
        list[Path],
        typer.Argument(
            help="Archives of `headway record`, or files with one FeedMessage each (.pb, .bin, .gz) and folders of them."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Arrival log to write (Parquet).")],
    gtfs: Annotated[
        Path | None,
        typer.Option(help="The line's GTFS zip: its time zone, stop names, and what the feed leaves unsaid."),
    ] = None,
    time_zone: Annotated[
        str | None, typer.Option(help="The line's IANA time zone; the GTFS zip's when not given.")
    ] = None,
    route: Annotated[str | None, typer.Option(help="Route in the feed, where it holds several.")] = None,
    most_uncertain: Annotated[
        float | None,
        typer.Option(min=0, help="Leave out passings that may be further off than so many seconds."),
    ] = None,
) -> None:
    """Turn recorded GTFS-Realtime polls into an arrival log.

    Trains are followed from poll to poll; the log holds when each left each stop. Polls that cannot be read are named and
    left out. Without a GTFS zip stops are named by their ids.

    \b
    Example:
      headway passings archive --route A --time-zone America/New_York --out arrivals.parquet
    """
    from headway_prediction.feeds.realtime.follower import Follower
    from headway_prediction.feeds.realtime.recorded import recorded_polls
    from headway_prediction.feeds.realtime.tidy import tidy_log
    from headway_prediction.files import atomic_path

    words = _words(gtfs, time_zone)
    follower = Follower()
    for poll in recorded_polls(polls, say):
        follower.add(poll)
    found = follower.journal()
    _say_polls(follower)
    log, left_out = tidy_log(found, words, route, most_uncertain)
    _say_passings(Counter(passing.evidence.value for passing in found), left_out)
    with atomic_path(out) as fresh:
        log.write_parquet(fresh)
    say(f"wrote {log.height:,} passings of {log['line_id'][0]} to {out}")


def _words(gtfs: Path | None, time_zone: str | None) -> "Words":
    from headway_prediction.errors import HeadwayError
    from headway_prediction.feeds.realtime.schedule_words import read_words
    from headway_prediction.feeds.realtime.tidy import Words

    if gtfs is not None:
        return read_words(gtfs, time_zone)
    if time_zone is None:
        raise HeadwayError(
            "no time zone was given",
            "the line's IANA name, or a GTFS zip that holds it",
            "pass for instance --time-zone Europe/Dublin",
        )
    return Words(time_zone)


def _say_polls(follower: "Follower") -> None:
    counts = ", ".join(f"{count:,} {use}" for use, count in follower.counts.items())
    say(f"polls: {counts or 'none'}")


def _say_passings(evidence: Counter[str], left_out: "LeftOut") -> None:
    said = ", ".join(f"{count:,} {kind}" for kind, count in evidence.most_common())
    say(f"passings by evidence: {said or 'none'}")
    say(
        f"left out: {left_out.other_routes:,} of other routes, {left_out.without_direction:,} without a direction, "
        f"{left_out.too_uncertain:,} too uncertain"
    )
