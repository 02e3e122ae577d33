"""Names of stops and the stations they belong to, from a GTFS zip or from its stops.txt alone.

An archive that knows only stop ids does not tell which two platforms are one station: the schedule does.
"""

import io
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import polars as pl

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.archives.columns import refuse_missing

WANTED = ("stop_id", "stop_name")


def read_stop_names(path: Path | str) -> pl.DataFrame:
    """Return stop_id, station_id and stop_name of every stop; a platform has the name of its parent station.

    Raises HeadwayError for a file that is neither a GTFS zip nor a table with the columns stop_id and stop_name.
    """
    stops = _read(Path(path))
    refuse_missing(stops.columns, WANTED, path)
    if "parent_station" not in stops.columns:
        stops = stops.with_columns(parent_station=pl.lit(None, pl.String))
    stops = stops.filter(pl.col("stop_id").is_not_null()).unique("stop_id", keep="first")
    own = stops.with_columns(station_id=pl.coalesce("parent_station", "stop_id"))
    parents = stops.select(station_id="stop_id", station_name="stop_name")
    named = own.join(parents, on="station_id", how="left")
    return named.select("stop_id", "station_id", stop_name=pl.coalesce("station_name", "stop_name"))


def _read(path: Path) -> pl.DataFrame:
    try:
        text = path.read_bytes()
        if path.suffix == ".zip":
            with ZipFile(io.BytesIO(text)) as feed:
                text = feed.read("stops.txt")
        return pl.read_csv(text, infer_schema=False)
    except (OSError, KeyError, BadZipFile, pl.exceptions.PolarsError) as error:
        raise HeadwayError(
            f"the stop names {path} could not be read ({str(error).splitlines()[0]})",
            "a GTFS zip, or its stops.txt",
            "check the path and the file",
        ) from error
