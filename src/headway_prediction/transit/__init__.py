"""What a line is: stations, branches, timetable, service-day clock."""
