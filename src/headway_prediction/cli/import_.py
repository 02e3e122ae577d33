"""import: from a public archive of observed trains to an arrival log."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headway_prediction.cli.common import say
from headway_prediction.feeds.archives import Event, Platform

if TYPE_CHECKING:
    from collections.abc import Iterable

    from headway_prediction.feeds.archives import Format
    from headway_prediction.feeds.archives.arrival_log import PassingDefinition
    from headway_prediction.feeds.archives.column_map import ColumnMap
    from headway_prediction.feeds.archives.convert import DayLog, FailedDay, ImportSummary

DAYS_AT_ONCE = 2
"""More would want more memory, and Polars works on all cores in each of them."""


Paths = Annotated[list[Path], typer.Argument(help="Folders or files of the archive.")]
Out = Annotated[Path, typer.Option(help="Arrival log to write (Parquet).")]
FormatText = Annotated[
    str | None,
    typer.Option(
        help="subwaydata, lamp, gobble, or a column map (a TOML file). Default: detected from the files."
    ),
]
Route = Annotated[
    list[str] | None,
    typer.Option(
        help="Route; repeat it for the routes of one line; in lamp a trunk (Green) or branch (Green-B)."
    ),
]
TimeZone = Annotated[
    str | None,
    typer.Option(
        help="IANA time zone of the line, where the archive does not hold it; for subwaydata New York's."
    ),
]
EventOption = Annotated[
    Event,
    typer.Option(help="Event that counts as a passing; the other event replaces it where it is missing."),
]
PlatformOption = Annotated[
    Platform | None,
    typer.Option(help="What a platform is: a stop id, or a station with all its tracks (lamp's default)."),
]
StopNames = Annotated[
    Path | None, typer.Option(help="GTFS zip, or its stops.txt, that names the stops and their stations.")
]
LineId = Annotated[str | None, typer.Option(help="Id of the line. Default: its routes.")]
SkipBadDays = Annotated[
    bool, typer.Option("--skip-bad-days", help="Report and skip days that cannot be read.")
]


def import_(
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
    TransitMatters and gobble (gobble), and any other CSV or Parquet table with a column map. Excludes passings that the
    archive never confirmed, and counts what it excludes.

    \b
    Example:
      headway import subwaydata/ --route 1 --out arrivals.parquet
      headway import lamp/ --route Blue --out arrivals.parquet
      headway import mine/ --format map.toml --time-zone Europe/Dublin --out arrivals.parquet
    """
    from headway_prediction.feeds.archives import Format
    from headway_prediction.feeds.archives.archive_days import TIME_ZONES, archive_days, detect_format
    from headway_prediction.feeds.archives.convert import day_logs, day_reader, write_logs
    from headway_prediction.feeds.archives.tables import ArchiveQuery

    form = _format(format) if format else detect_format(paths)
    if format is None:
        say(f"the files are in the format {form}")
    days = archive_days(paths, form if isinstance(form, Format) else None)
    routes = tuple(route or ())
    default_platform = Platform.STATION if form is Format.LAMP else Platform.STOP
    passing = _passing(line_id or "+".join(routes) or "line", event, platform or default_platform, stop_names)
    logs = day_logs(days, day_reader(form, ArchiveQuery(routes, time_zone)), passing, DAYS_AT_ONCE)
    done = write_logs(_with_progress(logs, len(days)), out, skip_bad_days)
    zone = time_zone or (TIME_ZONES.get(form) if isinstance(form, Format) else None) or "…"
    _report(done, f"headway grid --arrivals {out} --time-zone {zone} --out grid.zarr")
    say(f"wrote {out}")


def _passing(line_id: str, event: Event, platform: Platform, stop_names: Path | None) -> "PassingDefinition":
    from headway_prediction.feeds.archives.arrival_log import PassingDefinition, read_stop_names

    names = read_stop_names(stop_names) if stop_names else None
    return PassingDefinition(line_id, event, platform, names)


def _format(text: str) -> "Format | ColumnMap":
    from headway_prediction.errors import HeadwayError
    from headway_prediction.feeds.archives import Format
    from headway_prediction.feeds.archives.column_map import read_column_map

    if text in list(Format):
        return Format(text)
    if not text.endswith(".toml"):
        raise HeadwayError(
            f"--format is {text!r}", f"{', '.join(Format)} or a column map that ends in .toml", "correct it"
        )
    return read_column_map(text)


def _with_progress(logs: "Iterable[DayLog | FailedDay]", count: int) -> "Iterable[DayLog | FailedDay]":
    from rich.console import Console
    from rich.progress import track

    return track(logs, "reading days", total=count, console=Console(stderr=True), transient=True)


def _report(done: "ImportSummary", next_command: str) -> None:
    for bad in done.skipped:
        say(f"skipped {bad.day.name}: {bad.error}")
    say(f"{done.days} days, {done.passings:,} passings")
    for reason, count in done.excluded.items():
        say(f"  {count:,} {reason}")
    rare = done.platforms(rare=True)
    if rare:
        named = ", ".join(f"{stop} in direction {direction}" for direction, stop in rare)
        stops = " ".join(
            f"--stop {stop}" for stop in sorted({stop for _, stop in done.platforms(rare=False)})
        )
        say(f"few trains pass {named}; the line without them: {stops}")
        next_command += " --stop …"
    say(f"next: {next_command}")
