"""Which files make up an archive, what format they are in, and which of them are one day."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.archives import gobble, lamp, subwaydata
from headway_prediction.feeds.archives.columns import scan_table

GOBBLE_DAY = re.compile(r"Year=(\d{4})/Month=(\d{1,2})/Day=(\d{1,2})")
CSV = (".csv", ".csv.gz")


class Format(StrEnum):
    """The archives that are known by name; any other table needs a column map."""

    SUBWAYDATA = "subwaydata"
    LAMP = "lamp"
    GOBBLE = "gobble"


ENDINGS = {Format.SUBWAYDATA: (".tar.xz",), Format.LAMP: (".parquet",), Format.GOBBLE: CSV}
OF_A_MAP = (*CSV, ".parquet")
TIME_ZONES = {Format.SUBWAYDATA: subwaydata.TIME_ZONE, Format.LAMP: lamp.TIME_ZONE}
"""Where the archive is of one city."""


@dataclass(frozen=True)
class ArchiveDay:
    """The files that are read together, and what they are called in sentences."""

    name: str
    files: tuple[Path, ...]


def detect_format(paths: Sequence[Path]) -> Format:
    """Return the one known format that the files can be in; raises HeadwayError where there is none, or several.

    A name tells subwaydata.nyc; the columns of the first file of an ending tell the others.
    """
    found = set()
    for form, endings in ENDINGS.items():
        files = _files(paths, endings)
        if files and (form is Format.SUBWAYDATA or _has_columns(files[0], form)):
            found.add(form)
    if len(found) != 1:
        raise HeadwayError(
            f"the files of {', '.join(map(str, paths))} are in {' and '.join(sorted(found)) or 'no known format'}",
            f"files of one of {', '.join(Format)}",
            "say which with --format, or write a column map (a TOML file) and pass that",
        )
    return found.pop()


def archive_days(paths: Sequence[Path], form: Format | None) -> list[ArchiveDay]:
    """Return the days of an archive, in the order of their names; `form` None is a table with a column map.

    Folders are searched all the way down. Raises HeadwayError where nothing of the format is found.
    """
    endings = ENDINGS[form] if form else OF_A_MAP
    files = _files(paths, endings)
    if not files:
        raise HeadwayError(
            f"{', '.join(map(str, paths))} holds no file of the format {form or 'of a column map'}",
            f"files that end in {' or '.join(endings)}",
            "check the folder and --format",
        )
    if form is not Format.GOBBLE:
        return [ArchiveDay(str(file), (file,)) for file in files]
    days: dict[str, list[Path]] = {}
    for file in files:
        days.setdefault(_gobble_day(file), []).append(file)
    return [ArchiveDay(name, tuple(own)) for name, own in sorted(days.items())]


def _gobble_day(file: Path) -> str:
    found = GOBBLE_DAY.search(file.as_posix())
    if not found:
        return str(file)
    year, month, day = map(int, found.groups())
    return f"the day {year}-{month:02d}-{day:02d} of the archive"


def _files(paths: Iterable[Path], endings: tuple[str, ...]) -> list[Path]:
    files: set[Path] = set()
    for path in paths:
        if not path.exists():
            raise HeadwayError(f"there is no {path}", "a file or folder of the archive", "check the path")
        found = (file for file in path.rglob("*") if file.is_file()) if path.is_dir() else (path,)
        files.update(file for file in found if file.name.endswith(endings))
    # Raw feeds are published beside the tables, by the same site and with the same ending.
    return sorted(file for file in files if not file.name.endswith("_gtfsrt.tar.xz"))


def _has_columns(file: Path, form: Format) -> bool:
    try:
        scan_table(file, lamp.COLUMNS if form is Format.LAMP else gobble.COLUMNS)
    except HeadwayError:
        return False
    return True
