"""The files of an archive: which format they are in, and which of them make up one day."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.archives import Format, gobble, lamp, subwaydata
from headway_prediction.feeds.archives.tables import scan_table

GOBBLE_DAY = re.compile(r"Year=(\d{4})/Month=(\d{1,2})/Day=(\d{1,2})")
CSV = (".csv", ".csv.gz")
SUFFIXES = {Format.SUBWAYDATA: (".tar.xz",), Format.LAMP: (".parquet",), Format.GOBBLE: CSV}
MAPPED_SUFFIXES = (*CSV, ".parquet")
RAW_FEED_SUFFIX = "_gtfsrt.tar.xz"
TIME_ZONES = {Format.SUBWAYDATA: subwaydata.TIME_ZONE, Format.LAMP: lamp.TIME_ZONE}
"""The time zones of archives of a single city."""


@dataclass(frozen=True)
class ArchiveDay:
    """The files of one day, and what messages call them."""

    name: str
    files: tuple[Path, ...]


def detect_format(paths: Sequence[Path]) -> Format:
    """Return the one known format of the files; raises HeadwayError where there is none, or several.

    The suffix identifies subwaydata.nyc, the columns of the first file with a suffix identify the others.
    """
    found = set()
    for form, suffixes in SUFFIXES.items():
        files = _files(paths, suffixes)
        if files and (form is Format.SUBWAYDATA or _has_columns(files[0], form)):
            found.add(form)
    if len(found) != 1:
        raise HeadwayError(
            f"the files of {', '.join(map(str, paths))} are in {' and '.join(sorted(found)) or 'no known format'}",
            f"files of one of {', '.join(Format)}",
            "pass --format, with a column map (a TOML file) for any other format",
        )
    return found.pop()


def archive_days(paths: Sequence[Path], form: Format | None) -> list[ArchiveDay]:
    """Return the days of an archive, sorted by name; `form` None is a table with a column map.

    Folders are searched recursively. Raises HeadwayError where no file of the format is found.
    """
    suffixes = SUFFIXES[form] if form else MAPPED_SUFFIXES
    files = _files(paths, suffixes)
    if not files:
        raise HeadwayError(
            f"{', '.join(map(str, paths))} holds no file of the format {form or 'of a column map'}",
            f"files that end in {' or '.join(suffixes)}",
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


def _files(paths: Iterable[Path], suffixes: tuple[str, ...]) -> list[Path]:
    files: set[Path] = set()
    for path in paths:
        if not path.exists():
            raise HeadwayError(f"there is no {path}", "a file or folder of the archive", "check the path")
        found = (file for file in path.rglob("*") if file.is_file()) if path.is_dir() else (path,)
        files.update(file for file in found if file.name.endswith(suffixes))
    # subwaydata.nyc publishes raw feeds beside the tables, with the same suffix.
    return sorted(file for file in files if not file.name.endswith(RAW_FEED_SUFFIX))


def _has_columns(file: Path, form: Format) -> bool:
    try:
        scan_table(file, lamp.COLUMNS if form is Format.LAMP else gobble.COLUMNS)
    except HeadwayError:
        return False
    return True
