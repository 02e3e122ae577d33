"""What a line's GTFS zip tells about the ids of its realtime feed."""

from pathlib import Path

from headway_prediction.feeds.gtfs_tables import open_schedule
from headway_prediction.feeds.realtime.tidy import Words


def read_words(gtfs: Path | str, zone_name: str | None = None) -> Words:
    """Read names, routes and directions from a GTFS zip; the time zone too, unless `zone_name` is given.

    Raises HeadwayError for a file that is no GTFS zip.
    """
    schedule = open_schedule(gtfs)
    zone, feed = zone_name or schedule.time_zone, schedule.feed
    names = feed.stops[["stop_id", "stop_name"]].dropna()
    trips = feed.trips
    directions = trips[["trip_id", "direction_id"]].dropna() if "direction_id" in trips else trips[:0]
    return Words(
        zone,
        dict(zip(names["stop_id"], names["stop_name"], strict=True)),
        dict(zip(trips["trip_id"], trips["route_id"], strict=True)),
        {
            trip: int(direction)
            for trip, direction in zip(*map(directions.get, ("trip_id", "direction_id")), strict=True)
        }
        if len(directions)
        else {},
    )
