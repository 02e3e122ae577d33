import hashlib

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from headway_prediction.transit.trip_keys import trip_keys


def keys(*names: str) -> list[int]:
    return trip_keys(pl.Series(list(names), dtype=pl.String)).to_list()


def test_a_key_is_the_first_48_bits_of_the_sha256():
    assert keys("E916") == [int(hashlib.sha256(b"E916").hexdigest()[:12], 16)]


def test_no_trip_id_is_minus_one():
    assert keys("", "a", "") == [-1, keys("a")[0], -1]


@given(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=30))
def test_a_key_does_not_depend_on_the_other_rows(names):
    together = keys(*names)
    assert together == [keys(name)[0] for name in names]
    assert len(set(together)) == len(set(names))
    assert all(0 <= key < 2**48 for key in together)
