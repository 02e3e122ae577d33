"""Write forecasts to a Parquet file and read them back (docs/methodology.md, "Exported forecasts").

One row per line_id, service_date, direction_id, stop_id, t0 and lead_min. The schema's metadata holds the method's name and
the provenance of the forecasts. Files of other programs can be read too: rows in any order, rows may be missing.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from polars.exceptions import PolarsError

from headway_prediction.config import MAX_FORECAST_MINS
from headway_prediction.errors import HeadwayError
from headway_prediction.files import parquet_parts
from headway_prediction.forecasters.base import LEADS, Forecast
from headway_prediction.transit.clock import local_iso, service_day_start
from headway_prediction.transit.line import DIRECTIONS, Line

PolarsType = type[pl.DataType]

QUANTILE_COLUMNS = {0.1: "headway_p10", 0.5: "headway_p50", 0.9: "headway_p90"}
VALUE_COLUMNS = ("headway_mean", *QUANTILE_COLUMNS.values())
KEY_COLUMNS = ("line_id", "service_date", "direction_id", "stop_id", "t0", "valid_time", "lead_min")
METHOD_KEY = "headway_prediction.method"
PROVENANCE_KEY = "headway_prediction.provenance"
SCHEMA = pl.Schema(
    {
        **dict.fromkeys(KEY_COLUMNS, pl.String()),
        "direction_id": pl.Int8(),
        "lead_min": pl.Int8(),
        **dict.fromkeys(VALUE_COLUMNS, pl.Float32()),
    }
)
COLUMN_TYPES: dict[str, PolarsType] = {
    **dict.fromkeys(KEY_COLUMNS, pl.String),
    "direction_id": pl.Int64,
    "lead_min": pl.Int64,
    **dict.fromkeys(VALUE_COLUMNS, pl.Float32),
}
"""What `read_forecasts` casts columns to."""


def forecast_rows(forecast: Forecast, line: Line) -> pl.DataFrame:
    """Return the forecast of one service date as rows: KEY_COLUMNS and VALUE_COLUMNS, null where nothing is forecast.

    Times are the starts of the minutes t0 and t0 + lead, ISO 8601, local, with offset.
    """
    platforms = line.platforms()
    leads = forecast.mean.shape[1]
    origin, lead, platform = np.indices((len(forecast.origins), leads, platforms.height)).reshape(3, -1)
    minutes = forecast.origins[:, None] + np.arange(leads + 1)
    times = pl.Series(local_iso(forecast.service_date, minutes, line.time_zone), dtype=pl.String)
    at_origin = origin * (leads + 1)
    keys = {
        "line_id": pl.repeat(line.line_id, len(origin), eager=True),
        "service_date": pl.repeat(forecast.service_date.isoformat(), len(origin), eager=True),
        "direction_id": platforms["direction"].gather(platform),
        "stop_id": platforms["stop_id"].gather(platform),
        "t0": times.gather(at_origin),
        "valid_time": times.gather(at_origin + lead + 1),
        "lead_min": (lead + 1).astype(np.int8),
    }
    return pl.DataFrame({**keys, **_values(forecast, platforms)})


def _values(forecast: Forecast, platforms: pl.DataFrame) -> dict[str, pl.Series]:
    stations, directions = platforms["station"].to_numpy(), platforms["direction"].to_numpy()
    levels = {name: forecast.quantiles.get(level) for level, name in QUANTILE_COLUMNS.items()}
    count = forecast.mean.shape[0] * forecast.mean.shape[1] * platforms.height
    return {
        name: pl.repeat(None, count, dtype=pl.Float32, eager=True)
        if cells is None
        else pl.Series(cells[:, :, stations, directions].ravel(), dtype=pl.Float32).fill_nan(None)
        for name, cells in ({"headway_mean": forecast.mean} | levels).items()
    }


def write_forecasts(
    path: Path | str,
    method: str,
    line: Line,
    forecasts: Iterable[Forecast],
    provenance: Mapping[str, object] | None = None,
) -> int:
    """Write the forecasts of a method, one per service date, atomically; return the number of rows.

    `provenance` (JSON values) goes into the metadata. Raises HeadwayError when the file cannot be written.
    """
    metadata = {METHOD_KEY: method, PROVENANCE_KEY: json.dumps(dict(provenance or {}))}
    rows = 0
    with parquet_parts(path, SCHEMA, metadata) as append:
        for forecast in forecasts:
            table = forecast_rows(forecast, line)
            append(table)
            rows += table.height
    return rows


def read_forecasts(path: Path | str, line: Line) -> tuple[str, dict[date, Forecast]]:
    """Return (method, forecasts by service date) of an exported file; missing rows and empty cells are NaN.

    Without a method in its metadata, a file is called by its own name. Raises HeadwayError for a file that does not hold
    exported forecasts, or holds those of another line or of fewer leads than are scored.
    """
    path = Path(path)
    table, method = _read(path)
    _check_line(table, line, path)
    if table.is_empty():
        return method, {}
    longest = table["lead_min"].max()
    if isinstance(longest, int) and longest < LEADS:
        raise HeadwayError(
            f"{path} forecasts {longest} minutes ahead",
            f"leads 1 to {LEADS}, over which methods are scored: the others would count as missing forecasts",
            f"train with forecast_mins = {LEADS} or more",
        )
    try:
        return method, _forecasts(_placed(_timed(table), line), line)
    except ValueError as error:
        raise _not_exported(path, str(error)) from error


def _read(path: Path) -> tuple[pl.DataFrame, str]:
    try:
        stored = pl.scan_parquet(path, glob=False)
        names = stored.collect_schema().names()
        missing = [name for name in COLUMN_TYPES if name not in names]
        if missing:
            raise _not_exported(path, f"it has no column {missing[0]!r}")
        method = pl.read_parquet_metadata(path).get(METHOD_KEY, path.stem)
        casts = (pl.col(name).cast(dtype) for name, dtype in COLUMN_TYPES.items())
        return stored.select(casts).collect(), method
    except (OSError, PolarsError) as error:
        raise _not_exported(path, f"it could not be read ({str(error).splitlines()[0]})") from error


def _not_exported(path: Path, problem: str) -> HeadwayError:
    expected = f"a Parquet file with the columns {', '.join(COLUMN_TYPES)}"
    return HeadwayError(
        f"{path} holds no exported forecasts: {problem}", expected, "make it with `headway backtest`"
    )


def _check_line(table: pl.DataFrame, line: Line, path: Path) -> None:
    others = table.filter(pl.col("line_id").ne_missing(line.line_id))["line_id"]
    if len(others):
        expected = f"the line {line.line_id} of the grid"
        raise HeadwayError(f"{path} forecasts the line {others[0]}", expected, "pass the grid of that line")


def _timed(table: pl.DataFrame) -> pl.DataFrame:
    """Parse times to epoch minutes and dates to dates; raises ValueError for inconsistent keys."""
    null = [name for name in KEY_COLUMNS if table[name].null_count()]
    if null:
        raise ValueError(f"the column {null[0]!r} has empty cells")
    if not table["lead_min"].is_between(1, MAX_FORECAST_MINS).all():
        raise ValueError(f"it has leads outside 1 to {MAX_FORECAST_MINS}")
    timed = table.with_columns(
        t0=_epoch_minutes(table["t0"]),
        valid_time=_epoch_minutes(table["valid_time"]),
        service_date=_replaced(table["service_date"], date.fromisoformat, pl.Date),
    )
    if (timed["valid_time"] - timed["t0"] != timed["lead_min"]).any():
        raise ValueError("it has a valid_time that is not lead_min minutes after t0")
    if any(timed[name].is_infinite().any() for name in VALUE_COLUMNS):
        raise ValueError("it has an infinite headway")
    return timed


def _epoch_minutes(texts: pl.Series) -> pl.Series:
    return _replaced(texts, _epoch_minute, pl.Int64)


def _epoch_minute(text: str) -> int:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"the time {text!r} has no offset")
    minute, seconds = divmod(moment.timestamp(), 60)
    if seconds:
        raise ValueError(f"the time {text!r} is not the start of a minute")
    return int(minute)


def _replaced(texts: pl.Series, convert: Callable[[str], Any], dtype: PolarsType) -> pl.Series:
    """Convert each distinct text once."""
    unique = texts.unique(maintain_order=True)
    return texts.replace_strict(
        unique, pl.Series([convert(text) for text in unique], dtype=dtype), return_dtype=dtype
    )


def _placed(table: pl.DataFrame, line: Line) -> pl.DataFrame:
    """Add station and direction indices; raises ValueError for an unknown platform or a duplicate cell."""
    # Scores are over the same leads of all methods (docs/methodology.md), however far a network was trained to forecast.
    table = table.filter(~pl.col("stop_id").is_in(list(line.excluded)) & (pl.col("lead_min") <= LEADS))
    placed = table.join(line.platforms(), on=["direction_id", "stop_id"], how="left")
    unknown = placed.filter(pl.col("station").is_null())
    if unknown.height:
        direction, stop_id = unknown.select("direction_id", "stop_id").row(0)
        raise ValueError(f"the line has no platform {stop_id!r} in direction {direction}")
    cell = ["service_date", "t0", "lead_min", "station", "direction"]
    if placed.select(cell).n_unique() < placed.height:
        raise ValueError("it gives a cell twice")
    return placed


def _forecasts(placed: pl.DataFrame, line: Line) -> dict[date, Forecast]:
    levels = [level for level, name in QUANTILE_COLUMNS.items() if placed[name].is_not_null().any()]
    days = placed.sort("service_date").partition_by("service_date", as_dict=True, maintain_order=True)
    return {day: _day_forecast(day, rows, line, levels) for (day,), rows in days.items()}


def _day_forecast(service_date: date, rows: pl.DataFrame, line: Line, levels: Sequence[float]) -> Forecast:
    start = round(service_day_start(service_date, line.time_zone).timestamp() / 60)
    origins, origin = np.unique(rows["t0"].to_numpy() - start, return_inverse=True)
    index = (
        origin,
        rows["lead_min"].to_numpy() - 1,
        rows["station"].to_numpy(),
        rows["direction"].to_numpy(),
    )

    def cells(name: str) -> np.ndarray:
        values = np.full((len(origins), LEADS, len(line.stations), len(DIRECTIONS)), np.nan, dtype=np.float32)
        values[index] = rows[name].fill_null(np.nan).to_numpy()
        return values

    quantiles = {level: cells(QUANTILE_COLUMNS[level]) for level in levels}
    return Forecast(service_date, origins, cells("headway_mean"), quantiles)
