"""A forecast as the API says it: columns (compact), rows, or CSV."""

from headway_prediction.bundle.forecast import with_stop_names
from headway_prediction.forecasters.parquet import VALUE_COLUMNS, forecast_rows
from headway_prediction.forecasters.serialization import end, forecast_columns, numbers
from headway_prediction.service.live.published import PublishedForecast, Status
from headway_prediction.transit.clock import local_datetime
from headway_prediction.transit.line import Line


def status_body(status: Status) -> dict[str, object]:
    """Return how far what follows is to be trusted."""
    return {
        "level": status.level.value,
        "reasons": list(status.reasons),
        "data_age_secs": numbers(status.data_age_secs, 1),
    }


def columns_body(issued: PublishedForecast, line: Line) -> dict[str, object]:
    """Return a forecast with one list per platform and quantity: [platform][lead], minutes."""
    return _head(issued, line) | forecast_columns(issued.forecast, line)


def rows_body(issued: PublishedForecast, line: Line) -> dict[str, object]:
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


def csv_body(issued: PublishedForecast, line: Line) -> str:
    """Return a forecast in the columns of the exported forecasts and stop_name (times: starts of minutes), as CSV."""
    return with_stop_names(forecast_rows(issued.forecast, line), line).write_csv(float_precision=2)


def _head(issued: PublishedForecast, line: Line) -> dict[str, object]:
    return {
        "line_id": issued.line_id,
        "service_date": issued.service_date.isoformat(),
        "t0": issued.t0,
        "time": end(issued.service_date, issued.t0, line),
        "issued_at": local_datetime(issued.published_at, line.time_zone).isoformat(timespec="seconds"),
        "method": issued.method,
        "status": status_body(issued.status),
    }
