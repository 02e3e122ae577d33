"""Arrival logs: read, checked, typed."""
