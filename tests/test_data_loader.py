from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from headway_prediction.config import AppConfig
from headway_prediction.data_loader import DataLoader
from headway_prediction.errors import HeadwayError
from headway_prediction.grid.history import history_from_log
from headway_prediction.grid.matrices import write_matrices
from headway_prediction.grid.store import write_history
from headway_prediction.transit.line import Line
from helpers.lines import MONDAY, ZONE, log_of, regular_rows

NAN = np.nan


def loader(tmp_path=None, **settings):
    return DataLoader(AppConfig(data_dir=str(tmp_path or "."), **settings))


def written(tmp_path, headway, schedule=None, **settings):
    np.save(tmp_path / "headway_matrix_full.npy", headway)
    np.save(tmp_path / "schedule_matrix_full.npy", np.ones((4, 2)) if schedule is None else schedule)
    return loader(tmp_path, **settings)


def test_headways_alone_get_a_valid_channel():
    headway = np.array([[[0.0, 15.0]], [[NAN, 45.0]]])  # (2 minutes, 1 station, 2 directions)
    scaled, _ = loader().preprocess(headway, np.ones((2, 2)))
    assert scaled.dtype == np.float32
    np.testing.assert_array_equal(scaled[..., 0], [[[0.0, 0.5]], [[NAN, 1.0]]])
    np.testing.assert_array_equal(scaled[..., 1], [[[1, 1]], [[0, 1]]])


def test_zero_can_be_read_as_missing():
    headway = np.array([[[0.0, 15.0]]])
    scaled, _ = loader(zero_is_missing=True).preprocess(headway, np.ones((1, 2)))
    np.testing.assert_array_equal(scaled[0, 0], [[NAN, 0], [0.5, 1]])


def test_the_four_channels_keep_their_meaning():
    cells = [[6.0, 3.0, 1.0, 1.0], [6.0, 90.0, 0.0, 0.0], [NAN, NAN, NAN, 0.0], [NAN, 1.5, 0.0, 1.0]]
    headway = np.array(cells).reshape(2, 1, 2, 4)
    scaled, _ = loader().preprocess(headway, np.ones((2, 2)))
    expected = [[0.2, 0.1, 1, 1], [NAN, 1, 0, 0], [NAN, 0, 0, 0], [NAN, 0.05, 0, 0]]
    np.testing.assert_allclose(scaled.reshape(4, 4), expected, rtol=1e-6)


def test_a_plan_alone_gets_a_planned_channel_and_further_channels_stay():
    _, alone = loader().preprocess(np.ones((2, 1, 1)), np.array([[NAN], [60.0]]))
    np.testing.assert_array_equal(alone[:, 0], [[0, 0], [1, 1]])
    _, more = loader().preprocess(np.ones((1, 1, 1)), np.array([[[15.0, 0.7, NAN]]]))
    np.testing.assert_allclose(more[0, 0], [0.5, 0.7, 0], rtol=1e-6)


minutes = st.one_of(st.just(NAN), st.floats(0, 500, width=32))


@given(headway=hnp.arrays(np.float32, (5, 3, 2, 4), elements=minutes), scaler=st.floats(1, 120))
def test_scaled_cells_are_within_0_and_1_and_only_channel_0_misses_any(headway, scaler):
    scaled, schedule = loader(scaler=scaler).preprocess(headway, np.full((5, 2), NAN))
    assert not np.isnan(scaled[..., 1:]).any() and not np.isnan(schedule).any()
    assert np.array_equal(np.isnan(scaled[..., 0]), scaled[..., 3] == 0)
    assert np.nanmin(scaled) >= 0 and np.nanmax(scaled) <= 1


def test_the_two_files_are_read_as_they_are(tmp_path):
    headway = np.array([[[1.0, 2.0]], [[3.0, NAN]]] * 2)
    read, schedule = written(tmp_path, headway).load_raw_data()
    np.testing.assert_array_equal(read, headway)
    assert schedule.shape == (4, 2)


good = np.ones((4, 3, 2))


def holding(value):
    headway = good.copy()
    headway[2, 1, 0] = value
    return headway


@pytest.mark.parametrize(
    ("headway", "schedule", "sentence"),
    [
        (np.ones((4, 3)), None, r"headway matrix has the shape \(4, 3\); expected \(time, stations"),
        (good, np.ones(4), r"schedule matrix has the shape \(4,\)"),
        (np.ones((4, 0, 2)), None, "none of them empty"),
        (np.ones((4, 3, 2, 3)), None, "3 channels; expected 1"),
        (np.ones((5, 3, 2)), None, "5 minutes and 2 directions, the schedule matrix 4 and 2"),
        (good, np.ones((4, 1)), "4 minutes and 2 directions, the schedule matrix 4 and 1"),
        (holding(np.inf), None, "headway matrix holds infinite"),
        (holding(-0.1), None, "headway matrix holds negative"),
        (good, np.full((4, 2), -1.0), "schedule matrix holds negative"),
        (good.astype(str), None, "headway matrix holds <U32; expected numbers"),
        (good.astype(complex), None, "holds complex128"),
    ],
)
def test_bad_matrices_are_refused_with_a_sentence(tmp_path, headway, schedule, sentence):
    with pytest.raises(HeadwayError, match=sentence):
        written(tmp_path, headway, schedule).load_raw_data()


def test_missing_and_broken_files_are_refused_with_a_sentence(tmp_path):
    with pytest.raises(HeadwayError, match=r"no file .*headway_matrix_full\.npy"):
        loader(tmp_path).load_raw_data()
    broken = written(tmp_path, good)
    (tmp_path / "headway_matrix_full.npy").write_bytes(b"\x93NUMPY\x01")
    with pytest.raises(HeadwayError, match="could not be read"):
        broken.load_raw_data()


def test_pickled_objects_are_never_loaded(tmp_path):
    with pytest.raises(HeadwayError, match="could not be read"):
        written(tmp_path, np.array([{}, {}])).load_raw_data()


def test_service_days_come_from_the_file_or_are_1440_rows(tmp_path):
    np.save(tmp_path / "days.npy", np.array([4, 4, 6], dtype=np.int16))
    assert loader(tmp_path, service_day_file="days.npy").load_service_days(3).tolist() == [4, 4, 6]
    assert np.bincount(loader(tmp_path).load_service_days(1500)).tolist() == [1440, 60]


@pytest.mark.parametrize(
    ("days", "sentence"),
    [
        (np.array([1, 2]), r"shape \(2,\); expected 3 whole numbers"),
        (np.array([1.0, 2.0, 3.0]), "holds float64"),
        (np.array([1, 3, 2], dtype=np.uint8), "goes back in time"),
    ],
)
def test_bad_service_days_are_refused_with_a_sentence(tmp_path, days, sentence):
    np.save(tmp_path / "days.npy", days)
    with pytest.raises(HeadwayError, match=sentence):
        loader(tmp_path, service_day_file="days.npy").load_service_days(3)


def test_a_grid_is_read_like_its_two_matrices(tmp_path):
    log = log_of(regular_rows(days=(MONDAY, MONDAY + timedelta(days=1))))
    history = history_from_log(log, Line.from_arrivals(log, ZONE))
    write_history(history, tmp_path / "line.zarr")
    write_matrices(history.grid, tmp_path)
    from_grid = loader(tmp_path, headway_file="line.zarr")
    from_files = loader(tmp_path, service_day_file="service_days.npy")
    for one, other in zip(from_grid.load_raw_data(), from_files.load_raw_data(), strict=True):
        np.testing.assert_array_equal(one, other)
    days = from_grid.load_service_days(3240)
    np.testing.assert_array_equal(days, from_files.load_service_days(3240))
    assert np.bincount(days - days[0]).tolist() == [1620, 1620]
