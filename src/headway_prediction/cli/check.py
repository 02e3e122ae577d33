"""check: whether a log is what it should be, before anything is learned from it."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headway_prediction.cli.common import say
from headway_prediction.cli.dates import given_date

if TYPE_CHECKING:
    from headway_prediction.quality.check import Quality


Log = Annotated[
    Path,
    typer.Argument(
        help="Arrival log, Parquet or CSV: one row per train passing one platform; or a folder of logs."
    ),
]
Gtfs = Annotated[Path | None, typer.Option(help="GTFS zip with the planned service.")]
Planned = Annotated[Path | None, typer.Option(help="CSV of planned departures, instead of a GTFS zip.")]
Zone = Annotated[str | None, typer.Option(help="The line's IANA time zone; the GTFS zip's when not given.")]
Route = Annotated[str | None, typer.Option(help="Route in the GTFS zip, where it holds several.")]
Stops = Annotated[
    str | None,
    typer.Option(help="Stop ids of one branch or of the trunk, with commas, for a line that forks."),
]
OutageMins = Annotated[
    int, typer.Option(min=1, help="A silence of the whole line is an outage from so many minutes on.")
]
Tolerance = Annotated[
    float, typer.Option(min=0, help="Minutes that a passing may be off a planned one to be matched to it.")
]
Shown = Annotated[
    str | None,
    typer.Option(
        "--date", help="Date whose stations and trains are shown. Default: the one with most to see."
    ),
]
Out = Annotated[Path | None, typer.Option(help="HTML report to write.")]
Outages = Annotated[
    Path | None, typer.Option(help="CSV of the outages found to write, for `headway grid --outages`.")
]
Json = Annotated[Path | None, typer.Option(help="JSON file of all that was found to write.")]
Markdown = Annotated[bool, typer.Option("--markdown", help="Print the tables as Markdown.")]


def check(
    log: Log,
    gtfs: Gtfs = None,
    planned: Planned = None,
    time_zone: Zone = None,
    route: Route = None,
    stops: Stops = None,
    outage_mins: OutageMins = 15,
    tolerance: Tolerance = 5.0,
    show: Shown = None,
    out: Out = None,
    outages: Outages = None,
    json: Json = None,
    markdown: Markdown = False,
) -> None:
    """Say what is wrong with a log, or with a folder of logs.

    Per service day and station: passings against the plan (or other days), gaps, outages of the whole line, duplicates, how
    finely times are told, headways under a minute or over an hour, trains out of order, rows dated to another day.

    \b
    Example:
      headway check line/arrivals.parquet --gtfs line/gtfs.zip --out quality.html --outages outages.csv
      headway check archive/ --time-zone Europe/Dublin
    """
    from headway_prediction.feeds.logs.batches import read_arrival_parts
    from headway_prediction.grid.build import line_and_plan
    from headway_prediction.quality.check import check_parts

    day, rows = given_date(show), read_arrival_parts(log, refuse=False)
    told = (gtfs, planned, time_zone, route, stops.split(",") if stops else None)
    line, timetable = line_and_plan(rows.survey, *told)
    quality = check_parts(rows.drain(), line, timetable, outage_mins, tolerance)
    _print(quality, day, markdown)
    _write(quality, day, out, outages, json)


def _write(
    quality: "Quality", day: date | None, out: Path | None, outages: Path | None, json: Path | None
) -> None:
    from headway_prediction.feeds.logs.outages import write_outages
    from headway_prediction.files import atomic_path
    from headway_prediction.quality.report.page import write_quality_page
    from headway_prediction.quality.report.serialization import quality_json

    if out is not None:
        write_quality_page(out, quality, day)
    if outages is not None:
        write_outages(outages, quality.outages)
    if json is not None:
        with atomic_path(json) as fresh:
            fresh.write_text(quality_json(quality), encoding="utf-8")
    for path in filter(None, (out, outages, json)):
        say(f"wrote {path}")


def _print(quality: "Quality", day: date | None, markdown: bool) -> None:
    """The findings in sentences, the days, and the stations of all days or of one."""
    import polars as pl
    from rich.console import Console

    from headway_prediction.quality.report.findings import findings, overview
    from headway_prediction.quality.report.page import date_to_show
    from headway_prediction.quality.report.tables import (
        date_table,
        markdown_table,
        station_table,
        terminal_table,
    )
    from headway_prediction.quality.summary import by_date, by_platform, by_station

    platforms = by_platform(quality)
    days = by_date(quality, platforms)
    title = "Stations, all days" if day is None else f"Stations on {date_to_show(days, day)}"
    chosen = platforms if day is None else platforms.filter(pl.col("service_date") == day)
    tables = [date_table(quality, days), station_table(quality, by_station(chosen), title)]
    sentences = [f"{quality.line.line_id}: {overview(quality, days)}", *findings(quality, days)]
    if markdown:
        print("\n".join([sentences[0], "", *(f"- {text}" for text in sentences[1:]), ""]))
        print("\n".join(map(markdown_table, tables)), end="")
        return
    console = Console(width=132, highlight=False, markup=False)
    for text in sentences:
        console.print(text)
    for table in tables:
        console.print()
        console.print(terminal_table(table))
