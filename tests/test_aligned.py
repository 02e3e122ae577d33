import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from headway_prediction.aligned import ALIGNMENT, aligned_zeros, shareable


@given(shape=st.lists(st.integers(1, 7), min_size=1, max_size=4).map(tuple))
def test_zeros_start_at_an_aligned_address(shape):
    zeros = aligned_zeros(shape)
    assert (zeros.shape, zeros.dtype, zeros.ctypes.data % ALIGNMENT) == (shape, np.float32, 0)
    assert not zeros.any() and zeros.flags.c_contiguous and zeros.flags.writeable


def test_an_aligned_array_is_shared_and_any_other_is_copied():
    whole = aligned_zeros((4, 16))
    whole[...] = np.arange(64).reshape(4, 16)
    fixed = whole.copy()
    fixed.flags.writeable = False
    assert shareable(whole) is whole
    for other in (whole.reshape(-1)[1:], whole[:, ::2], whole.astype(np.float64), fixed):
        shared = shareable(other)
        np.testing.assert_array_equal(shared, other)
        assert not np.shares_memory(shared, other) and shared.ctypes.data % ALIGNMENT == 0
