"""A LineHistory on disk: one Zarr store holding the grid, the passings, the timetable and where they came from.

The root's attributes hold a checksum of everything else: Zarr itself takes a chunk that is gone for one full of NaN.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import xarray as xr

from headway_prediction.errors import HeadwayError
from headway_prediction.files import atomic_path, sha256
from headway_prediction.grid.history import LineHistory
from headway_prediction.grid.passings import PASSING_COLUMNS
from headway_prediction.transit.line import Line
from headway_prediction.transit.timetable import PLANNED_COLUMNS, Service, Timetable

FORMAT = "headway-prediction line history 3"
SEAL = "checksum"
ROOT = "zarr.json"


def write_history(history: LineHistory, path: Path | str) -> None:
    """Write a history to a Zarr folder, whole or not at all; raises HeadwayError when the disk refuses."""
    attributes = dict(history.grid.attrs) | {"format": FORMAT, "line": json.dumps(history.line.to_dict())}
    chunks = {name: {"chunks": _chunks(history.grid, str(name))} for name in history.grid.data_vars}
    with atomic_path(path) as fresh:
        grid = history.grid.assign_attrs(attributes)
        grid.to_zarr(fresh, mode="w", encoding=chunks, consolidated=False, zarr_format=3)
        _write_table(history.passings, fresh, "passings", {})
        if history.timetable is not None:
            services = json.dumps([service.to_dict() for service in history.timetable.services])
            _write_table(history.timetable.planned, fresh, "timetable", {"services": services})
        _seal(fresh)


def read_history(path: Path | str) -> LineHistory:
    """Read what `write_history` wrote, its grid in memory; raises HeadwayError for anything else.

    A folder that was edited or cut short since it was written is refused.
    """
    try:
        _check_seal(Path(path))
        grid = xr.load_dataset(path, engine="zarr", consolidated=False)
        if grid.attrs.get("format") != FORMAT:
            raise ValueError(f"its format is {grid.attrs.get('format')!r}")
        grid.attrs.pop(SEAL)
        line = Line.from_dict(json.loads(grid.attrs["line"]))
        passings, _ = _read_table(path, "passings", PASSING_COLUMNS)
        return LineHistory(line, passings, _read_timetable(Path(path)), grid)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise HeadwayError(
            f"{path} could not be read as a grid ({error})",
            f"a Zarr folder in the format {FORMAT!r}",
            "make it with `headway grid`",
        ) from error


def read_grid(path: Path | str) -> xr.Dataset:
    """Read the grid alone."""
    return read_history(path).grid


def _seal(folder: Path) -> None:
    root = json.loads((folder / ROOT).read_text(encoding="utf-8"))
    root["attributes"][SEAL] = _checksum(folder, root)
    (folder / ROOT).write_text(json.dumps(root), encoding="utf-8")


def _check_seal(folder: Path) -> None:
    root = json.loads((folder / ROOT).read_text(encoding="utf-8"))
    seal = root["attributes"].pop(SEAL, None)
    if seal is None:
        raise ValueError("it has no checksum")
    if seal != _checksum(folder, root):
        raise ValueError("it was edited or cut short since it was written")


def _checksum(folder: Path, root: dict[str, Any]) -> str:
    found = (Path(top) / name for top, _, names in os.walk(folder) for name in names)
    names = sorted(path.relative_to(folder).as_posix() for path in found)
    parts = [f"{sha256(folder / name)}  {name}\n" for name in names if name != ROOT]
    return hashlib.sha256("".join([json.dumps(root, sort_keys=True), *parts]).encode()).hexdigest()


def _chunks(grid: xr.Dataset, name: str) -> tuple[int, ...]:
    days = 16  # about a megabyte a chunk for a line of 25 stations
    sizes = grid[name].shape
    return (min(sizes[0], days * 1620), *sizes[1:])


def _read_timetable(path: Path) -> Timetable | None:
    if not (path / "timetable").is_dir():
        return None
    planned, attributes = _read_table(path, "timetable", PLANNED_COLUMNS)
    return Timetable(tuple(Service.from_dict(plain) for plain in json.loads(attributes["services"])), planned)


def _write_table(table: pl.DataFrame, path: Path, group: str, attributes: dict[str, str]) -> None:
    """Write a table as one array per column; trip ids as `trip_ids`, each once and sorted, and their places there."""
    trip_ids = table["trip_id"].unique().sort().to_list()
    columns = {name: ("row", _array(table[name])) for name in table.columns}
    columns["trip_ids"] = ("trip", np.array(trip_ids, dtype=object))
    xr.Dataset(columns, attrs=attributes).to_zarr(path, group=group, consolidated=False, zarr_format=3)


def _array(column: pl.Series) -> np.ndarray:
    if column.dtype == pl.Date:
        return column.dt.epoch("d").to_numpy()
    if column.dtype == pl.Categorical:
        return (column.rank("dense") - 1).cast(pl.Int32).to_numpy()
    return column.to_numpy()


def _read_table(path: Path | str, group: str, columns: pl.Schema) -> tuple[pl.DataFrame, dict[str, Any]]:
    stored = xr.load_dataset(path, engine="zarr", group=group, consolidated=False)
    table = pl.DataFrame({name: stored[name].values for name in columns})
    trip_ids = pl.Series(stored["trip_ids"].values.tolist(), dtype=pl.Categorical)
    table = table.with_columns(trip_id=trip_ids.gather(table["trip_id"]))
    return table.select(pl.col(name).cast(kind) for name, kind in columns.items()), stored.attrs
