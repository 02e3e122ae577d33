"""The planned times of a feed's trips, for feeds that publish delays without times."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.gtfs.stop_times import planned_stops
from headway_prediction.feeds.gtfs.tables import Schedule
from headway_prediction.transit.clock import gtfs_minutes, service_date_and_minute, service_day_start

DAY_SECS = 24 * 3600


class PlannedStop(NamedTuple):
    """A stop of a planned trip. `secs` is its departure: in seconds of the service day, or of the epoch once dated."""

    stop_id: str
    stop_sequence: int
    secs: float


class PlannedTrip(NamedTuple):
    """A trip of a schedule: the service dates it runs on, and its stops in order (one or more)."""

    dates: frozenset[date]
    stops: tuple[PlannedStop, ...]


@dataclass(frozen=True)
class PlannedTrips:
    """The trips of a schedule by the ids a feed may use for them; an id has several where they run on different days."""

    time_zone: str
    trips: Mapping[str, tuple[PlannedTrip, ...]] = field(default_factory=dict, repr=False)

    def stops_of(
        self, trip_id: str, start_date: str, start_time: str, around: float
    ) -> tuple[PlannedStop, ...]:
        """Return the stops of a trip with planned epoch seconds; none for a trip that is not in the schedule.

        `start_date` (YYYYMMDD) and `start_time` are the feed's; without a date, the run nearest to `around` (epoch
        seconds) counts. A trip with another start time than planned, as in frequencies.txt, is shifted to that time.
        """
        days = _candidate_days(start_date, around, self.time_zone)
        runs = [
            _shifted_to(start_time, _dated(trip, day, self.time_zone), day, self.time_zone)
            for trip, day in _runs(self.trips.get(trip_id, ()), days)
        ]
        return min(runs, key=lambda stops: _distance(stops, around), default=())


NO_PLAN = PlannedTrips("UTC")


def planned_trips(
    schedule: Schedule, zone_name: str | None = None, routes: Collection[str] | None = None
) -> PlannedTrips:
    """Return the planned stops of a schedule's trips, or of those of some routes.

    Some schedules prefix trip ids with the service id to keep them unique; such a trip is also found without the prefix.
    Raises HeadwayError for a stop that is not in stops.txt.
    """
    trips: dict[str, list[PlannedTrip]] = {}
    columns = "stop_id", "stop_sequence", "minute"
    by_trip = planned_stops(schedule, routes).group_by(["trip_id", "service_id"], maintain_order=True)
    for (trip_id, service_id), rows in by_trip:
        stops = tuple(
            PlannedStop(stop, int(sequence), 60 * minute)
            for stop, sequence, minute in rows.select(columns).iter_rows()
        )
        trip = PlannedTrip(schedule.dates_of_service.get(service_id, frozenset()), stops)
        for name in {trip_id, trip_id.removeprefix(f"{service_id}-") or trip_id}:
            trips.setdefault(name, []).append(trip)
    by_id = {name: tuple(found) for name, found in trips.items()}
    return PlannedTrips(zone_name or schedule.time_zone, by_id)


def _candidate_days(start_date: str, around: float, zone_name: str) -> tuple[date, ...]:
    try:
        return (datetime.strptime(start_date, "%Y%m%d").date(),)
    except ValueError:
        today, _ = service_date_and_minute(datetime.fromtimestamp(around, UTC), zone_name)
        return tuple(today + timedelta(days=days) for days in (-1, 0, 1))


def _runs(trips: Iterable[PlannedTrip], days: tuple[date, ...]) -> Iterator[tuple[PlannedTrip, date]]:
    running = [(trip, day) for trip in trips for day in days if day in trip.dates]
    # A trip in the feed runs even on a day that the calendar leaves out: an extra day of service.
    yield from running or ((trip, day) for trip in trips for day in days)


def _dated(trip: PlannedTrip, day: date, zone_name: str) -> tuple[PlannedStop, ...]:
    start = service_day_start(day, zone_name).timestamp()
    return tuple(stop._replace(secs=start + stop.secs) for stop in trip.stops)


def _shifted_to(
    start_time: str, stops: tuple[PlannedStop, ...], day: date, zone_name: str
) -> tuple[PlannedStop, ...]:
    try:
        starts = service_day_start(day, zone_name).timestamp() + gtfs_minutes(start_time) * 60
    except HeadwayError:
        return stops
    shift = starts - stops[0].secs
    if shift % DAY_SECS == 0:
        return stops  # The feed gives a time past 24:00 as one of the next morning.
    return tuple(stop._replace(secs=stop.secs + shift) for stop in stops)


def _distance(stops: tuple[PlannedStop, ...], moment: float) -> float:
    return max(stops[0].secs - moment, moment - stops[-1].secs, 0.0)
