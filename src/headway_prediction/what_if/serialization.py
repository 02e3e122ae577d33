"""Requests and answers as plain values that JSON can hold: those of the service and of the terminal."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime

from headway_prediction.errors import HeadwayError
from headway_prediction.forecasters.serialization import (
    end,
    forecast_columns,
    moment,
    numbers,
    platform_places,
)
from headway_prediction.transit.clock import service_day_start, time_zone
from headway_prediction.transit.line import DIRECTIONS, Line
from headway_prediction.what_if.edits import Add, Cancel, Edit, Hold, Move
from headway_prediction.what_if.request import (
    MAX_EDITS,
    MAX_MINS,
    Action,
    Request,
    Search,
    Strategy,
    StrategyName,
)
from headway_prediction.what_if.result import WhatIfResult
from headway_prediction.what_if.wait import Wait

ACTIONS = {Move: Action.MOVE, Hold: Action.HOLD, Cancel: Action.CANCEL, Add: Action.ADD}


def parse_request(plain: Mapping[str, object], line: Line, service_date: date) -> Request:
    """Read a request: {"edits": [{"action": "move|hold|cancel|add", "direction_id", "departure", "to", "mins"}], "strategy":
    null | {"name", "direction_id", "mins"}, "search": null | {"direction_id", "most_hold_mins", "least_turn_mins"}}.

    Times are ISO 8601, in the line's own zone where without offset, and become minutes of `service_date`. Raises
    HeadwayError for anything else.
    """
    edits = plain.get("edits") or []
    if not isinstance(edits, Sequence) or len(edits) > MAX_EDITS:
        raise HeadwayError(
            "the edits are no list, or too many", f"a list of {MAX_EDITS} at most", "send fewer"
        )
    fields = [Fields(edit, line, service_date) for edit in edits]
    strategy, search = plain.get("strategy"), plain.get("search")
    return Request(
        tuple(_edit(one) for one in fields),
        None if strategy is None else _strategy(Fields(strategy, line, service_date)),
        None if search is None else _search(Fields(search, line, service_date)),
    )


class Fields:
    """The fields of one part of a request, read with a sentence for each mistake."""

    def __init__(self, plain: object, line: Line, service_date: date):
        if not isinstance(plain, Mapping):
            raise HeadwayError(
                f"a part of the request is {plain!r:.40}", "an object with fields", "correct it"
            )
        self.plain, self.line, self.service_date = plain, line, service_date

    def _wrong(self, name: str, expected: str) -> HeadwayError:
        return HeadwayError(f"{name} is {self.plain.get(name)!r:.60}", expected, "correct it")

    def choice(self, name: str, choices: Sequence[str]) -> str:
        """Return a word that must be one of `choices`."""
        if self.plain.get(name) not in choices:
            raise self._wrong(name, f"one of {', '.join(choices)}")
        return self.plain[name]

    def direction(self) -> int:
        """Return direction_id."""
        if self.plain.get("direction_id") not in DIRECTIONS or isinstance(self.plain["direction_id"], bool):
            raise self._wrong("direction_id", "0 or 1")
        return int(self.plain["direction_id"])

    def mins(self, name: str) -> float:
        """Return a number of minutes from 0 to 60."""
        value = self.plain.get(name)
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= MAX_MINS:
            raise self._wrong(name, f"minutes from 0 to {MAX_MINS:g}")
        return float(value)

    def minute(self, name: str) -> float:
        """Return the service-day minute of a time."""
        try:
            given = datetime.fromisoformat(self.plain.get(name))
        except (TypeError, ValueError) as error:
            raise self._wrong(name, "a time such as 2026-01-13T08:40:00+00:00") from error
        zoned = given if given.tzinfo else given.replace(tzinfo=time_zone(self.line.time_zone))
        start = service_day_start(self.service_date, self.line.time_zone)
        return (zoned - start).total_seconds() / 60


def _edit(fields: Fields) -> Edit:
    action, direction = fields.choice("action", list(Action)), fields.direction()
    departure = fields.minute("departure")
    made: dict[str, Callable[[], Edit]] = {
        Action.MOVE: lambda: Move(direction, departure, fields.minute("to")),
        Action.HOLD: lambda: Hold(direction, departure, fields.mins("mins")),
        Action.CANCEL: lambda: Cancel(direction, departure),
        Action.ADD: lambda: Add(direction, departure),
    }
    return made[action]()


def _strategy(fields: Fields) -> Strategy:
    name = StrategyName(fields.choice("name", [str(name) for name in StrategyName]))
    mins = 0.0 if name is StrategyName.EVEN_HEADWAYS else fields.mins("mins")
    return Strategy(name, fields.direction(), mins)


def _search(fields: Fields) -> Search:
    return Search(fields.direction(), fields.mins("max_hold_mins"), fields.mins("min_turnaround_mins"))


def result_plain(result: WhatIfResult) -> dict[str, object]:
    """Return an answer as POST what-if has it, but for the `status` of the data, which the service adds."""
    line, day = result.line, result.service_date
    stations, directions = platform_places(line)
    return {
        "time": end(day, result.t0, line),
        "edits": [_edit_plain(edit, line, day) for edit in result.edits],
        "baseline": forecast_columns(result.baseline, line),
        "changed": forecast_columns(result.changed, line),
        "difference": {"headway_mean": numbers(result.difference[:, stations, directions].T)},
        "reached": result.reached[:, stations, directions].T.tolist(),
        "departures": [
            {
                "direction_id": one.direction,
                "planned": None if one.planned is None else moment(day, one.planned, line),
                "changed": None if one.minute is None else moment(day, one.minute, line),
            }
            for one in result.departures
        ],
        "wait": {
            "line": wait_plain(result.wait),
            "stations": [
                {"direction_id": direction, "station": station} | wait_plain(wait)
                for (direction, station), wait in result.waits.items()
            ],
        },
    }


def wait_plain(wait: Wait | None) -> dict[str, float | None]:
    """Return waits in minutes, rounded to thousandths; None where none are known."""
    names = ("baseline_mins", "changed_mins", "difference_mins", "low_mins", "high_mins")
    return {name: None if wait is None else round(getattr(wait, name), 3) + 0.0 for name in names}


def _edit_plain(edit: Edit, line: Line, day: date) -> dict[str, object]:
    plain = {
        "action": ACTIONS[type(edit)].value,
        "direction_id": edit.direction,
        "departure": moment(day, edit.departure, line),
    }
    if isinstance(edit, Move):
        plain["to"] = moment(day, edit.to, line)
    return plain | ({"mins": edit.mins} if isinstance(edit, Hold) else {})
