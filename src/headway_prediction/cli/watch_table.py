"""The tables of `headway watch`: the status of the line, a row per station, and the alerts."""

from dataclasses import dataclass

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from headway_prediction.service.api.models.alerts import Alerts
from headway_prediction.service.api.models.forecast import ForecastColumns
from headway_prediction.service.api.models.lines import LineInfo, State
from headway_prediction.service.live.published import AlertKind, Level
from headway_prediction.transit.line import DIRECTIONS

LEADS = (5, 10, 15)
NOW = -61
"""Place of minute t0 in `State.typical`, which ends 60 minutes after it."""
MAX_ALERTS = 8
MAX_NAME_LENGTH = 24
OLD_SECS = 300.0
"""Live data are at most two minutes old, and the next forecast follows within a minute or two: older data mean that none
arrived."""
LEVEL_STYLES = {Level.LIVE: "bold green", Level.STARTING: "bold cyan"}
ALERT_MARKS = {AlertKind.GAP: "◀ ▶", AlertKind.BUNCHED: "▶ ◀"}


@dataclass(frozen=True)
class LineSnapshot:
    """Everything the client fetched about a line."""

    line: LineInfo
    state: State
    forecast: ForecastColumns
    alerts: Alerts


def shown(snapshot: LineSnapshot, since_secs: float) -> RenderableType:
    """Return what is printed, `since_secs` seconds after it was fetched."""
    directions = Columns([_direction(snapshot, direction) for direction in DIRECTIONS], padding=(0, 3))
    return Group(_status(snapshot, since_secs), Text(""), directions, *_alerts(snapshot))


def clean(name: str) -> str:
    """Return a name from a feed without control characters, which a terminal would execute."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name)


def _status(snapshot: LineSnapshot, since_secs: float) -> Text:
    status = snapshot.state.status
    age_secs = None if status.data_age_secs is None else status.data_age_secs + since_secs
    age = "unknown" if age_secs is None else f"{age_secs:.0f} s"
    status_text = Text(f"{clean(snapshot.line.name)} at {snapshot.state.time:%Y-%m-%d %H:%M}  ")
    if status.level in LEVEL_STYLES and age_secs is not None and age_secs > OLD_SECS:
        status_text.append("old: no new forecast comes", "bold yellow")
    else:
        status_text.append(status.level.value, LEVEL_STYLES.get(status.level, "bold yellow"))
    status_text.append(f"  data {age} old; {clean(snapshot.forecast.method)}; minutes, [10 %, 90 %]")
    for reason in status.reasons:
        status_text.append(f"\n{clean(reason)}", "yellow")
    return status_text


def _direction(snapshot: LineSnapshot, direction: int) -> Table:
    towards = clean(snapshot.line.directions[direction].towards)
    table = Table(title=Text(f"to {towards}"), title_justify="left", box=None, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True, max_width=MAX_NAME_LENGTH)
    table.add_column("now", justify="right", no_wrap=True)
    for lead in LEADS:
        table.add_column(f"+{lead}", justify="right", no_wrap=True)
    places = {p.station: i for i, p in enumerate(snapshot.forecast.platforms) if p.direction_id == direction}
    for station in sorted(places, reverse=direction == 1):
        name = Text(clean(snapshot.line.stations[station].name))
        table.add_row(name, *_platform(snapshot, station, direction, places[station]))
    return table


def _platform(snapshot: LineSnapshot, station: int, direction: int, place: int) -> list[Text]:
    typical, forecast = snapshot.state.typical[direction][station], snapshot.forecast
    now = snapshot.state.headway[direction][station][-1]
    cells = [Text(_minutes(now), _style(now, typical[NOW]))]
    for lead in LEADS:
        at = forecast.leads.index(lead)
        middle, low, high = (
            column[place][at] for column in (forecast.headway_p50, forecast.headway_p10, forecast.headway_p90)
        )
        cell = Text(_minutes(middle), _style(middle, typical[NOW + lead]))
        cells.append(cell.append(f" [{_minutes(low)}, {_minutes(high)}]", "dim"))
    return cells


def _minutes(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def _style(headway: float | None, typical: float | None) -> str:
    """Bold and coloured where the headway is that of a gap or of bunched trains."""
    if headway is None or typical is None or 0.5 * typical <= headway <= 1.5 * typical:
        return ""
    return "bold blue" if headway < typical else "bold magenta"


def _alerts(snapshot: LineSnapshot) -> list[Text]:
    shown_alerts = [
        Text(f"{ALERT_MARKS[alert.kind]} {clean(alert.text)}")
        for alert in snapshot.alerts.alerts[:MAX_ALERTS]
    ]
    more = len(snapshot.alerts.alerts) - len(shown_alerts)
    return [Text(""), *shown_alerts, *([Text(f"and {more} more")] if more else [])]
