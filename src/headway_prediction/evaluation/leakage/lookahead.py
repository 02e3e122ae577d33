"""The canary: a forecast from the whole history beside those from what was known at its origin and from another future.

They are equal bit for bit (PROTOCOL.md, "No peeking"); where one is not, an alarm says which method, date, minute and cell.
`own_oracle` has the canary's other half: each method beside itself with the departures that really happened.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

import numpy as np

from headway_prediction.evaluation.leakage.random_future import with_random_future
from headway_prediction.evaluation.truth import scored_origins
from headway_prediction.forecasters.base import Forecast, Forecaster
from headway_prediction.grid.history import LineHistory
from headway_prediction.transit.clock import instant
from headway_prediction.transit.line import Line

DELETED, REPLACED = "with every later passing deleted", "with another future"


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
    """Return, by method, a sentence on the first cell of its forecasts that what happened later changes.

    `origins` are service-day minutes by service date, such as `spread_origins` gives.
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
                        f"{name} peeks: {_moment(history.line, day, t0)} it forecasts {found} {how}"
                    )
    return {name: alarms[name] for name in methods if name in alarms}


def _other_futures(
    history: LineHistory, day: date, minutes: np.ndarray
) -> Iterator[tuple[int, int, str, LineHistory]]:
    """Yield (its index, the origin, what was done, the history after that) for each origin and each other future."""
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
