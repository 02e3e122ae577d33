"""A simulated line like the one of Usama & Koutsopoulos (arXiv:2510.03121): the afternoon peak of the CTA Blue Line.

The real line has 33 stations on 26.93 miles: 11 on the Forest Park branch, 9 in the subway, 13 on the O'Hare branch. The
paper divides it into 64 bins of about 2,200 ft, which are just that length together. Its headways are of bins, most of them
without a station, so this line has 64 timing points, one per bin: 33 stations and 31 blocks that trains pass without
stopping. Direction 0 is northbound, from the Forest Park end to the O'Hare end.
"""

from dataclasses import dataclass

from headway_prediction.simulate.scenario import (
    DayService,
    Scenario,
    make_dwell_secs,
    make_station_names,
)

PEAK_MINS = range(15 * 60 + 30, 18 * 60)
"""The minutes of the service day that the paper scores: 15:30 to 18:00."""


@dataclass(frozen=True)
class Branch:
    """A part of the line: its bins, the stations among them, and the seconds a train takes through a bin at speed."""

    bins: int
    stations: int
    run_secs: int


# Per bin of 2,200 ft: 29 and 31 mph in the medians of the expressways, 25 mph in the subway.
BRANCHES = (Branch(22, 11, 52), Branch(10, 9, 60), Branch(32, 13, 48))
STOP_SECS = 18
"""The time lost by braking and starting at a station, shared by the bins on its two sides."""


def blue_line(**changes: object) -> Scenario:
    """Return the scenario with `changes` to its fields. Only weekdays have service, each a replication of the same plan.

    Trains run from 11:30 to 20:00, every 8 minutes from 14:00 to 18:45: the line is full, with half an hour of history,
    before the peak is scored, and an hour of leads follows it. One pattern, end to end in 79 minutes.

    The noise was set from the paper's figures, before any network was trained on this line. With observed terminal headways
    the paper explains four fifths of the variance an hour ahead, so most of the spread exists when trains leave: departures
    are about 3.5 min late on average, at most 15, for a standard deviation of headways of about 250 s. Pace, runs, dwells
    and incidents vary a third as much as on the default line, within what the published R² leaves open
    (`benchmarks/blue_line_ceiling.py` measures the limit). A dwell grows by half a second per minute of headway: two
    passengers a minute, a quarter second each.
    """
    stops = _stops()
    settings: dict[str, object] = {
        "line_id": "blue-line",
        "line_name": "Blue Line (simulated)",
        "station_names": _names(stops),
        "running_secs": _running_secs(stops),
        "dwell_secs": _dwell_secs(stops),
        "timing_points": frozenset(place for place, stop in enumerate(stops) if not stop),
        "turnback_stations": (),
        "short_turn_share": 0,
        "weekday": DayService(headways=((690, 10), (840, 8), (1125, 10)), last_departure_min=1200),
        "saturday": None,
        "sunday": None,
        "separation_secs": 75,
        "terminal_lateness_secs": 250,
        "terminal_lateness_max_secs": 900,
        "dwell_secs_per_headway_min": 0.5,
        "train_pace_spread": 0.01,
        "running_spread": 0.02,
        "dwell_spread": 0.07,
        "incidents_per_day": 0.3,
        "incident_mins": 5,
    }
    return Scenario.from_dict(settings | changes)


def _stops() -> list[bool]:
    """Return which of the 64 bins have a station: evenly spread over each branch, both ends of the line included."""
    places = []
    for branch, place_in_gap in zip(BRANCHES, (0.0, 0.5, 0.999), strict=True):
        gap = branch.bins / branch.stations
        stops = {int((station + place_in_gap) * gap) for station in range(branch.stations)}
        places += [place in stops for place in range(branch.bins)]
    return places


def _names(stops: list[bool]) -> tuple[str, ...]:
    named = iter(make_station_names(sum(stops)))
    return tuple(next(named) if stop else f"Block {place + 1}" for place, stop in enumerate(stops))


def _running_secs(stops: list[bool]) -> tuple[int, ...]:
    through = [branch.run_secs for branch in BRANCHES for _ in range(branch.bins)]
    return tuple(
        through[place + 1] + STOP_SECS // 2 * (stops[place] + stops[place + 1])
        for place in range(len(stops) - 1)
    )


def _dwell_secs(stops: list[bool]) -> tuple[int, ...]:
    dwells = iter(make_dwell_secs(sum(stops)))
    return tuple(next(dwells) if stop else 1 for stop in stops)
