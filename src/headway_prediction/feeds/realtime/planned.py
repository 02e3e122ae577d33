"""The planned times of a feed's trips, for feeds that tell delays alone: what a delay is a delay of."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from headway_prediction.errors import HeadwayError
from headway_prediction.transit.clock import gtfs_minutes, service_date_and_minute, service_day_start

DAY_SECS = 24 * 3600


class PlannedStop(NamedTuple):
    """A stop of a planned trip; `secs` is its departure, in seconds of the service day or, `at` a date, of the epoch."""

    stop_id: str
    stop_sequence: int
    secs: float


class PlannedTrip(NamedTuple):
    """A trip of a schedule: the service dates it runs on, and its stops in order (one or more)."""

    dates: frozenset[date]
    stops: tuple[PlannedStop, ...]


@dataclass(frozen=True)
class PlannedTrips:
    """The trips of a schedule by the ids that a feed may have for them: several where their days tell them apart."""

    time_zone: str
    trips: Mapping[str, tuple[PlannedTrip, ...]] = field(default_factory=dict, repr=False)

    def stops_of(
        self, trip_id: str, start_date: str, start_time: str, around: float
    ) -> tuple[PlannedStop, ...]:
        """Return the stops of a trip with their planned epoch seconds; none for a trip that the schedule does not have.

        `start_date` (YYYYMMDD) and `start_time` are the feed's; without a date it is the run that is nearest to `around`
        (epoch seconds). A trip that starts at another time than planned, as those of frequencies.txt do, is moved there.
        """
        days = _days(start_date, around, self.time_zone)
        runs = [
            _moved(_dated(trip, day, self.time_zone), day, start_time, self.time_zone)
            for trip, day in _runs(self.trips.get(trip_id, ()), days)
        ]
        return min(runs, key=lambda stops: _distance(stops, around), default=())


NO_PLAN = PlannedTrips("UTC")


def _days(start_date: str, around: float, zone_name: str) -> tuple[date, ...]:
    try:
        return (datetime.strptime(start_date, "%Y%m%d").date(),)
    except ValueError:
        today, _ = service_date_and_minute(datetime.fromtimestamp(around, UTC), zone_name)
        return tuple(today + timedelta(days=days) for days in (-1, 0, 1))


def _runs(trips: Iterable[PlannedTrip], days: tuple[date, ...]) -> Iterator[tuple[PlannedTrip, date]]:
    running = [(trip, day) for trip in trips for day in days if day in trip.dates]
    # The feed says that it runs, whatever the calendar says: an extra day.
    yield from running or ((trip, day) for trip in trips for day in days)


def _dated(trip: PlannedTrip, day: date, zone_name: str) -> tuple[PlannedStop, ...]:
    start = service_day_start(day, zone_name).timestamp()
    return tuple(stop._replace(secs=start + stop.secs) for stop in trip.stops)


def _moved(
    stops: tuple[PlannedStop, ...], day: date, start_time: str, zone_name: str
) -> tuple[PlannedStop, ...]:
    try:
        starts = service_day_start(day, zone_name).timestamp() + gtfs_minutes(start_time) * 60
    except HeadwayError:
        return stops
    later = starts - stops[0].secs
    if later % DAY_SECS == 0:
        return stops  # A time past 24:00, told as one of the next morning.
    return tuple(stop._replace(secs=stop.secs + later) for stop in stops)


def _distance(stops: tuple[PlannedStop, ...], moment: float) -> float:
    return max(stops[0].secs - moment, moment - stops[-1].secs, 0.0)
