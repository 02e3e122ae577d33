"""Which of the quantile levels of a forecast stands for its middle."""

from collections.abc import Sequence


def middle_index(levels: Sequence[float]) -> int:
    """Return the place of the level nearest to a half, the first of two as near."""
    return min(range(len(levels)), key=lambda place: abs(levels[place] - 0.5))
