"""A service without feed or store: the minutes of a recorded day are put on the board one by one.

    python tests/service_view.py [--bundle BUNDLE --grid GRID] [--secs 5] [--port 8640] [--web DIR]

serves a simulated line, or the last day of a grid with the network of a bundle, a minute every `--secs` seconds.
"""

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread

import numpy as np
import polars as pl

from headway_prediction.cli.simulate import ScenarioName, named_scenario
from headway_prediction.errors import HeadwayError
from headway_prediction.evaluation.truth import TypicalHeadway
from headway_prediction.forecasters.base import Forecast, Forecaster
from headway_prediction.forecasters.physics.prior import PhysicsPrior
from headway_prediction.forecasters.trip_propagation import TripPropagation
from headway_prediction.grid.build import read_line_files
from headway_prediction.grid.history import LineHistory
from headway_prediction.service.live.published import (
    Alert,
    AlertKind,
    Level,
    LineForecast,
    LineState,
    LiveScores,
    MethodScore,
    PublishedForecast,
    Publisher,
    Status,
    TrainPath,
)
from headway_prediction.service.live.view import LineMetrics, ServedLine
from headway_prediction.simulate import write_simulation
from headway_prediction.transit.clock import SCORED_DAY_MINS, instant
from headway_prediction.transit.line import DIRECTIONS
from headway_prediction.what_if.request import Hold
from headway_prediction.what_if.result import WhatIfResult
from headway_prediction.what_if.schema import WhatIfRequest
from helpers.service_what_if import rule_of_thumb

PAST_MINS = 180


@dataclass(frozen=True)
class Departure:
    direction: int
    station: int
    planned: float
    trip: str


class Spread:
    """A point method with quantiles around it, wider with the lead: quick to have, and shaped like the network's."""

    def __init__(self, method: Forecaster) -> None:
        self.method, self.name = method, method.name

    def forecast(self, history: LineHistory, service_date: date, origins: np.ndarray) -> Forecast:
        mean = self.method.forecast(history, service_date, origins).mean
        width = (0.05 + 0.01 * np.arange(mean.shape[1], dtype=np.float32))[:, None, None]
        return Forecast(
            service_date, origins, mean, {0.1: mean * (1 - width), 0.5: mean, 0.9: mean * (1 + width)}
        )


class RecordedView:
    """A ServiceView (and its own store) over one recorded service date; `step` publishes the next minute.

    `late_secs` is how long ago, by its clock, the newest was published.
    """

    def __init__(
        self,
        history: LineHistory,
        served: ServedLine,
        prior: PhysicsPrior,
        methods: tuple[Forecaster, Forecaster],
        first_t0: int = 8 * 60,
    ) -> None:
        self.whole, self.day = history, history.service_dates[-1]
        self.history, self.served, self.prior = history.select([self.day]), served, prior
        self.typical = TypicalHeadway.before(history, [self.day]).on(history, self.day, interpolated=True)
        self.methods, self.next_t0 = methods, first_t0
        self.publisher, self.store = Publisher(), self
        self.published: dict[int, LineForecast] = {}
        self.asked = Counter()
        self.wrong: list[str] = []
        self.late_secs = 0.0

    @property
    def line_id(self) -> str:
        return self.served.line.line_id

    def step(self) -> LineForecast:
        """Publish the next minute."""
        published = self.made(self.next_t0)
        self.published[self.next_t0] = published
        self.next_t0 = self.next_t0 + 1 if self.next_t0 + 61 < SCORED_DAY_MINS else 8 * 60
        self.publisher.publish(self.line_id, published)
        return published

    def made(self, t0: int, status: Status | None = None) -> LineForecast:
        status = status or Status(Level.LIVE, (), 12.0)
        known = self.history.as_of(self.day, t0)
        issued = [self._issued(method, known, t0, status) for method in self.methods]
        state = self._state(known, t0)
        return LineForecast(
            status, self._at(t0), state, *issued, tuple(_warnings(issued[0], state)), self._scores(t0)
        )

    def lines(self) -> Sequence[ServedLine]:
        return [self.served]

    def forecast_at(self, line_id: str, service_date: date, t0: int) -> LineForecast | None:
        self.asked["forecast_at"] += 1
        return self.published.get(t0) if service_date == self.day else None

    def departures(self, line_id: str) -> Sequence[Departure]:
        t0 = self.publisher.latest(line_id)[1].state.t0
        return [d for d in _planned(self.history, self.day) if t0 + 1 <= d.planned < t0 + 61]

    def what_if(self, line_id: str, request: WhatIfRequest) -> WhatIfResult:
        """Compute it by `rule_of_thumb`."""
        published = self.publisher.latest(line_id)[1]
        requested = request.to_request(self.served.line, self.day)
        edits = list(requested.edits)
        if strategy := requested.strategy:
            next_one = next(d for d in self.departures(line_id) if d.direction == strategy.direction)
            edits.append(Hold(strategy.direction, next_one.planned, strategy.mins))
        times = {(d.direction, d.planned) for d in self.departures(line_id)}
        return rule_of_thumb(edits, times, published.hour, self.served.line)

    def service_dates(self, line_id: str) -> list[date]:
        return [self.day] if self.published else []

    def origins(self, line_id: str, service_date: date) -> list[int]:
        return sorted(self.published) if service_date == self.day else []

    def issues(self) -> Sequence[str]:
        return self.wrong

    def metrics(self, line_id: str) -> LineMetrics:
        return LineMetrics(12.0, 0.03, 0.08, 0.2, {"new": 7, "failed": 1})

    def now(self) -> float:
        newest = self.publisher.latest(self.line_id)[1]
        return self._at(self.next_t0) if newest is None else newest.at + self.late_secs

    def _at(self, t0: int) -> float:
        return instant(self.day, t0 + 1, self.served.line.time_zone).timestamp() + 2.0

    def _issued(self, method: Forecaster, known: LineHistory, t0: int, status: Status) -> PublishedForecast:
        forecast = method.forecast(known, self.day, np.array([t0]))
        return PublishedForecast(self.line_id, method.name, self._at(t0), status, forecast)

    def _state(self, known: LineHistory, t0: int) -> LineState:
        minutes = np.arange(max(0, t0 - PAST_MINS + 1), t0 + 1)
        grid = known.day(self.day).isel(time=minutes)
        cells = {name: grid[name].values for name in ("headway", "elapsed", "arrived", "valid")}
        headway, elapsed = (np.where(cells["valid"], cells[n], np.nan) for n in ("headway", "elapsed"))
        trains = tuple(self._trains(known, t0))
        return LineState(
            self.day, t0, minutes, headway, elapsed, cells["arrived"], self.typical[t0 - 59 : t0 + 61], trains
        )

    def _trains(self, known: LineHistory, t0: int) -> Iterator[TrainPath]:
        passings = known.passings_on(self.day).filter(pl.col("minute") > t0 - 60)
        for direction, day in zip(DIRECTIONS, self.prior.direction_days(known, self.day), strict=True):
            stations = known.line.travel_order(direction)
            expected = day.expected(t0, 60)
            coming = {
                trip_id: tuple((stations[p], float(row[p])) for p in np.flatnonzero(np.isfinite(row)))
                for trip_id, row in zip(day.trip_ids(expected).tolist(), expected.minutes, strict=True)
            }
            passed = {
                trip_id: tuple(rows.sort("minute").select("station", "minute").iter_rows())
                for (trip_id,), rows in passings.filter(pl.col("direction") == direction)
                .partition_by("trip_id", as_dict=True)
                .items()
            }
            for trip_id in passed | coming:
                yield TrainPath(trip_id, direction, passed.get(trip_id, ()), coming.get(trip_id, ()))

    def _scores(self, t0: int) -> LiveScores | None:
        truth = self.history.day(self.day)
        headway, valid = truth["headway"].values, truth["valid"].values
        errors = [[] for _ in range(15)]
        for earlier, published in self.published.items():
            for lead in range(1, min(15, t0 - earlier) + 1):
                error = published.forecast.forecast.mean[0, lead - 1] - headway[earlier + lead]
                errors[lead - 1].append(error[valid[earlier + lead]])
        if not any(errors):
            return None
        joined = [np.concatenate(parts) if parts else np.empty(0) for parts in errors]
        cells = np.array([len(part) for part in joined])
        mae = np.array([np.abs(part).mean() if len(part) else np.nan for part in joined])
        rmse = np.array([np.sqrt((part**2).mean()) if len(part) else np.nan for part in joined])
        methods = (
            MethodScore(self.methods[0].name, cells, mae, rmse),
            MethodScore("persistence", cells, mae * 1.5, rmse * 1.6),
        )
        return LiveScores(self._at(min(self.published)), self._at(t0), methods, 0.81, None)


def _warnings(issued: PublishedForecast, state: LineState) -> Iterator[Alert]:
    middle = issued.forecast.quantiles[0.5][0]
    for lead, station, direction in np.argwhere(np.isfinite(middle)):
        headway, typical = float(middle[lead, station, direction]), float(state.typical[station, direction])
        before = middle[lead - 1, station, direction] if lead else state.headway[-1, station, direction]
        if headway != before and (headway > 1.5 * typical or headway < 0.5 * typical):
            kind = AlertKind.GAP if headway > typical else AlertKind.BUNCHED
            minute = float(issued.t0 + 1 + lead)
            yield Alert(kind, int(direction), int(station), minute, headway, typical, 0.9 - 0.03 * lead)


def _planned(history: LineHistory, day: date) -> Iterator[Departure]:
    if history.timetable is None:
        return
    planned = history.timetable.planned_on(day)
    for direction in DIRECTIONS:
        station = history.line.first_station(direction)
        rows = planned.filter((pl.col("direction") == direction) & (pl.col("station") == station))
        for trip_id, minute in rows.select("trip_id", "minute").iter_rows():
            yield Departure(direction, station, minute, trip_id)


def simulated_view(stations: int = 5, steps: int = 0) -> RecordedView:
    """A view of a simulated line after so many steps, forecast by trains that run on: ready in a few seconds."""
    view = RecordedView(*_simulated(stations))
    for _ in range(steps):
        view.step()
    return view


@cache
def _simulated(stations: int) -> tuple[LineHistory, ServedLine, PhysicsPrior, tuple[Forecaster, Forecaster]]:
    scenario = named_scenario(ScenarioName.GARDEN_LINE, stations)
    with TemporaryDirectory() as folder:
        log, schedule = write_simulation(folder, scenario, days=3, seed=1)
        history = read_line_files(log, gtfs=schedule)
    training = history.service_dates[:-1]
    fitted = TripPropagation.fit(history.select(training))
    served = ServedLine(
        history.line, "Garden Line", 30.0, (0.1, 0.5, 0.9), (fitted.name,), tuple(training), "0.1.0"
    )
    return history, served, fitted.prior, (Spread(fitted), Spread(replace(fitted, leads=60)))


def bundle_view(bundle_path: Path, grid_path: Path) -> RecordedView:
    """A view of the last day of a grid, forecast by the network of a bundle."""
    from headway_prediction.bundle.bundle import Bundle
    from headway_prediction.grid.store import read_history

    bundle, history = Bundle.load(bundle_path), read_history(grid_path)
    methods = bundle.method("st-convnet"), bundle.method("st-convnet-60")
    served = ServedLine.of_bundle(bundle, history.line.line_id, "0.1.0")
    return RecordedView(history, served, methods[0].prior.physics, methods)


def main() -> None:
    from headway_prediction.service.api.app import create_app
    from headway_prediction.service.api.server import run
    from headway_prediction.service.api.settings import ApiSettings

    parser = argparse.ArgumentParser()
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--grid", type=Path)
    parser.add_argument("--secs", type=float, default=5.0)
    parser.add_argument("--minutes", type=int, default=20, help="published before it serves")
    parser.add_argument("--port", type=int, default=8640)
    parser.add_argument("--web", type=Path)
    told = parser.parse_args()
    view = bundle_view(told.bundle, told.grid) if told.bundle else simulated_view(14)
    settings = ApiSettings(port=told.port, **({"web": told.web} if told.web else {}))
    for _ in range(told.minutes):
        view.step()
    stop = Event()

    def go_on() -> None:
        while not stop.wait(told.secs):
            view.step()

    Thread(target=go_on, daemon=True).start()
    run(create_app(view, settings), settings)
    stop.set()


if __name__ == "__main__":
    try:
        main()
    except HeadwayError as error:
        raise SystemExit(str(error)) from None
