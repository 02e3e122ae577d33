"""check: the quality of an arrival log."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headway_prediction.cli.common import (
    GtfsOption,
    PlannedOption,
    RouteOption,
    StopOption,
    TimeZoneOption,
    joined,
    parse_date,
    say,
)

if TYPE_CHECKING:
    from headway_prediction.quality.check import Quality


Log = Annotated[
    Path,
    typer.Argument(
        help="Arrival log, Parquet or CSV: one row per train passing one platform; or a folder of logs."
    ),
]
OutageMins = Annotated[
    int, typer.Option(min=1, help="Minutes without any passing on the whole line that count as an outage.")
]
Tolerance = Annotated[
    float,
    typer.Option(
        min=0, help="Largest difference, in minutes, between a passing and the planned one it is matched to."
    ),
]
Shown = Annotated[
    str | None,
    typer.Option(
        "--date",
        help="Service date whose stations and trains are shown. Default: the one with most findings.",
    ),
]
Out = Annotated[Path | None, typer.Option(help="HTML report to write.")]
Outages = Annotated[
    Path | None, typer.Option(help="CSV file to write the outages to, for `headway grid --outages`.")
]
Json = Annotated[Path | None, typer.Option(help="JSON file to write all findings to.")]
Markdown = Annotated[bool, typer.Option("--markdown", help="Print the tables as Markdown.")]


def check(
    log: Log,
    gtfs: GtfsOption = None,
    planned: PlannedOption = None,
    time_zone: TimeZoneOption = None,
    route: RouteOption = None,
    stop: StopOption = None,
    outage_mins: OutageMins = 15,
    tolerance: Tolerance = 5.0,
    show: Shown = None,
    out: Out = None,
    outages: Outages = None,
    json: Json = None,
    markdown: Markdown = False,
) -> None:
    """Check the quality of an arrival log.

    Reports per service day and station: passings against the plan (or against other days), gaps, outages of the whole line,
    duplicates, time resolution, headways under a minute or over an hour, trains out of order, rows of another service day.

    \b
    Example:
      headway check line/arrivals.parquet --gtfs line/gtfs.zip --out quality.html --outages outages.csv
      headway check archive/ --time-zone Europe/Dublin
    """
    from headway_prediction.feeds.logs.arrival_parts import read_arrival_parts
    from headway_prediction.grid.build import line_and_plan
    from headway_prediction.quality.check import check_parts

    day, rows = parse_date(show), read_arrival_parts(log, refuse=False)
    line, timetable = line_and_plan(rows.survey, gtfs, planned, time_zone, joined(route), stop)
    quality = check_parts(rows.drain(), line, timetable, outage_mins, tolerance)
    _print(quality, day, markdown)
    _write(quality, day, out, outages, json)


def _write(
    quality: "Quality", day: date | None, out: Path | None, outages: Path | None, json: Path | None
) -> None:
    from headway_prediction.feeds.logs.csv_lists import write_outages
    from headway_prediction.files import atomic_path
    from headway_prediction.reporting.quality_report import write_quality_page
    from headway_prediction.reporting.quality_tables import quality_json

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

    from headway_prediction.quality.check import by_date, by_platform, by_station
    from headway_prediction.reporting.quality_report import date_to_show
    from headway_prediction.reporting.quality_tables import date_table, station_table
    from headway_prediction.reporting.quality_text import findings, overview
    from headway_prediction.reporting.tables import markdown_table, terminal_table

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
