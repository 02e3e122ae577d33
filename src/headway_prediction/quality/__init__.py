"""Checks of an arrival log: pure functions from rows to findings."""
