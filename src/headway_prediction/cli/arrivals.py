"""arrivals: from recorded polls of a GTFS-Realtime feed to an arrival log."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headway_prediction.cli.common import joined, say

if TYPE_CHECKING:
    from headway_prediction.feeds.realtime.arrival_log import Excluded
    from headway_prediction.feeds.realtime.metadata import FeedMetadata
    from headway_prediction.feeds.realtime.passing import Passing
    from headway_prediction.feeds.realtime.planned import PlannedTrips
    from headway_prediction.feeds.realtime.tracker import FeedTracker


def arrivals(
    polls: Annotated[
        list[Path],
        typer.Argument(
            help="Archives of `headway record`, or files with one FeedMessage each (.pb, .bin, .gz) and folders of them."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Arrival log to write (Parquet).")],
    gtfs: Annotated[
        Path | None,
        typer.Option(
            help="The line's GTFS zip: adds time zone, stop names, and planned times and directions that the feed omits."
        ),
    ] = None,
    line: Annotated[
        Path | None,
        typer.Option(
            help="TOML file of the line, written by `headway line`: gives the stops to keep, names, route and time zone."
        ),
    ] = None,
    time_zone: Annotated[
        str | None,
        typer.Option(help="IANA time zone of the line. Default: that of the GTFS zip or of the line's file."),
    ] = None,
    route: Annotated[
        list[str] | None, typer.Option(help="Route in the feed; repeat it for the routes of one line.")
    ] = None,
    max_uncertainty: Annotated[
        float | None,
        typer.Option(min=0, help="Exclude passings whose time is uncertain by more than this many seconds."),
    ] = None,
) -> None:
    """Turn recorded GTFS-Realtime polls into an arrival log.

    Tracks trains from poll to poll and writes when each left each stop. Reports and skips polls that cannot be read. Without
    a GTFS zip or a line's file, stops are named by their ids. A feed with delays but no times needs the zip.

    \b
    Example:
      headway arrivals archive --route A --time-zone America/New_York --out arrivals.parquet
      headway arrivals archive --gtfs gtfs.zip --line line.toml --out arrivals.parquet
    """
    from headway_prediction.feeds.realtime.arrival_log import tidy_log, with_local_times
    from headway_prediction.files import atomic_path

    metadata, planned, own_route = _known(gtfs, line, time_zone)
    found = _journal(polls, planned)
    log, excluded = tidy_log(found, metadata, joined(route) or own_route, max_uncertainty)
    _report_passings(Counter(passing.evidence.value for passing in found), excluded)
    with atomic_path(out) as fresh:
        with_local_times(log, metadata.time_zone).write_parquet(fresh)
    say(f"wrote {log.height:,} passings of {log['line_id'][0]} to {out}")


def _journal(polls: list[Path], planned: "PlannedTrips") -> list["Passing"]:
    from headway_prediction.feeds.realtime.recorded import recorded_polls
    from headway_prediction.feeds.realtime.tracker import FeedTracker

    tracker = FeedTracker(planned=planned)
    for poll in recorded_polls(polls, say):
        tracker.add(poll)
    _report_polls(tracker)
    return tracker.journal()


def _known(
    gtfs: Path | None, line: Path | None, time_zone: str | None
) -> tuple["FeedMetadata", "PlannedTrips", str | None]:
    """Return what is known beside the feed: metadata, planned times, and the route."""
    from headway_prediction.feeds.realtime.metadata import metadata_from_line
    from headway_prediction.transit.line_toml import read_line_toml

    _check_options(gtfs, line, time_zone)
    metadata, planned = _scheduled(gtfs, time_zone)
    if line is None:
        return metadata, planned, None
    found = read_line_toml(line)
    return metadata_from_line(found.line, metadata), planned, found.route_id


def _check_options(gtfs: Path | None, line: Path | None, time_zone: str | None) -> None:
    from headway_prediction.errors import HeadwayError

    if line is not None and time_zone is not None:
        raise HeadwayError(
            f"--time-zone was given together with the line {line}",
            "the time zone as it stands in that file",
            "change it there, or leave one of the two out",
        )
    if gtfs is None and line is None and time_zone is None:
        raise HeadwayError(
            "no time zone was given",
            "the line's IANA name, or a GTFS zip or a line's file that holds it",
            "pass for instance --time-zone Europe/Dublin",
        )


def _scheduled(gtfs: Path | None, time_zone: str | None) -> tuple["FeedMetadata", "PlannedTrips"]:
    from headway_prediction.feeds.gtfs.tables import open_schedule
    from headway_prediction.feeds.realtime.metadata import FeedMetadata, metadata_from_schedule
    from headway_prediction.feeds.realtime.planned import PlannedTrips, planned_trips

    if gtfs is None:
        zone = time_zone or "UTC"  # The line's own comes later.
        return FeedMetadata(zone), PlannedTrips(zone)
    schedule = open_schedule(gtfs)
    return metadata_from_schedule(schedule, time_zone), planned_trips(schedule, time_zone)


def _report_polls(tracker: "FeedTracker") -> None:
    counts = ", ".join(f"{count:,} {use}" for use, count in tracker.counts.items())
    say(f"polls: {counts or 'none'}")


def _report_passings(evidence: Counter[str], excluded: "Excluded") -> None:
    counts = ", ".join(f"{count:,} {kind}" for kind, count in evidence.most_common())
    say(f"passings by evidence: {counts or 'none'}")
    say(
        f"excluded: {excluded.other_routes:,} of other routes, {excluded.without_direction:,} without a direction, "
        f"{excluded.off_the_line:,} at stops that are not of the line, {excluded.too_uncertain:,} too uncertain"
    )
