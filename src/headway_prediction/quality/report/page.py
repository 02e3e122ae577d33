"""The report on a log: one self-contained HTML file with what was found, by day and station, and a day's picture."""

from datetime import date
from pathlib import Path

import polars as pl

from headway_prediction.errors import HeadwayError
from headway_prediction.files import atomic_path
from headway_prediction.quality.check import Quality, by_date, by_platform, by_station
from headway_prediction.quality.report.figures import calendar, space_time, station_shares
from headway_prediction.quality.report.findings import NOTES, findings, overview
from headway_prediction.quality.report.tables import QualityTable, date_table, station_table
from headway_prediction.reporting.glossary import towards
from headway_prediction.reporting.page import Section, bullets, html_table, page, paragraphs
from headway_prediction.transit.line import DIRECTIONS


def write_quality_page(path: Path | str, quality: Quality, service_date: date | None = None) -> None:
    """Write the report, whole or not at all; it loads nothing from the net.

    The picture is of `service_date`, or else of the date with most to see. Raises HeadwayError when the disk refuses or
    the log has no passing on that date.
    """
    text = quality_page(quality, service_date)
    with atomic_path(path) as fresh:
        fresh.write_text(text, encoding="utf-8")


def quality_page(quality: Quality, service_date: date | None = None) -> str:
    """Return the report as HTML; see `write_quality_page`."""
    platforms = by_platform(quality)
    days = by_date(quality, platforms)
    shown = date_to_show(days, service_date)
    found = findings(quality, days)
    summary = "\n".join([paragraphs([overview(quality, days)]), bullets(found)])
    parts = [
        _calendar(days),
        Section("Day by day", _html(date_table(quality, days)), []),
        _stations(quality, platforms),
        _one_day(quality, shown),
        Section("What the words mean", bullets(NOTES), []),
    ]
    return page(f"Quality of the log of {quality.line.line_id}", summary, parts)


def date_to_show(days: pl.DataFrame, service_date: date | None) -> date:
    """Return `service_date`, or else the date with the longest outages, gaps, or fewest of its passings."""
    ran = days.filter(pl.col("passings") > 0)
    if service_date is None:
        order = ["outage_mins", "gap_mins", "share"]
        return ran.sort(order, descending=[True, True, False], nulls_last=True)["service_date"][0]
    if service_date not in ran["service_date"].to_list():
        raise HeadwayError(
            f"the log has no passing on {service_date}",
            f"a date between {ran['service_date'].min()} and {ran['service_date'].max()}",
            "choose a date that the log covers",
        )
    return service_date


def _calendar(days: pl.DataFrame) -> Section:
    text = (
        "The colour is the share of the expected passings that came: of those planned or else of those usual on that kind "
        "of day. All below 50 % looks alike."
    )
    return Section(
        "Calendar", paragraphs([text]), [("Share of the expected passings, by date", calendar(days))]
    )


def _stations(quality: Quality, platforms: pl.DataFrame) -> Section:
    table = station_table(quality, by_station(platforms), "Stations, all days and both directions")
    drawn = [
        (
            f"Share of the expected passings, {towards(quality.line, direction)}",
            station_shares(platforms, quality.line, direction),
        )
        for direction in DIRECTIONS
    ]
    return Section("Stations", _html(table), drawn)


def _one_day(quality: Quality, service_date: date) -> Section:
    text = f"Every passing of {service_date:%A %Y-%m-%d}; gaps, outages and suspicious passings are marked."
    drawn = [
        (f"Trains {towards(quality.line, direction)}", space_time(quality, service_date, direction))
        for direction in DIRECTIONS
    ]
    return Section("One day", paragraphs([text]), drawn)


def _html(table: QualityTable) -> str:
    rows = {row[0]: [(cell, False) for cell in row[1:]] for row in table.rows}
    return paragraphs([f"{table.title}."]) + html_table(table.headings, rows, "")
