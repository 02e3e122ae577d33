"""The distribution that a forecast's quantiles stand for, and the moments of a draw from it."""

from collections.abc import Mapping

import numpy as np


def draw_moments(quantiles: Mapping[float, np.ndarray], cap_mins: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of a draw and of its square, of the same shape as each of `quantiles` (minutes, by level).

    Between neighbouring quantiles the density is constant; beyond the outer ones it falls off exponentially from the height
    it has beside them (the distribution of Quiñonero-Candela et al. 2006, as in Cannon 2011), and what would lie
    below 0 or above `cap_mins` lies on the bound, as truth does. Quantiles that cross are sorted first. Moments need no
    random numbers, and add up over cells.
    """
    levels = sorted(quantiles)
    ordered = np.sort(np.stack([quantiles[level] for level in levels]).astype(np.float64), axis=0)
    masses, widths = np.diff(levels), np.diff(ordered, axis=0)
    parts = [_uniform(mass, low, high) for mass, low, high in zip(masses, ordered, ordered[1:], strict=False)]
    below, above = levels[0], 1 - levels[-1]
    parts.append(_tail(below, ordered[0], -1, widths[0] * below / masses[0], ordered[0]))
    parts.append(_tail(above, ordered[-1], 1, widths[-1] * above / masses[-1], cap_mins - ordered[-1]))
    first, second = zip(*parts, strict=True)
    return np.sum(first, axis=0), np.sum(second, axis=0)


def _uniform(mass: float, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return mass * (low + high) / 2, mass * (low**2 + low * high + high**2) / 3


def _tail(
    mass: float, edge: np.ndarray, sign: int, scale: np.ndarray, room: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Moments of edge + sign · min(E, room), where E is exponential with mean `scale`."""
    room, scale = np.maximum(room, 0.0), np.maximum(scale, 1e-9)
    ratio = room / scale
    beyond = np.exp(-ratio)  # the share that lies on the bound
    excess = scale * (1 - beyond)
    excess_squared = 2 * scale**2 * (1 - beyond * (1 + ratio))
    return mass * (edge + sign * excess), mass * (edge**2 + 2 * sign * edge * excess + excess_squared)
