"""The quality report: it holds the findings, loads nothing, and a browser draws it."""

import re
from datetime import timedelta

import polars as pl
import pytest

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.logs.arrivals import typed_arrivals
from headway_prediction.quality.check import by_date, by_platform, check_log
from headway_prediction.reporting.quality_figures import calendar, space_time
from headway_prediction.reporting.quality_report import date_to_show, quality_page, write_quality_page
from headway_prediction.reporting.quality_tables import date_table
from headway_prediction.transit.line import Line
from helpers.lines import MONDAY, ZONE, log_of, raw_log, regular_rows
from helpers.pages import Reader, seen_on_a_phone

DAYS = [MONDAY + timedelta(days=k) for k in (0, 1, 2, 3, 9)]
SILENT, CLOSED = DAYS[1], DAYS[2]
HOSTILE = "<script>alert(1)</script>"


def faulty_rows():
    """Five weekdays, one with an hour of silence, one without a station for two hours, and repeated rows."""
    rows = regular_rows(days=DAYS, headway=5.0)
    kept = [row for row in rows if not (row[0] == SILENT and 500 <= row[5] < 560)]
    kept = [row for row in kept if not (row[0] == CLOSED and row[3] == "B" and 500 <= row[5] < 620)]
    return [*kept, *kept[:2]]


@pytest.fixture(scope="module")
def quality():
    log = typed_arrivals(raw_log(faulty_rows()))
    log = log.with_columns(log["stop_name"].replace({"A Street": HOSTILE, "B Street": "Übergang | Söhne"}))
    return check_log(log, Line.from_arrivals(log, ZONE))


@pytest.fixture(scope="module")
def page(quality):
    return quality_page(quality)


@pytest.fixture(scope="module")
def days(quality):
    return by_date(quality, by_platform(quality))


def test_the_page_loads_nothing_and_names_from_data_stay_text(page):
    reader = Reader(page)
    assert not [tag for tag, attributes in reader.elements if {"src", "href"} & attributes.keys()]
    assert [tag for tag, _ in reader.elements].count("script") == 2
    assert f"towards {HOSTILE}" in reader.text and "Übergang | Söhne" in reader.text
    assert "alert(1)</script>" not in page[page.index("const figures") :]


def test_the_page_holds_the_findings_and_shows_the_worst_day(page):
    text = Reader(page).text
    assert "1 outage of the whole line, 60 minutes: 2025-09-30 08:20 to 09:20 (by other days)" in text
    assert "2 gaps at single platforms" in text and "2 repeated rows" in text
    assert "Every passing of Tuesday 2025-09-30" in text
    # A calendar, the stations of both directions, the trains of both directions.
    assert len(re.findall(r'id="figure-', page)) == 5


def test_the_day_may_be_chosen_among_those_that_have_passings(quality, days):
    assert f"Every passing of {CLOSED:%A %Y-%m-%d}" in Reader(quality_page(quality, CLOSED)).text
    assert date_to_show(days, None) == SILENT
    assert date_to_show(days.filter(pl.col("service_date") != SILENT), None) == CLOSED
    with pytest.raises(HeadwayError, match="no passing on 2025-10-04; expected a date between"):
        date_to_show(days, MONDAY + timedelta(days=5))


def test_the_calendar_has_a_cell_per_date_and_a_mark_where_nothing_passed(days):
    drawn = calendar(days)
    shares, absent = drawn["data"]
    known = {
        (weekday, week): share for weekday, row in enumerate(shares["z"]) for week, share in enumerate(row)
    }
    assert {place: share for place, share in known.items() if share is not None} == {
        (0, 0): 100, (1, 0): pytest.approx(83.33, abs=0.01), (2, 0): pytest.approx(91.67, abs=0.01), (3, 0): 100,
        (2, 1): 100,
    }  # fmt: skip
    assert absent["name"] == "no passings"
    assert list(zip(absent["x"], absent["y"], strict=True)) == [(0, 4), (0, 5), (0, 6), (1, 0), (1, 1)]


def test_a_day_is_drawn_with_its_trains_gaps_outages_and_suspicious_passings(quality):
    names = {day: [t["name"] for t in space_time(quality, day, 0)["data"]] for day in DAYS}
    assert names == {
        DAYS[0]: ["train", "suspicious passing"],
        SILENT: ["train", "outage"],
        CLOSED: ["train", "gap"],
        DAYS[3]: ["train"],
        DAYS[4]: ["train"],
    }
    silent, closed = space_time(quality, SILENT, 0), space_time(quality, CLOSED, 0)
    assert [(band["x0"], band["x1"]) for band in silent["layout"]["shapes"]] == [(500, 560)]
    assert closed["data"][1]["x"] == [498, 622, None] and closed["data"][1]["y"] == [1, 1, None]
    # Each train is a line of four stations, and ends.
    trains = space_time(quality, DAYS[3], 0)["data"][0]
    assert trains["y"][:10] == [0, 1, 2, 3, None, 0, 1, 2, 3, None]


def test_trains_without_ids_are_dots():
    log = log_of(regular_rows(trip_ids=False))
    drawn = space_time(check_log(log, Line.from_arrivals(log, ZONE)), MONDAY, 1)
    assert [trace["mode"] for trace in drawn["data"]] == ["markers"]


def test_an_empty_column_is_dropped_from_a_table(quality, days):
    table = date_table(quality, days)
    assert table.headings == [
        "date",
        "passings",
        "observed",
        "outage min",
        "gaps",
        "gap min",
        "duplicates",
        "over 60 min",
        "resolution",
    ]
    row = table.rows[1]
    assert row.name == "2025-09-30 Tue"
    assert [cell.text for cell in row.cells[:4]] == ["480", "83.3%", "60", "·"]


def test_a_long_log_shows_the_days_with_findings():
    dates = [MONDAY + timedelta(days=k) for k in range(40)]
    rows = regular_rows(stations=3, days=dates, headway=20.0)
    rows = [row for row in rows if not (row[0] == dates[8] and 480 <= row[5] < 600)]
    log = log_of(rows)
    found = check_log(log, Line.from_arrivals(log, ZONE))
    table = date_table(found, by_date(found, by_platform(found)))
    assert table.title == "Days with findings: 1 of 40"
    assert [row.name for row in table.rows] == ["2025-10-07 Tue"]


def test_it_is_written_whole_or_not_at_all(quality, page, tmp_path):
    write_quality_page(tmp_path / "new" / "quality.html", quality)
    assert (tmp_path / "new" / "quality.html").read_text(encoding="utf-8") == page
    (tmp_path / "file").touch()
    with pytest.raises(HeadwayError, match="could not be written"):
        write_quality_page(tmp_path / "file" / "quality.html", quality)


def test_a_browser_draws_it_on_a_phone_without_errors(page, tmp_path):
    # No errors, every figure drawn within the phone, no page wider than it, no script from the data, nothing loaded.
    assert seen_on_a_phone(page, tmp_path) == "0 5 390 quiet 0"
