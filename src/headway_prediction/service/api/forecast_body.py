"""A forecast as the API says it: columns (compact), rows, or CSV."""

import numpy as np

from headway_prediction.clock import local_moment
from headway_prediction.evaluation.export import QUANTILE_COLUMNS, VALUE_COLUMNS, forecast_rows
from headway_prediction.forecast_now import with_stop_names
from headway_prediction.forecasters.base import Forecast
from headway_prediction.line import Line
from headway_prediction.service.api.plain import end, ends, numbers, platform_places
from headway_prediction.service.issued import IssuedForecast, Status


def status_body(status: Status) -> dict[str, object]:
    """Return how far what follows is to be trusted."""
    return {
        "level": status.level.value,
        "reasons": list(status.reasons),
        "data_age_secs": numbers(status.data_age_secs, 1),
    }


def columns_body(issued: IssuedForecast, line: Line) -> dict[str, object]:
    """Return a forecast with one list per platform and quantity: [platform][lead], minutes."""
    leads = np.arange(1, issued.leads + 1)
    valid_times = ends(issued.service_date, issued.t0 + leads, line)
    platforms = {"leads": leads.tolist(), "valid_times": valid_times, "platforms": platforms_body(line)}
    return _head(issued, line) | platforms | headway_columns(issued.forecast, line)


def rows_body(issued: IssuedForecast, line: Line) -> dict[str, object]:
    """Return a forecast with one row per platform and lead."""
    columns = columns_body(issued, line)
    rows = [
        {
            "direction_id": platform["direction_id"],
            "stop_id": platform["stop_id"],
            "stop_name": platform["stop_name"],
            "lead_min": lead,
            "valid_time": columns["valid_times"][at],
            **{name: columns[name][place][at] for name in VALUE_COLUMNS},
        }
        for place, platform in enumerate(columns["platforms"])
        for at, lead in enumerate(columns["leads"])
    ]
    return _head(issued, line) | {"rows": rows}


def csv_body(issued: IssuedForecast, line: Line) -> str:
    """Return a forecast in the columns of the exported forecasts and stop_name (times: starts of minutes), as CSV."""
    return with_stop_names(forecast_rows(issued.forecast, line), line).write_csv(float_precision=2)


def headway_columns(forecast: Forecast, line: Line) -> dict[str, list]:
    """Return mean and quantiles of a forecast from one origin, each [platform][lead]; None where there is none."""
    stations, directions = platform_places(line)
    cells = {"headway_mean": forecast.mean} | {
        name: forecast.quantiles.get(level, np.full_like(forecast.mean, np.nan))
        for level, name in QUANTILE_COLUMNS.items()
    }
    return {name: numbers(values[0][:, stations, directions].T) for name, values in cells.items()}


def platforms_body(line: Line) -> list[dict[str, object]]:
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


def _head(issued: IssuedForecast, line: Line) -> dict[str, object]:
    return {
        "line_id": issued.line_id,
        "service_date": issued.service_date.isoformat(),
        "t0": issued.t0,
        "time": end(issued.service_date, issued.t0, line),
        "issued_at": local_moment(issued.issued_at, line.time_zone).isoformat(timespec="seconds"),
        "method": issued.method,
        "status": status_body(issued.status),
    }
