"""What a line's GTFS zip tells about the ids and the trips of its realtime feed."""

from collections.abc import Collection, Iterator

import polars as pl

from headway_prediction.feeds.gtfs.stop_times import planned_stops
from headway_prediction.feeds.gtfs.tables import Schedule
from headway_prediction.feeds.realtime.arrival_log import FeedMetadata
from headway_prediction.feeds.realtime.planned import PlannedStop, PlannedTrip, PlannedTrips


def metadata_from_schedule(schedule: Schedule, zone_name: str | None = None) -> FeedMetadata:
    """Return names, routes and directions of a schedule; its time zone too, unless `zone_name` is given."""
    zone, feed = zone_name or schedule.time_zone, schedule.feed
    names = feed.stops[["stop_id", "stop_name"]].dropna()
    trips = feed.trips
    directions = trips[["trip_id", "direction_id"]].dropna() if "direction_id" in trips else trips[:0]
    return FeedMetadata(
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


def planned_trips(
    schedule: Schedule, zone_name: str | None = None, routes: Collection[str] | None = None
) -> PlannedTrips:
    """Return the planned stops of a schedule's trips, or of those of some routes, for feeds that tell delays.

    A trip id that begins with its service's, as schedules do that keep their ids apart by day, is known without that too.
    Raises HeadwayError for a stop that stops.txt does not have.
    """
    trips: dict[str, list[PlannedTrip]] = {}
    for (trip_id, service_id), stops in _by_trip(planned_stops(schedule, routes)):
        dates = schedule.dates_of_service.get(service_id, frozenset())
        trip = PlannedTrip(
            dates, tuple(PlannedStop(stop, int(place), 60 * minute) for stop, place, minute in stops)
        )
        for name in {trip_id, trip_id.removeprefix(f"{service_id}-") or trip_id}:
            trips.setdefault(name, []).append(trip)
    return PlannedTrips(
        zone_name or schedule.time_zone, {name: tuple(found) for name, found in trips.items()}
    )


def _by_trip(stops: pl.DataFrame) -> Iterator[tuple[tuple[str, str], Iterator[tuple[str, int, float]]]]:
    """(trip_id, service_id) and its (stop_id, stop_sequence, minute), in order."""
    keys = ["trip_id", "service_id"]
    for key, rows in stops.group_by(keys, maintain_order=True):
        yield key, rows.select("stop_id", "stop_sequence", "minute").iter_rows()
