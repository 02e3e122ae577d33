"""A simulated GTFS-Realtime feed, and the server that offers it."""
