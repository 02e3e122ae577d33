"""The outside world in: arrival logs, GTFS schedules and lists of planned departures, as tidy tables."""
