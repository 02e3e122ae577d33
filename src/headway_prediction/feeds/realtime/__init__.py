"""GTFS-Realtime feeds: from polls to the passings of trains."""
