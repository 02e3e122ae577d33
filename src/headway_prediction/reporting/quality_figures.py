"""Figures of the quality report as plain Plotly dictionaries: calendar, stations by date, time-space diagram of a day."""

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import polars as pl

from headway_prediction.quality.check import Quality
from headway_prediction.quality.implausible import SHORT
from headway_prediction.reporting.figures import plain, rows_height, station_ticks
from headway_prediction.reporting.page import Figure
from headway_prediction.transit.clock import gtfs_time, instant
from headway_prediction.transit.line import Line

SHARE_SCALE = "Cividis"
MIN_SHARE_SHOWN = 50
"""Per cent at which the colour scale ends."""
TRAIN_COLOUR, GAP_COLOUR, OUTAGE_COLOUR, SUSPICIOUS_COLOUR = "#0072B2", "#D55E00", "#E69F00", "#CC79A7"
ABSENT_COLOUR = "#888888"
DAY_NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MAX_TICKS = 8
MAX_COLUMNS_WITH_GAPS = 31
MARGIN_MINS = 10


def calendar(days: pl.DataFrame) -> Figure:
    """Draw one cell per date, weeks across and weekdays down, coloured by the share of observed passings."""
    mondays = [day - timedelta(days=day.weekday()) for day in days["service_date"]]
    weeks = sorted(set(mondays))
    across = [weeks.index(monday) for monday in mondays]
    down = [day.weekday() for day in days["service_date"]]
    shares = np.full((7, len(weeks)), np.nan)
    texts = [[""] * len(weeks) for _ in DAY_NAMES]
    for week, weekday, row in zip(across, down, days.iter_rows(named=True), strict=True):
        if row["passings"]:
            shares[weekday, week] = np.nan if row["share"] is None else 100 * row["share"]
            texts[weekday][week] = f"{row['service_date']}: {row['passings']:,} passings"
    ran, known = (days["passings"] > 0).to_list(), days["share"].is_not_null().to_list()
    marks = [
        _marks("no passings", across, down, [not own for own in ran], "x"),
        _marks("passings without a comparison", across, down, _and_not(ran, known), "circle"),
    ]
    ticks = _ticks(len(weeks))
    return {
        "data": [_share_map(shares, texts), *(mark for mark in marks if mark["x"])],
        "layout": {
            "height": 340,
            "showlegend": any(mark["x"] for mark in marks),
            "xaxis": {
                "title": {"text": "week from"}, "tickvals": ticks, "zeroline": False, "showgrid": False,
                "ticktext": [str(weeks[tick]) for tick in ticks], "range": [-0.5, len(weeks) - 0.5],
            },
            "yaxis": {
                "tickvals": list(range(7)), "ticktext": DAY_NAMES, "range": [6.5, -0.5],
                "zeroline": False, "showgrid": False,
            },
        },
    }  # fmt: skip


def station_shares(platforms: pl.DataFrame, line: Line, direction: int) -> Figure:
    """Draw one cell per date and station of a direction, coloured by the share of observed passings."""
    own = platforms.filter(pl.col("direction") == direction)
    ran = own.filter(pl.col("passings").sum().over("service_date") > 0)
    dates = ran["service_date"].unique().sort().to_list()
    shares = np.full((len(line.stations), len(dates)), np.nan)
    texts = [[""] * len(dates) for _ in line.stations]
    for row in ran.iter_rows(named=True):
        column = dates.index(row["service_date"])
        shares[row["station"], column] = np.nan if row["share"] is None else 100 * row["share"]
        texts[row["station"]][column] = f"{row['service_date']}: {row['passings']:,} passings"
    ticks = _ticks(len(dates))
    return {
        "data": [_share_map(shares, texts, "%{y}, ")],
        "layout": {
            "height": 150 + rows_height(line.station_names),
            "xaxis": {
                "tickvals": ticks, "ticktext": [str(dates[tick]) for tick in ticks],
                "zeroline": False, "showgrid": False,
            },
            "yaxis": {**station_ticks(line.station_names), "showgrid": False},
        },
    }  # fmt: skip


def space_time(quality: Quality, service_date: date, direction: int) -> Figure:
    """Draw the time-space diagram of a date and direction, with gaps, outages and suspicious passings marked."""
    here = (pl.col("service_date") == service_date) & (pl.col("direction") == direction)
    passings = quality.passings.filter(here)
    traces = [_trains(passings), _gaps(quality.gaps.filter(here)), _suspicious(quality, here)]
    outages = quality.outages.filter(pl.col("service_date") == service_date)
    stations = quality.line.station_names
    return {
        "data": [trace for trace in [*traces, _outage_legend(outages)] if trace],
        "layout": {
            "height": 150 + 2 * rows_height(stations),
            "shapes": [_band(row) for row in outages.iter_rows(named=True)],
            "xaxis": _time_axis(quality, service_date),
            "yaxis": station_ticks(stations),
            "hovermode": "closest",
        },
    }


def _and_not(first: Sequence[bool], second: Sequence[bool]) -> list[bool]:
    return [one and not other for one, other in zip(first, second, strict=True)]


def _ticks(count: int) -> list[int]:
    return list(range(0, count, -(-count // MAX_TICKS)))


def _share_map(shares: np.ndarray, texts: list[list[str]], place: str = "") -> Figure:
    gap = int(shares.shape[1] <= MAX_COLUMNS_WITH_GAPS)  # gaps between many narrow cells would hide them
    return {
        "type": "heatmap", "z": plain(shares), "text": texts, "colorscale": SHARE_SCALE,
        "zmin": MIN_SHARE_SHOWN, "zmax": 100,
        "xgap": gap, "ygap": gap, "hoverongaps": False, "hovertemplate": f"{place}%{{text}}, %{{z:.1f}} %<extra></extra>",
        "showlegend": False,
        "colorbar": {"thickness": 10, "ticksuffix": " %", "outlinewidth": 0},
    }  # fmt: skip


def _marks(name: str, across: list[int], down: list[int], chosen: list[bool], symbol: str) -> Figure:
    return {
        "type": "scatter", "mode": "markers", "name": name, "hoverinfo": "skip",
        "x": [x for x, own in zip(across, chosen, strict=True) if own],
        "y": [y for y, own in zip(down, chosen, strict=True) if own],
        "marker": {"symbol": symbol, "color": ABSENT_COLOUR, "size": 7},
    }  # fmt: skip


def _trains(passings: pl.DataFrame) -> Figure:
    """A line per train; dots where the log has no trip ids."""
    if (passings["trip_id"] == "").all():
        return _line("passing", passings, "markers", {"marker": {"color": TRAIN_COLOUR, "size": 3}})
    along = passings.sort("trip_id", "station", "minute")
    # An empty row after each train ends its line.
    ends = (
        along.select("trip_id")
        .unique()
        .with_columns(station=pl.lit(None, pl.Int16), minute=pl.lit(None, pl.Float64))
    )
    rows = pl.concat([along.select("trip_id", "station", "minute"), ends]).sort(
        "trip_id", "station", "minute", nulls_last=True
    )
    look = {"line": {"color": TRAIN_COLOUR, "width": 1}, "marker": {"size": 2}, "connectgaps": False}
    return _line("train", rows, "lines+markers", look)


def _line(name: str, rows: pl.DataFrame, mode: str, look: Figure) -> Figure:
    minutes = rows["minute"].to_list()
    return {
        "type": "scatter", "name": name, "mode": mode,
        "x": plain(rows["minute"].to_numpy()), "y": rows["station"].to_list(),
        "text": ["" if minute is None else gtfs_time(minute) for minute in minutes],
        "hovertemplate": f"%{{y}}, %{{text}}<extra>{name}</extra>",
    } | look  # fmt: skip


def _gaps(gaps: pl.DataFrame) -> Figure:
    if gaps.is_empty():
        return {}
    x, y, text = [], [], []
    for row in gaps.iter_rows(named=True):
        span = f"{gtfs_time(row['first_minute'])} to {gtfs_time(row['end_minute'])}"
        x += [row["first_minute"], row["end_minute"], None]
        y += [row["station"], row["station"], None]
        text += [span, span, ""]
    return {
        "type": "scatter", "name": "gap", "mode": "lines", "x": x, "y": y, "text": text, "connectgaps": False,
        "line": {"color": GAP_COLOUR, "width": 4}, "hovertemplate": "%{y}, %{text}<extra>gap</extra>",
    }  # fmt: skip


def _suspicious(quality: Quality, here: pl.Expr) -> Figure:
    """Implausible passings: duplicates, headways under a minute, backwards, overtaking."""
    columns = ["station", "minute"]
    short = quality.headways.filter(pl.col("kind") == SHORT)
    found = [quality.duplicates, short, quality.backward, quality.overtaking]
    rows = pl.concat([own.filter(here).select(columns) for own in found]).unique().sort(columns)
    if rows.is_empty():
        return {}
    marker = {"color": SUSPICIOUS_COLOUR, "size": 8, "symbol": "circle-open", "line": {"width": 2}}
    return _line("suspicious passing", rows, "markers", {"marker": marker})


def _band(outage: Figure) -> Figure:
    return {
        "type": "rect", "xref": "x", "yref": "paper", "y0": 0, "y1": 1, "layer": "below",
        "x0": outage["first_minute"], "x1": outage["end_minute"],
        "fillcolor": OUTAGE_COLOUR, "opacity": 0.3, "line": {"width": 0},
    }  # fmt: skip


def _outage_legend(outages: pl.DataFrame) -> Figure:
    """A mark in the legend: Plotly shapes have none."""
    if outages.is_empty():
        return {}
    marker = {"symbol": "square", "size": 12, "color": OUTAGE_COLOUR, "opacity": 0.4}
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "outage",
        "x": [None],
        "y": [None],
        "marker": marker,
    }


def _time_axis(quality: Quality, service_date: date) -> Figure:
    """Hours of the local clock, over all passings and outages of that date."""
    on_date = pl.col("service_date") == service_date
    passed: list[float] = quality.passings.filter(on_date)["minute"].to_list()
    silent = quality.outages.filter(on_date)
    start = min([*passed, *silent["first_minute"].to_list()]) - MARGIN_MINS
    end = max([*passed, *silent["end_minute"].to_list()]) + MARGIN_MINS
    ticks = [minute for minute in range(0, 1620, 180) if start <= minute <= end]
    zone = quality.line.time_zone
    return {
        "range": [round(start), round(end)], "zeroline": False,
        "tickvals": ticks, "ticktext": [f"{instant(service_date, tick, zone):%H:%M}" for tick in ticks],
    }  # fmt: skip
