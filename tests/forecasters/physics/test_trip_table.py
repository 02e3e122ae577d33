import numpy as np
import polars as pl
import pytest

from headway_prediction.forecasters.physics.trip_table import TripTable, trip_table, trips_of_rows
from helpers.trips import NAN, table


def rows_of(*rows):
    """One direction's passings of a day from (train, position, minute)."""
    return pl.DataFrame(
        rows, {"train": pl.Int64, "position": pl.Int16, "minute": pl.Float64}, orient="row"
    ).with_columns(trip_id=pl.format("t{}", "train"))


def test_trips_stand_in_the_order_of_their_first_minutes():
    trips = table([30, 32, NAN], [NAN, 20, 22], [NAN, NAN, NAN], [10, NAN, 14], trip_ids=["7", "", "8", "9"])
    np.testing.assert_array_equal(trips.minutes, [[10, NAN, 14], [NAN, 20, 22], [30, 32, NAN]])
    assert trips.first_minutes.tolist() == [10, 20, 30]
    assert trips.first_positions.tolist() == [0, 1, 0]
    assert trips.row_of_id == {"9": 0, "7": 2}
    assert trips.ids_by_row == [["9"], [], ["7"]]
    assert trips.id_of_row.tolist() == ["9", "", "7"]


def test_a_trip_may_have_several_ids():
    trips = trip_table(np.array([[5.0], [1.0]]), [["4", "3"], ["2"]])
    assert trips.ids_by_row == [["2"], ["3", "4"]]
    assert trips.row_of_id == {"2": 0, "3": 1, "4": 1}


def test_there_may_be_no_trips():
    for empty in (trip_table(np.empty((0, 3)), []), trips_of_rows(rows_of(), 3)):
        assert empty.minutes.shape == (0, 3)
        assert empty.first_minutes.shape == empty.first_positions.shape == (0,)
        assert empty.row_of_id == {} and empty.ids_by_row == []


def test_the_first_position_is_where_a_train_is_seen_first():
    """Polled times may run backwards: what is known first decides, whatever is logged later for platforms before."""
    assert table([NAN, 12, 10, 14]).first_positions.tolist() == [2]


def test_rows_become_a_table():
    trips = trips_of_rows(rows_of((5, 0, 20), (5, 1, 22), (3, 1, 12), (-9, 2, 16), (3, 2, 14)), 3)
    np.testing.assert_array_equal(trips.minutes, [[NAN, 12, 14], [NAN, NAN, 16], [20, 22, NAN]])
    assert trips.ids_by_row == [["t3"], [], ["t5"]]


def test_trips_may_run_later_and_keep_their_ids():
    later = table([10, 12], [20, NAN], trip_ids=["1", "2"]).later(np.array([[1, 3], [0, 5]]))
    np.testing.assert_array_equal(later.minutes, [[11, 15], [20, NAN]])
    assert later.row_of_id == {"1": 0, "2": 1}


def test_a_table_survives_storage():
    trips = table([10, NAN], [3, 5], trip_ids=["4", ""])
    again = TripTable.from_state(trips.state("typical_0"), "typical_0")
    np.testing.assert_array_equal(again.minutes, trips.minutes)
    assert again.row_of_id == trips.row_of_id
    assert TripTable.from_state(trips.state("typical_0"), "typical_1") is None


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1], [1, 2, 0]])
def test_the_order_of_the_rows_does_not_matter(order):
    rows = [(5, 0, 20), (5, 1, 22), (3, 1, 22.5)]
    trips = trips_of_rows(rows_of(*(rows[k] for k in order)), 2)
    np.testing.assert_array_equal(trips.minutes, [[20, 22], [NAN, 22.5]])
