"""What a realtime feed leaves out: names, routes, directions and the time zone, from a GTFS schedule or a line's file."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from headway_prediction.feeds.gtfs.tables import Schedule
from headway_prediction.feeds.realtime.passing import Passing, Run
from headway_prediction.transit.line import DIRECTIONS, Line

NYCT_PLATFORM = re.compile(r"(\w{3})([NS])")
"""The MTA's platform ids are the station's id followed by N (direction 0) or S (direction 1)."""


@dataclass(frozen=True)
class FeedMetadata:
    """The line's IANA time zone, stop names by stop id, and routes and directions by trip id.

    `stop_directions` holds the direction of stop ids that trains of one direction alone use. Where the `line` is known, its
    log contains no other stops.
    """

    time_zone: str
    stop_names: Mapping[str, str] = field(default_factory=dict)
    routes: Mapping[str, str] = field(default_factory=dict)
    directions: Mapping[str, int] = field(default_factory=dict)
    stop_directions: Mapping[str, int] = field(default_factory=dict)
    line: Line | None = None

    def route_of(self, run: Run) -> str:
        """Return the route of a run, from the feed or else the schedule; empty where neither has it."""
        return run.route_id or self.routes.get(run.trip.trip_id, "")

    def direction_of(self, passing: Passing) -> int | None:
        """Return the direction of a passing: the feed's, else the schedule's, else that of its stop; None if unknown."""
        run = passing.run
        if run.direction_id is not None:
            return run.direction_id
        platform = NYCT_PLATFORM.fullmatch(passing.stop_id)
        by_id = "NS".index(platform[2]) if platform else None
        by_stop = self.stop_directions.get(passing.stop_id, by_id)
        return self.directions.get(run.trip.trip_id, by_stop)

    def stop_name(self, stop_id: str) -> str:
        """Return a stop's name, or else its id, without the direction that the MTA's platform ids end with."""
        platform = NYCT_PLATFORM.fullmatch(stop_id)
        return self.stop_names.get(stop_id) or (platform[1] if platform else stop_id)


def metadata_from_schedule(schedule: Schedule, zone_name: str | None = None) -> FeedMetadata:
    """Return names, routes and directions of a schedule; its time zone too, unless `zone_name` is given."""
    feed, trips = schedule.feed, schedule.feed.trips
    names = feed.stops[["stop_id", "stop_name"]].dropna()
    directions = {}
    if "direction_id" in trips:
        known = trips[["trip_id", "direction_id"]].dropna()
        directions = {
            trip: int(direction)
            for trip, direction in zip(known["trip_id"], known["direction_id"], strict=True)
        }
    return FeedMetadata(
        zone_name or schedule.time_zone,
        dict(zip(names["stop_id"], names["stop_name"], strict=True)),
        dict(zip(trips["trip_id"], trips["route_id"], strict=True)),
        directions,
    )


def metadata_from_line(line: Line, metadata: FeedMetadata | None = None) -> FeedMetadata:
    """Return the metadata of a line (`headway line`), added to that of its schedule.

    Where both have an entry for a stop, the line's counts, because users edit its file.
    """
    names = {
        direction: {
            stop_id: station.name for station in line.stations for stop_id in station.all_stop_ids(direction)
        }
        for direction in DIRECTIONS
    }
    one_way = {stop: own for own in DIRECTIONS for stop in names[own].keys() - names[1 - own].keys()}
    known = metadata or FeedMetadata(line.time_zone)
    return replace(
        known,
        time_zone=line.time_zone,
        stop_names={**known.stop_names, **names[0], **names[1]},
        stop_directions=one_way,
        line=line,
    )
