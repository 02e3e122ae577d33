"""The forecast loop of the service."""
