"""Checks that no method sees the future."""
