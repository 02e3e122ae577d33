"""The settings of a simulated line, validated, and made-up stations for a line of any size; nothing here is random."""

import math
from collections.abc import Mapping
from dataclasses import field, fields, replace
from datetime import date
from typing import Annotated, Self

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from pydantic.dataclasses import dataclass

from headway_prediction.errors import HeadwayError
from headway_prediction.transit import clock

DEFAULT_STATION_COUNT = 14
DEFAULT_DWELL_GROWTH = 2.0

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
WholeSeconds = Annotated[int, Field(gt=0)]
Spread = Annotated[float, Field(ge=0, le=1)]
Share = Annotated[float, Field(ge=0, le=1)]

_STRICT = ConfigDict(extra="forbid")

TREES = (
    "Acacia", "Alder", "Ash", "Aspen", "Beech", "Birch", "Cedar", "Cherry", "Chestnut", "Cypress", "Elder", "Elm",
    "Fir", "Hawthorn", "Hazel", "Holly", "Juniper", "Larch", "Laurel", "Linden", "Maple", "Oak", "Pine", "Rowan",
)  # fmt: skip
PLACES = ("Street", "Park", "Square", "Bridge", "Market")
GOLDEN_SECTION = (math.sqrt(5) - 1) / 2


def make_station_names(count: int) -> tuple[str, ...]:
    """Return `count` different station names in the order of travel of direction 0."""
    return tuple(_station_name(index) for index in range(count))


def _station_name(index: int) -> str:
    # Shifting the places by one for each round of the trees makes the first 120 names different.
    round_, tree = divmod(index, len(TREES))
    name = f"{TREES[tree]} {PLACES[(tree + round_) % len(PLACES)]}"
    return name if round_ < len(PLACES) else f"{name} {round_ // len(PLACES) + 1}"


def make_running_secs(count: int) -> tuple[int, ...]:
    """Return running times between neighbours of `count` stations, 80 to 140 s, irregular as those of a real line."""
    return tuple(80 + int(60 * _irregular(index)) for index in range(1, count))


def make_dwell_secs(count: int) -> tuple[int, ...]:
    """Return dwells at `count` stations, 22 to 38 s."""
    return tuple(22 + int(16 * _irregular(3 * index + 2)) for index in range(count))


def make_turnback_stations(count: int) -> tuple[int, ...]:
    """Return the places where trains can turn short: two fifths from either end of `count` stations."""
    fifths = 2 * count // 5
    return tuple(sorted({max(1, fifths), min(count - 2, count - 1 - fifths)}))


def _irregular(index: int) -> float:
    # Multiples of the golden section fill [0, 1) evenly, without a period along the line.
    return index * GOLDEN_SECTION % 1.0


@dataclass(frozen=True, config=_STRICT)
class DayService:
    """The planned service of one day type, alike in both directions.

    `headways` lists (first minute of the service day, headway in minutes) in order; the first train leaves at
    the first of them, none leaves after `last_departure_min`. Minutes may run past 1440.
    """

    headways: tuple[tuple[NotNegative, Positive], ...]
    last_departure_min: Positive

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        starts = [start for start, _ in self.headways]
        if not starts or starts != sorted(set(starts)) or starts[-1] > self.last_departure_min:
            raise ValueError("the headways need rising start minutes, the last one before the last departure")
        return self


def _weekday() -> DayService:
    return DayService(((300, 10), (390, 5), (570, 8), (930, 5), (1140, 10)), 1470)


def _saturday() -> DayService:
    return DayService(((330, 12), (540, 8), (1200, 12)), 1470)


def _sunday() -> DayService:
    return DayService(((390, 15), (600, 10), (1200, 15)), 1410)


@dataclass(frozen=True, config=_STRICT)
class Scenario:
    """A fictional line, its timetable and its noise, in the units of the fields' names; a day type without service is None.

    Stations are in direction 0's order of travel; direction 1 travels them backwards with the same times. Raises
    pydantic's ValidationError when a field is out of range, which `Scenario.from_dict` turns into a sentence, and
    HeadwayError for an unknown time zone.
    """

    line_id: Annotated[str, Field(min_length=1)] = "garden-line"
    line_name: str = "Garden Line"
    time_zone: str = "America/Chicago"
    start_date: date = date(2025, 9, 8)
    # Line
    station_names: tuple[str, ...] = make_station_names(DEFAULT_STATION_COUNT)
    running_secs: tuple[WholeSeconds, ...] = make_running_secs(DEFAULT_STATION_COUNT)
    dwell_secs: tuple[WholeSeconds, ...] = make_dwell_secs(DEFAULT_STATION_COUNT)
    # Places without passengers where trains are timed: their dwell is always the planned one
    timing_points: frozenset[int] = frozenset()
    # Plan
    weekday: DayService | None = field(default_factory=_weekday)
    saturday: DayService | None = field(default_factory=_saturday)
    sunday: DayService | None = field(default_factory=_sunday)
    turn_planned_secs: NotNegative = 480
    # Signals and turns
    separation_secs: Positive = 90
    turn_min_secs: NotNegative = 180
    # A spare train replaces one whose turnaround would make its departure later than this
    turn_lateness_max_secs: NotNegative = 240
    # Noise: mean lateness of a departure; relative spreads of a train's pace, of one run and of one dwell
    terminal_lateness_secs: NotNegative = 40
    # The limit of a departure's own lateness; None for no limit. No later train leaves before it
    terminal_lateness_max_secs: NotNegative | None = None
    train_pace_spread: Spread = 0.03
    running_spread: Spread = 0.06
    dwell_spread: Spread = 0.2
    # Passengers: growth of a dwell per minute of headway beyond the planned one, within its limits
    dwell_secs_per_headway_min: NotNegative = DEFAULT_DWELL_GROWTH
    dwell_min_secs: Positive = 12
    dwell_max_secs: Positive = 80
    # Disturbances: incidents per day and direction, their mean length; trains that end at a turnback station
    incidents_per_day: NotNegative = 0.6
    incident_mins: NotNegative = 7
    short_turn_share: Share = 0.03
    turnback_stations: tuple[Annotated[int, Field(gt=0)], ...] = make_turnback_stations(DEFAULT_STATION_COUNT)

    @classmethod
    def of_size(cls, station_count: int, **changes: object) -> "Scenario":
        """Return a line of `station_count` stations, with made-up names and times, and `changes` to its fields.

        Dwells grow less with the headway the longer the line is: otherwise all trains would be bunched at the far end of a
        long line. Raises HeadwayError for fewer than 3 stations or a bad change.
        """
        if station_count < 3:
            raise HeadwayError(
                f"a line of {station_count} stations",
                "3 or more stations",
                "give more stations",
            )
        settings: dict[str, object] = {
            "station_names": make_station_names(station_count),
            "running_secs": make_running_secs(station_count),
            "dwell_secs": make_dwell_secs(station_count),
            "turnback_stations": make_turnback_stations(station_count),
            "dwell_secs_per_headway_min": DEFAULT_DWELL_GROWTH * DEFAULT_STATION_COUNT / station_count,
        }
        return cls.from_dict(settings | changes)

    @classmethod
    def from_dict(cls, settings: Mapping[str, object]) -> "Scenario":
        """Validate plain settings; raises HeadwayError naming the first bad field."""
        try:
            return TypeAdapter(cls).validate_python(dict(settings))
        except ValidationError as error:
            raise _as_sentence(error) from error

    @property
    def station_count(self) -> int:
        """Number of stations; the line has twice as many platforms."""
        return len(self.station_names)

    def without_noise(self) -> "Scenario":
        """Return the same line and plan with nothing random: every train runs as planned."""
        return replace(
            self,
            terminal_lateness_secs=0,
            train_pace_spread=0,
            running_spread=0,
            dwell_spread=0,
            incidents_per_day=0,
            short_turn_share=0,
        )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        count = self.station_count
        if count < 3 or len(set(self.station_names)) != count:
            raise ValueError("a line must have 3 or more stations, each with its own name")
        for name, wanted in (("running_secs", count - 1), ("dwell_secs", count)):
            if len(getattr(self, name)) != wanted:
                raise ValueError(f"{name} must have {wanted} values for {count} stations")
        if any(station >= count - 1 for station in self.turnback_stations):
            raise ValueError(f"turnback_stations must lie between the terminals, so below {count - 1}")
        if any(not 0 < point < count - 1 for point in self.timing_points):
            raise ValueError(f"timing_points must lie between the terminals, so from 1 to {count - 2}")
        if self.short_turn_share and not self.turnback_stations:
            raise ValueError("short_turn_share must be 0 on a line without turnback_stations")
        self._times_fit()
        return self

    def _times_fit(self) -> None:
        clock.time_zone(self.time_zone)
        stops = [dwell for place, dwell in enumerate(self.dwell_secs) if place not in self.timing_points]
        if not self.dwell_min_secs <= min(stops) <= max(stops) <= self.dwell_max_secs:
            raise ValueError("dwell_secs at stations must lie between dwell_min_secs and dwell_max_secs")
        if self.turn_min_secs > self.turn_planned_secs:
            raise ValueError("turn_min_secs must be at most turn_planned_secs")
        tightest = self.separation_secs + max(self.dwell_secs)
        services = [service for service in (self.weekday, self.saturday, self.sunday) if service]
        if not services:
            raise ValueError("one of weekday, saturday and sunday must have service")
        for service in services:
            if min(headway for _, headway in service.headways) * 60 < tightest:
                raise ValueError(f"planned headways must be at least separation plus dwell, {tightest:g} s")


def _as_sentence(error: ValidationError) -> HeadwayError:
    first = error.errors()[0]
    named = {item.name for kind in (Scenario, DayService) for item in fields(kind)}
    setting = ".".join(str(part) for part in first["loc"] if isinstance(part, int) or part in named)
    shown = (
        f"the scenario's setting {setting} is {first['input']!r}" if setting else "the scenario does not fit"
    )
    return HeadwayError(
        shown,
        f"settings that pass: {first['msg'].removeprefix('Value error, ')}",
        "correct it in the scenario's settings",
    )
