"""What `headway watch` shows: the line's status, a row per station, and the warnings."""

from dataclasses import dataclass

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from headway_prediction.service.api.models.forecast import ForecastColumns
from headway_prediction.service.api.models.judged import Alerts
from headway_prediction.service.api.models.lines import LineInfo
from headway_prediction.service.api.models.state import State
from headway_prediction.service.live.published import AlertKind, Level
from headway_prediction.transit.line import DIRECTIONS

LEADS = (5, 10, 15)
MOST_WARNINGS = 8
LONGEST_NAME = 24
OLD_SECS = 300.0
"""A fresh forecast is of data at most two minutes old, and a minute or two later comes the next: none has come where they
are older."""
LEVEL_STYLES = {Level.LIVE: "bold green", Level.STARTING: "bold cyan"}
TROUBLE_MARKS = {AlertKind.GAP: "◀ ▶", AlertKind.BUNCHED: "▶ ◀"}


@dataclass(frozen=True)
class Seen:
    """What a client was told of a line."""

    line: LineInfo
    state: State
    forecast: ForecastColumns
    alerts: Alerts


def shown(seen: Seen, since_secs: float) -> RenderableType:
    """Return what is printed, `since_secs` seconds after it was told."""
    directions = Columns([_direction(seen, direction) for direction in DIRECTIONS], padding=(0, 3))
    return Group(_status(seen, since_secs), Text(""), directions, *_warnings(seen))


def clean(name: str) -> str:
    """Return a name from a feed without what a terminal would obey."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name)


def _status(seen: Seen, since_secs: float) -> Text:
    status = seen.state.status
    age_secs = None if status.data_age_secs is None else status.data_age_secs + since_secs
    age = "unknown" if age_secs is None else f"{age_secs:.0f} s"
    told = Text(f"{clean(seen.line.name)} at {seen.state.time:%Y-%m-%d %H:%M}  ")
    if status.level in LEVEL_STYLES and age_secs is not None and age_secs > OLD_SECS:
        told.append("old: no new forecast comes", "bold yellow")
    else:
        told.append(status.level.value, LEVEL_STYLES.get(status.level, "bold yellow"))
    told.append(f"  data {age} old; {clean(seen.forecast.method)}; minutes, [10 %, 90 %]")
    for reason in status.reasons:
        told.append(f"\n{clean(reason)}", "yellow")
    return told


def _direction(seen: Seen, direction: int) -> Table:
    towards = clean(seen.line.directions[direction].towards)
    table = Table(title=Text(f"to {towards}"), title_justify="left", box=None, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True, max_width=LONGEST_NAME)
    table.add_column("now", justify="right", no_wrap=True)
    for lead in LEADS:
        table.add_column(f"+{lead}", justify="right", no_wrap=True)
    places = {p.station: i for i, p in enumerate(seen.forecast.platforms) if p.direction_id == direction}
    for station in sorted(places, reverse=direction == 1):
        name = Text(clean(seen.line.stations[station].name))
        table.add_row(name, *_platform(seen, station, direction, places[station]))
    return table


def _platform(seen: Seen, station: int, direction: int, place: int) -> list[Text]:
    usual, forecast = seen.state.usual[direction][station], seen.forecast
    now = seen.state.headway[direction][station][-1]
    cells = [Text(_minutes(now), _style(now, usual))]
    for lead in LEADS:
        at = forecast.leads.index(lead)
        middle, low, high = (
            column[place][at] for column in (forecast.headway_p50, forecast.headway_p10, forecast.headway_p90)
        )
        cell = Text(_minutes(middle), _style(middle, usual))
        cells.append(cell.append(f" [{_minutes(low)}, {_minutes(high)}]", "dim"))
    return cells


def _minutes(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def _style(headway: float | None, usual: float | None) -> str:
    """Bold and coloured where the headway is that of a gap or of bunched trains."""
    if headway is None or usual is None or 0.5 * usual <= headway <= 1.5 * usual:
        return ""
    return "bold blue" if headway < usual else "bold magenta"


def _warnings(seen: Seen) -> list[Text]:
    told = [
        Text(f"{TROUBLE_MARKS[alert.kind]} {clean(alert.text)}")
        for alert in seen.alerts.alerts[:MOST_WARNINGS]
    ]
    more = len(seen.alerts.alerts) - len(told)
    return [Text(""), *told, *([Text(f"and {more} more")] if more else [])]
