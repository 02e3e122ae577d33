"""Numbers, times and platforms as JSON can hold them."""

from datetime import date

import numpy as np

from headway_prediction.clock import local_iso
from headway_prediction.line import Line


def numbers(values: np.ndarray, digits: int = 2) -> list | float | None:
    """Return floats rounded to `digits`, None where not finite: nested lists, or the one that was given."""
    rounded = np.round(np.asarray(values, dtype=np.float64), digits) + 0.0
    return np.where(np.isfinite(rounded), rounded, None).tolist()


def ends(service_date: date, minutes: np.ndarray, line: Line) -> list[str]:
    """Return the ends of service-day minutes, ISO 8601, local, with offset."""
    return local_iso(service_date, np.asarray(minutes) + 1, line.time_zone)


def end(service_date: date, minute: int, line: Line) -> str:
    """Return the end of one service-day minute, ISO 8601, local, with offset."""
    return ends(service_date, np.array([minute]), line)[0]


def moment(service_date: date, minute: float, line: Line) -> str:
    """Return a service-day minute as an ISO 8601 local time with offset, to the second."""
    return local_iso(service_date, np.array([minute]), line.time_zone)[0]


def platform_places(line: Line) -> tuple[np.ndarray, np.ndarray]:
    """Return the station and the direction of each platform, in the order of `Line.platforms`."""
    platforms = line.platforms()
    return platforms["station"].to_numpy(), platforms["direction"].to_numpy()
