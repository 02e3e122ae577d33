"""A line as a TOML file that a person may edit: what `headway line` writes and `headway grid --line` reads."""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from headway_prediction.errors import HeadwayError
from headway_prediction.files import atomic_path
from headway_prediction.transit.line import DIRECTIONS, Station
from headway_prediction.transit.route_line import RouteLine, cut_at_terminals, route_line, station_stop_ids

HEADER = """\
# A line as `headway line` found it, to look through and to edit: `headway grid --line` reads it.
# Stations stand in the order of direction 0, one a line: move a line to change the order, change a name, or move
# a line down to `excluded` to take that station off the line (and up again to put it back).
"""
IDS = """\
# The first stop id of a direction names the platform in forecasts; further ones mean the same platform wherever
# logs and schedules use them. A station without a platform in a direction has [] there.
"""
ABOUT_EXCLUDED = (
    "# Stops that logs and schedules may name and that are no part of the line: stations, or bare stop ids.\n"
)
TERMINALS = (
    "# The ends of the line. Without its mark, the next line leaves out what is beyond the two it names.\n"
)
_STRICT = ConfigDict(extra="forbid")


@dataclass(config=_STRICT)
class _StationEntry:
    name: str
    direction_0: list[str] = Field(default_factory=list)
    direction_1: list[str] = Field(default_factory=list)

    def station(self) -> Station:
        return Station.of_ids(self.name, self.direction_0, self.direction_1)


@dataclass(config=_STRICT)
class _LineEntry:
    line_id: str
    time_zone: str
    stations: list[_StationEntry]
    route: str | None = None
    terminals: list[str] | None = None
    excluded: list[_StationEntry | str] = Field(default_factory=list)


def write_line_toml(route: RouteLine, path: Path | str) -> None:
    """Write a line to a TOML file, whole or not at all; `read_line_toml` reads the same line back."""
    with atomic_path(path) as fresh:
        fresh.write_text(line_toml(route), encoding="utf-8")


def line_toml(route: RouteLine) -> str:
    """Return the text of a line's TOML file."""
    line, terminals = route.line, _terminal_ids(route)
    fields = [f"line_id = {_text(line.line_id)}\n"]
    fields += [f"route = {_text(route.route_id)}\n"] if route.route_id is not None else []
    fields += [f"time_zone = {_text(line.time_zone)}\n\n", TERMINALS, f"# terminals = {_texts(terminals)}\n"]
    stations = ["\n", IDS, *_listed("stations", line.stations)]
    return "".join(
        [HEADER, "\n", *fields, *stations, "\n", ABOUT_EXCLUDED, *_listed("excluded", route.excluded)]
    )


def _terminal_ids(route: RouteLine) -> list[str]:
    """Names of the two ends, or stop ids where the line has the name twice."""
    ends, names = (route.line.stations[0], route.line.stations[-1]), route.line.station_names
    return [end.name if names.count(end.name) == 1 else min(station_stop_ids(end)) for end in ends]


def _listed(name: str, stations: tuple[Station, ...]) -> Iterator[str]:
    yield f"{name} = [\n"
    for station in stations:
        ids = ", ".join(f"direction_{d} = {_texts(station.all_stop_ids(d))}" for d in DIRECTIONS)
        yield f"  {{ name = {_text(station.name)}, {ids} }},\n"
    yield "]\n"


def _text(value: str) -> str:
    # A JSON string is a TOML basic string but for DEL, which TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _texts(values: list[str] | tuple[str, ...]) -> str:
    return f"[{', '.join(map(_text, values))}]"


def read_line_toml(path: Path | str) -> RouteLine:
    """Read a line from a TOML file such as `write_line_toml` writes, edited or not.

    Raises HeadwayError for a file that cannot be read, a field that is unknown, missing or of the wrong kind, a stop id
    that stands twice, an unknown time zone or terminal, or fewer than two stations in a direction.
    """
    try:
        plain = tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
        entry = TypeAdapter(_LineEntry).validate_python(plain)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise HeadwayError(
            f"the line {path} could not be read ({error})",
            "a TOML file that `headway line` wrote",
            "check the path and the line that is named",
        ) from error
    except ValidationError as error:
        raise _as_sentence(error, path) from error
    return _built(entry)


def _built(entry: _LineEntry) -> RouteLine:
    excluded = [
        Station(other, (other, other)) if isinstance(other, str) else other.station()
        for other in entry.excluded
    ]
    stations = [station.station() for station in entry.stations]
    whole = route_line(entry.line_id, entry.time_zone, stations, entry.route, excluded)
    return whole if entry.terminals is None else cut_at_terminals(whole, entry.terminals)


def _as_sentence(error: ValidationError, path: Path | str) -> HeadwayError:
    first = error.errors()[0]
    place = ".".join(str(part + 1 if isinstance(part, int) else part) for part in first["loc"])
    return HeadwayError(
        f"the line {path} has a mistake at {place} ({first['msg'][0].lower()}{first['msg'][1:]})",
        "line_id, time_zone and stations, each with a name and lists of stop ids direction_0 and direction_1",
        "correct that field",
    )
