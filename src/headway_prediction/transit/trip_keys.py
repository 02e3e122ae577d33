"""Trip ids as whole numbers that are the same in every log and schedule, so that a train is known again on another day."""

import hashlib

import polars as pl

UNKNOWN = -1
KEY_BITS = 48
"""Among 100,000 trip ids two share a key in one of 60,000 logs, and sums of keys are far from overflowing."""


def trip_keys(trip_ids: pl.Series) -> pl.Series:
    """Return the key of each trip id (Int64): the first 48 bits of its SHA-256; −1 for an empty one."""
    names = trip_ids.unique()
    return trip_ids.replace_strict(names, [_key(name) for name in names], return_dtype=pl.Int64)


def _key(trip_id: str) -> int:
    if not trip_id:
        return UNKNOWN
    return int.from_bytes(hashlib.sha256(trip_id.encode()).digest()[: KEY_BITS // 8], "big")
