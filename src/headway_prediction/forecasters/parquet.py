"""Forecasts as a Parquet file (PROTOCOL.md, "Exported forecasts").

One row per line_id, service_date, direction_id, stop_id, t0 and lead_min; the method's name and where the forecasts came
from stand in the schema's metadata.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from headway_prediction.files import atomic_path
from headway_prediction.forecasters.base import Forecast
from headway_prediction.transit.clock import local_iso
from headway_prediction.transit.line import Line

QUANTILE_COLUMNS = {0.1: "headway_p10", 0.5: "headway_p50", 0.9: "headway_p90"}
VALUE_COLUMNS = ("headway_mean", *QUANTILE_COLUMNS.values())
KEY_COLUMNS = ("line_id", "service_date", "direction_id", "stop_id", "t0", "valid_time", "lead_min")
METHOD_KEY = b"headway_prediction.method"
PROVENANCE_KEY = b"headway_prediction.provenance"
SCHEMA = pa.schema(
    [
        ("line_id", pa.string()),
        ("service_date", pa.string()),
        ("direction_id", pa.int8()),
        ("stop_id", pa.string()),
        ("t0", pa.string()),
        ("valid_time", pa.string()),
        ("lead_min", pa.int8()),
        *((name, pa.float32()) for name in VALUE_COLUMNS),
    ]
)


def forecast_rows(forecast: Forecast, line: Line) -> pl.DataFrame:
    """Return one service date's forecast as rows: KEY_COLUMNS and VALUE_COLUMNS, null where nothing is forecast.

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
    """Write a method's forecasts, service date by service date, whole or not at all; return the number of rows.

    `provenance` (plain values) is kept as JSON beside the method's name. Raises HeadwayError when the disk refuses.
    """
    metadata = {METHOD_KEY: method.encode(), PROVENANCE_KEY: json.dumps(dict(provenance or {})).encode()}
    schema, rows = SCHEMA.with_metadata(metadata), 0
    with atomic_path(path) as temporary, pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
        for forecast in forecasts:
            table = forecast_rows(forecast, line).to_arrow().cast(SCHEMA)
            writer.write_table(table.replace_schema_metadata(metadata))
            rows += table.num_rows
    return rows
