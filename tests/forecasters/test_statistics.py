import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway_prediction.forecasters.statistics import median_or_nan

NUMBERS = st.one_of(st.just(np.nan), st.floats(-1e6, 1e6, width=32))


@st.composite
def arrays(draw):
    shape = draw(st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(1, 3)))
    cells = draw(st.lists(NUMBERS, min_size=int(np.prod(shape)), max_size=int(np.prod(shape))))
    return np.array(cells, dtype=draw(st.sampled_from([np.float32, np.float64]))).reshape(shape)


@given(arrays(), st.sampled_from([0, 1, 2, -1]))
def test_it_is_numpys_median_of_what_is_known(values, axis):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # numpy warns where nothing is known
        expected = np.nanmedian(values, axis=axis)
    found = median_or_nan(values, axis=axis)
    assert found.dtype == values.dtype
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("shape", [(0, 3), (2, 0), (0, 0)])
def test_of_nothing_it_is_nan(shape):
    found = median_or_nan(np.empty(shape))
    assert found.shape == shape[1:] and np.isnan(found).all()


def test_by_hand():
    cells = np.array([[1.0, np.nan, 4.0], [3.0, np.nan, np.nan], [10.0, np.nan, 5.0]])
    np.testing.assert_array_equal(median_or_nan(cells), [3.0, np.nan, 4.5])
    np.testing.assert_array_equal(median_or_nan(cells, axis=1), [2.5, 3.0, 7.5])
