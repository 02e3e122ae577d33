"""Arrays at addresses that TensorFlow can use in place; it ends the program over any other, so they are copied."""

import numpy as np

ALIGNMENT = 64


def aligned_zeros(shape: tuple[int, ...]) -> np.ndarray:
    """Return float32 zeros that start at a multiple of 64 bytes."""
    length = int(np.prod(shape)) * np.dtype(np.float32).itemsize
    buffer = np.zeros(length + ALIGNMENT, dtype=np.uint8)
    shift = -buffer.ctypes.data % ALIGNMENT
    return buffer[shift : shift + length].view(np.float32).reshape(shape)


def shareable(array: np.ndarray) -> np.ndarray:
    """Return the array itself if it is aligned, whole, writeable float32, else such a copy."""
    fits = array.dtype == np.float32 and array.flags.c_contiguous and array.flags.writeable
    if fits and array.ctypes.data % ALIGNMENT == 0:
        return array
    copy = aligned_zeros(array.shape)
    copy[...] = array
    return copy
