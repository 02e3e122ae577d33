"""GTFS-Realtime in: polls of a feed, as they came."""
