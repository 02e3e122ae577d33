"""What a line's own file (`headway line`) tells about the ids of its realtime feed."""

from dataclasses import replace

from headway_prediction.feeds.realtime.arrival_log import FeedMetadata
from headway_prediction.transit.line import DIRECTIONS, Line


def metadata_from_line(line: Line, metadata: FeedMetadata | None = None) -> FeedMetadata:
    """Return what a line tells: its time zone, its stations' names, and the direction of the stops of one direction.

    `metadata` is what its schedule tells beside it; where both tell something of a stop, the line counts, for somebody may
    have edited it.
    """
    ids = {
        direction: {
            stop_id: station.name for station in line.stations for stop_id in station.all_stop_ids(direction)
        }
        for direction in DIRECTIONS
    }
    of_one = {stop: own for own in DIRECTIONS for stop in ids[own].keys() - ids[1 - own].keys()}
    known = metadata or FeedMetadata(line.time_zone)
    return replace(
        known,
        time_zone=line.time_zone,
        stop_names={**known.stop_names, **ids[0], **ids[1]},
        stop_directions=of_one,
        line=line,
    )
