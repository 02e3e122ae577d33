"""The quality report: one self-contained HTML file with the findings of the quality check and figures."""

from datetime import date
from pathlib import Path

import polars as pl

from headway_prediction.errors import HeadwayError
from headway_prediction.quality.check import Quality, by_date, by_platform, by_station
from headway_prediction.reporting.page import Block, Bullets, Section, render_page, towards, write_page
from headway_prediction.reporting.quality_figures import calendar, space_time, station_shares
from headway_prediction.reporting.quality_tables import date_table, station_table
from headway_prediction.reporting.quality_text import GLOSSARY, findings, overview
from headway_prediction.reporting.tables import Table
from headway_prediction.transit.line import DIRECTIONS


def write_quality_page(path: Path | str, quality: Quality, service_date: date | None = None) -> None:
    """Write the report, whole or not at all; it loads nothing from the network.

    The time-space diagram is of `service_date`, or else of `date_to_show`. Raises HeadwayError when the file cannot be
    written or the log has no passing on that date.
    """
    write_page(path, quality_page(quality, service_date))


def quality_page(quality: Quality, service_date: date | None = None) -> str:
    """Return the report as HTML; see `write_quality_page`."""
    platforms = by_platform(quality)
    days = by_date(quality, platforms)
    shown = date_to_show(days, service_date)
    sections = [
        _calendar(days),
        Section("Day by day", _titled(date_table(quality, days))),
        _stations(quality, platforms),
        _one_day(quality, shown),
        Section("Glossary", [Bullets(GLOSSARY)]),
    ]
    title = f"Quality of the log of {quality.line.line_id}"
    summary = {"overview": overview(quality, days), "findings": findings(quality, days)}
    return render_page("quality_report.html", title, sections, **summary)


def date_to_show(days: pl.DataFrame, service_date: date | None) -> date:
    """Return `service_date`, or else the date with the longest outages, then gaps, then the lowest share of passings."""
    ran = days.filter(pl.col("passings") > 0)
    if service_date is None:
        order = ["outage_mins", "gap_mins", "share"]
        worst: date = ran.sort(order, descending=[True, True, False], nulls_last=True)["service_date"][0]
        return worst
    if service_date not in ran["service_date"].to_list():
        dates = ran["service_date"].sort().to_list()
        expected = f"a date between {dates[0]} and {dates[-1]}"
        raise HeadwayError(
            f"the log has no passing on {service_date}", expected, "choose a date that the log covers"
        )
    return service_date


def _calendar(days: pl.DataFrame) -> Section:
    text = (
        "The colour is the share of the expected passings that were observed: of the planned ones or else of the typical "
        "number on that day type. All shares below 50 % have the same colour."
    )
    return Section("Calendar", [text], [("Share of the expected passings, by date", calendar(days))])


def _stations(quality: Quality, platforms: pl.DataFrame) -> Section:
    table = station_table(quality, by_station(platforms), "Stations, all days and both directions")
    drawn = [
        (
            f"Share of the expected passings, {towards(quality.line, direction)}",
            station_shares(platforms, quality.line, direction),
        )
        for direction in DIRECTIONS
    ]
    return Section("Stations", _titled(table), drawn)


def _one_day(quality: Quality, service_date: date) -> Section:
    text = f"Every passing of {service_date:%A %Y-%m-%d}; gaps, outages and suspicious passings are marked."
    drawn = [
        (f"Trains {towards(quality.line, direction)}", space_time(quality, service_date, direction))
        for direction in DIRECTIONS
    ]
    return Section("One day", [text], drawn)


def _titled(table: Table) -> list[Block]:
    return [f"{table.title}.", table]
