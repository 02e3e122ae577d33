"""Look-ahead check: a forecast from the whole history equals, bit for bit, the one from what was known at its origin.

The same must hold beside a history with another future (docs/methodology.md, "No leakage"). Where a forecast differs, a
sentence names the method, date, minute and cell. `leakage.oracle` holds the other half of the leakage check.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

import numpy as np
import polars as pl

from headway_prediction.evaluation.backtest import scored_origins
from headway_prediction.forecasters.base import Forecast, Forecaster
from headway_prediction.grid.headway_grid import last_logged_minutes
from headway_prediction.grid.history import LineHistory, build_history
from headway_prediction.grid.passings import PASSING_COLUMNS, without_duplicates
from headway_prediction.transit.clock import SCORED_DAY_MINS, instant
from headway_prediction.transit.line import Line

DELETED, REPLACED = "with every later passing deleted", "with another future"
END_MINUTE = SCORED_DAY_MINS + 60
RANDOM_PASSINGS = 400
RANDOM_TRAINS = 60
CROWDING = 3
"""Minutes since the origin are a uniform draw to this power: many passings fall at the first leads."""


def spread_origins(history: LineHistory, service_dates: Sequence[date], count: int) -> dict[date, np.ndarray]:
    """Return at most `count` scored origins, evenly spread over those of all the service dates, by date."""
    pairs = [(day, t0) for day in service_dates for t0 in scored_origins(history, day).tolist()]
    chosen = np.unique(np.linspace(0, len(pairs) - 1, min(count, len(pairs))).astype(int))
    by_date: dict[date, list[int]] = {}
    for day, t0 in (pairs[index] for index in chosen):
        by_date.setdefault(day, []).append(t0)
    return {day: np.array(minutes) for day, minutes in by_date.items()}


def find_leaks(
    history: LineHistory, methods: Mapping[str, Forecaster], origins: Mapping[date, np.ndarray]
) -> dict[str, str]:
    """Return, by method, a sentence on the first cell of its forecasts that changes with what happened after the origin.

    `origins` are service-day minutes by service date, such as `spread_origins` gives. Methods without a leak are absent.
    """
    alarms: dict[str, str] = {}
    for day, minutes in origins.items():
        together = {name: method.forecast(history, day, minutes) for name, method in methods.items()}
        for index, t0, how, other in _other_futures(history, day, minutes):
            for name in methods.keys() - alarms.keys():
                alone = methods[name].forecast(other, day, np.array([t0]))
                found = _first_difference(together[name], index, alone, history.line)
                if found is not None:
                    alarms[name] = (
                        f"{name} uses the future: {_moment(history.line, day, t0)} it forecasts {found} {how}"
                    )
    return {name: alarms[name] for name in methods if name in alarms}


def _other_futures(
    history: LineHistory, day: date, minutes: np.ndarray
) -> Iterator[tuple[int, int, str, LineHistory]]:
    """Yield (index of the origin, the origin, how its future was changed, that history) for each origin and change."""
    for index, t0 in enumerate(minutes.tolist()):
        yield index, t0, DELETED, history.as_of(day, t0)
        yield index, t0, REPLACED, with_random_future(history, day, t0)


def _moment(line: Line, day: date, t0: int) -> str:
    return f"at minute {t0} of {day} ({instant(day, t0, line.time_zone):%H:%M})"


def _first_difference(whole: Forecast, index: int, alone: Forecast, line: Line) -> str | None:
    """Describe the first cell whose bits differ between origin `index` of one forecast and the only one of the other."""
    first, second = _by_quantity(whole, index), _by_quantity(alone, 0)
    shapes = [{name: (cells.shape, cells.dtype) for name, cells in part.items()} for part in (first, second)]
    if shapes[0] != shapes[1]:
        return "other leads or quantiles"
    for name, cells in first.items():
        bits = [np.ascontiguousarray(part).view(np.uint8) for part in (cells, second[name])]
        differs = (bits[0] != bits[1]).reshape(*cells.shape, -1).any(axis=-1)
        if differs.any():
            lead, station, direction = cell = tuple(np.argwhere(differs)[0])
            where = f"{line.stations[station].name}, direction {direction}, lead {lead + 1}"
            return f"{cells[cell]:.3f} min ({name}) for {where} from the whole history, {second[name][cell]:.3f} min"
    return None


def _by_quantity(forecast: Forecast, index: int) -> dict[str, np.ndarray]:
    levels = {f"p{100 * level:g}": values[index] for level, values in sorted(forecast.quantiles.items())}
    return {"mean": forecast.mean[index], **levels}


def with_random_future(history: LineHistory, service_date: date, t0: int, seed: int = 0) -> LineHistory:
    """Return the history with everything after minute `t0` of a service date replaced by random passings.

    Deleting the future (`LineHistory.as_of`) exposes most methods that use it. A method that reads missing passings as "no
    train" can pass that check, but not a future that exists and differs. All that `as_of` deletes is replaced: the rest of
    the date and of the night before, and every later date. The plan stays: it is known in advance.
    """
    random = np.random.default_rng((seed, service_date.toordinal(), t0))
    known = history.known_passings(service_date, t0)
    others = [
        _random_passings(history.line, day, since, random)
        for day, since in history.unknown_from(service_date, t0).items()
        if day in history.service_dates and since < END_MINUTE
    ]
    passings = without_duplicates(pl.concat([known, *others]))
    observed = last_logged_minutes(passings) | {service_date: SCORED_DAY_MINS}
    attributes = dict(history.grid.attrs)
    dates, cap_mins = history.service_dates, attributes["cap_mins"]
    return build_history(passings, history.line, history.timetable, dates, observed, attributes, cap_mins)


def _random_passings(line: Line, day: date, since: float, random: np.random.Generator) -> pl.DataFrame:
    platforms = line.platforms()
    chosen = platforms[random.integers(0, platforms.height, RANDOM_PASSINGS)]
    minutes = since + (END_MINUTE - since) * random.random(RANDOM_PASSINGS) ** CROWDING
    trains = random.integers(-1, RANDOM_TRAINS, RANDOM_PASSINGS)
    columns = {
        "service_date": pl.repeat(day, RANDOM_PASSINGS, eager=True),
        "direction": chosen["direction"],
        "station": chosen["station"],
        "minute": minutes,
        "trip_id": [f"random {number}" if number >= 0 else "" for number in trains.tolist()],
    }
    return pl.DataFrame(columns).select(pl.col(name).cast(kind) for name, kind in PASSING_COLUMNS.items())
