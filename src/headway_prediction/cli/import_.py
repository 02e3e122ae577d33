"""archive: a public archive of observed trains to an arrival log."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headway_prediction.cli.common import say
from headway_prediction.feeds.archives.passing_kinds import Event, Platform

if TYPE_CHECKING:
    from collections.abc import Iterable

    from headway_prediction.feeds.archives.archive_days import Format
    from headway_prediction.feeds.archives.arrival_log import PassingDefinition
    from headway_prediction.feeds.archives.column_map import ColumnMap
    from headway_prediction.feeds.archives.convert import DayLog, ImportSummary

DAYS_AT_ONCE = 2
"""More would want more memory, and Polars works on all cores in each of them."""


Paths = Annotated[list[Path], typer.Argument(help="Folders or files of the archive.")]
Out = Annotated[Path, typer.Option(help="Arrival log to write (Parquet).")]
FormatText = Annotated[
    str | None,
    typer.Option(
        help="subwaydata, lamp, gobble, or a column map (a TOML file). Default: seen from the files."
    ),
]
Route = Annotated[
    str | None,
    typer.Option(
        help="Route, or several of one line with commas; in lamp a trunk (Green) or branch (Green-B)."
    ),
]
TimeZone = Annotated[
    str | None,
    typer.Option(
        help="IANA time zone of the line, where the archive does not tell; subwaydata is New York's."
    ),
]
EventOption = Annotated[
    Event,
    typer.Option(help="What stands for a passing; the other stands in where a train was seen only so."),
]
PlatformOption = Annotated[
    Platform | None,
    typer.Option(help="What a platform is: a stop id, or a station with all its tracks (lamp's default)."),
]
StopNames = Annotated[
    Path | None, typer.Option(help="GTFS zip, or its stops.txt, that names the stops and their stations.")
]
LineId = Annotated[str | None, typer.Option(help="What to call the line. Default: its routes.")]
SkipBadDays = Annotated[
    bool, typer.Option("--skip-bad-days", help="Name the days that cannot be read and go on without them.")
]


def archive(
    paths: Paths,
    out: Out,
    format: FormatText = None,
    route: Route = None,
    time_zone: TimeZone = None,
    event: EventOption = Event.DEPARTURE,
    platform: PlatformOption = None,
    stop_names: StopNames = None,
    line_id: LineId = None,
    skip_bad_days: SkipBadDays = False,
) -> None:
    """Turn a public archive into an arrival log.

    Reads the daily archives of subwaydata.nyc (subwaydata), the subway performance data of MBTA LAMP (lamp), the events of
    TransitMatters and gobble (gobble), and any other CSV or Parquet table with a column map. Passings that the archive never
    confirmed are left out, never made up; what is left out is counted.

    \b
    Example:
      headway archive subwaydata/ --route 1 --out arrivals.parquet
      headway archive lamp/ --route Blue --out arrivals.parquet
      headway archive mine/ --format map.toml --time-zone Europe/Dublin --out arrivals.parquet
    """
    from headway_prediction.feeds.archives.archive_days import TIME_ZONES, Format, archive_days, detect_format
    from headway_prediction.feeds.archives.convert import day_logs, day_reader, write_logs
    from headway_prediction.feeds.archives.observations import ArchiveQuery

    form = _format(format) if format else detect_format(paths)
    if format is None:
        say(f"the files are in the format {form}")
    days = archive_days(paths, form if isinstance(form, Format) else None)
    routes = tuple(part.strip() for part in route.split(",")) if route else ()
    usual = Platform.STATION if form is Format.LAMP else Platform.STOP
    passing = _passing(line_id or "+".join(routes) or "line", event, platform or usual, stop_names)
    logs = day_logs(days, day_reader(form, ArchiveQuery(routes, time_zone)), passing, DAYS_AT_ONCE)
    done = write_logs(_with_progress(logs, len(days)), out, skip_bad_days)
    zone = time_zone or (TIME_ZONES.get(form) if isinstance(form, Format) else None) or "…"
    _say(done, f"headway grid --arrivals {out} --time-zone {zone} --out grid.zarr")
    say(f"wrote {out}")


def _passing(line_id: str, event: Event, platform: Platform, stop_names: Path | None) -> "PassingDefinition":
    from headway_prediction.feeds.archives.arrival_log import PassingDefinition
    from headway_prediction.feeds.archives.stop_names import read_stop_names

    names = read_stop_names(stop_names) if stop_names else None
    return PassingDefinition(line_id, event, platform, names)


def _format(text: str) -> "Format | ColumnMap":
    from headway_prediction.errors import HeadwayError
    from headway_prediction.feeds.archives.archive_days import Format
    from headway_prediction.feeds.archives.column_map import read_column_map

    if text in list(Format):
        return Format(text)
    if not text.endswith(".toml"):
        raise HeadwayError(
            f"--format is {text!r}", f"{', '.join(Format)} or a column map that ends in .toml", "correct it"
        )
    return read_column_map(text)


def _with_progress(logs: "Iterable[DayLog]", count: int) -> "Iterable[DayLog]":
    from rich.console import Console
    from rich.progress import track

    return track(logs, "reading days", total=count, console=Console(stderr=True), transient=True)


def _say(done: "ImportSummary", next_command: str) -> None:
    for bad in done.skipped:
        say(f"skipped {bad.day.name}: {bad.error}")
    say(f"{done.days} days, {done.passings:,} passings")
    for reason, count in done.excluded.items():
        say(f"  {count:,} {reason}")
    rare = done.platforms(rare=True)
    if rare:
        named = ", ".join(f"{stop} in direction {direction}" for direction, stop in rare)
        usual = ",".join(sorted({stop for _, stop in done.platforms(rare=False)}))
        say(f"few trains pass {named}; the line without them: --stops {usual}")
        next_command += " --stops …"
    say(f"next: {next_command}")
