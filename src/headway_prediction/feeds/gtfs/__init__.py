"""A GTFS schedule to a line and its timetable."""
