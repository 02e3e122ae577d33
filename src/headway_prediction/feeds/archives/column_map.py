"""A column map: a TOML file that says what the columns of any other table of passings are called and hold.

```toml
time_format = "epoch"            # epoch seconds; or as in strftime, "%d/%m/%Y %H:%M:%S"; ISO 8601 when left out
date_format = "%Y%m%d"           # of service_date; ISO 8601 when left out
separator = ";"                  # of CSV files; a comma when left out

[columns]                        # what the file calls each of these
direction_id = "bound"
stop_id = "platform"
event_time = "at"                # or arrival_time and departure_time, one or both
event_type = "what"              # only where event_time holds both kinds; then [event_types] is needed
trip_id = "run"                  # the rest may be left out where the file does not tell
stop_sequence = "nth"            # left out: the order of each train's own times
stop_name = "station"
route_id = "line"
service_date = "day"             # left out: found from the times; before 03:00 is the day before

[directions]                     # where the column holds neither 0 and 1 nor false and true
north = 0
south = 1

[event_types]
arrival = "A"
departure = "D"
```
"""

import tomllib
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from headway_prediction.errors import HeadwayError

EPOCH = "epoch"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Columns(_Strict):
    """The name in the file of each column; None where the file has none."""

    direction_id: str
    stop_id: str
    event_time: str | None = None
    arrival_time: str | None = None
    departure_time: str | None = None
    event_type: str | None = None
    trip_id: str | None = None
    stop_sequence: str | None = None
    stop_name: str | None = None
    route_id: str | None = None
    service_date: str | None = None

    def named(self) -> dict[str, str]:
        """The columns that the file has: ours to its name."""
        return {ours: theirs for ours, theirs in self.model_dump().items() if theirs is not None}


class EventTypes(_Strict):
    """The values of event_type that mean an arrival and a departure."""

    arrival: str
    departure: str


class ColumnMap(_Strict):
    """What a TOML file says of a table; see the module. Raises pydantic's ValidationError when it does not fit."""

    columns: Columns
    directions: dict[str, Literal[0, 1]] | None = None
    event_types: EventTypes | None = None
    time_format: str | None = None
    date_format: str = "%Y-%m-%d"
    separator: str = Field(",", min_length=1, max_length=1)

    @model_validator(mode="after")
    def _tells_when(self) -> Self:
        columns = self.columns
        if columns.event_time is None and columns.arrival_time is None and columns.departure_time is None:
            raise ValueError("columns needs event_time, or arrival_time or departure_time")
        if columns.event_time and (columns.arrival_time or columns.departure_time):
            raise ValueError("columns has event_time beside arrival_time or departure_time")
        if (columns.event_type is None) != (self.event_types is None):
            raise ValueError("columns.event_type and the table event_types need each other")
        if columns.event_type and columns.event_time is None:
            raise ValueError("columns.event_type needs columns.event_time")
        if columns.trip_id is None and columns.stop_sequence is None:
            raise ValueError(
                "columns needs trip_id or stop_sequence: nothing else tells the order of the stops"
            )
        return self


def read_column_map(path: Path | str) -> ColumnMap:
    """Read a column map; raises HeadwayError naming the first thing in it that does not fit."""
    try:
        return ColumnMap.model_validate(tomllib.loads(Path(path).read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise HeadwayError(
            f"the column map {path} could not be read ({error})", "a TOML file", "check the path and the file"
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        setting = ".".join(str(part) for part in first["loc"])
        raise HeadwayError(
            f"the column map {path} does not fit{f' at {setting}' if setting else ''}",
            f"settings that pass: {first['msg'].removeprefix('Value error, ')}",
            "correct it there",
        ) from error
