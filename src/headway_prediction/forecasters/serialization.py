"""Numbers, times, platforms and forecasts as JSON can hold them: what service and terminal answer is made of these."""

from datetime import date

import numpy as np

from headway_prediction.forecasters.base import Forecast
from headway_prediction.forecasters.parquet import QUANTILE_COLUMNS
from headway_prediction.transit.clock import local_iso
from headway_prediction.transit.line import Line


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


def forecast_columns(forecast: Forecast, line: Line) -> dict[str, object]:
    """Return a forecast from one origin: leads, their valid times (ends of minutes), platforms, and `headway_columns`."""
    leads = np.arange(1, forecast.mean.shape[1] + 1)
    return {
        "leads": leads.tolist(),
        "valid_times": ends(forecast.service_date, forecast.origins[0] + leads, line),
        "platforms": platforms_plain(line),
    } | headway_columns(forecast, line)


def headway_columns(forecast: Forecast, line: Line) -> dict[str, list]:
    """Return mean and quantiles of a forecast from one origin, each [platform][lead]; None where there is none."""
    stations, directions = platform_places(line)
    return {name: numbers(cells[:, stations, directions].T) for name, cells in _quantities(forecast).items()}


def platform_columns(forecast: Forecast, station: int, direction: int) -> dict[str, list]:
    """Return mean and quantiles of a forecast from one origin at one platform, each [lead]; None where there is none."""
    return {name: numbers(cells[:, station, direction]) for name, cells in _quantities(forecast).items()}


def _quantities(forecast: Forecast) -> dict[str, np.ndarray]:
    """Mean and quantiles by the names of their columns: (leads, stations, directions)."""
    unknown = np.full_like(forecast.mean, np.nan)
    cells = {"headway_mean": forecast.mean} | {
        name: forecast.quantiles.get(level, unknown) for level, name in QUANTILE_COLUMNS.items()
    }
    return {name: values[0] for name, values in cells.items()}


def platforms_plain(line: Line) -> list[dict[str, object]]:
    """Return the platforms in the order in which columns list them."""
    return [
        {
            "direction_id": direction,
            "station": station,
            "stop_id": stop_id,
            "stop_name": line.station_names[station],
        }
        for direction, stop_id, station in line.platforms()
        .select("direction", "stop_id", "station")
        .iter_rows()
    ]
