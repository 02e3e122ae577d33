"""Rollout: autoregressive forecasts beyond the leads of the network, to 60 minutes.

From origin t0 the prior's expected passings up to t0 + 15 are added to the observed ones, and the network's forecast
headways replace observed headways in its input. From this state the network forecasts the next 15 minutes, and so on.
Errors accumulate, so mean and quantiles are calibrated lead by lead on validation days: the mean is shrunk towards the
typical headway as far as that lowers its squared error, and interval widths never narrow with the lead.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import ClassVar, Self

import numpy as np
import polars as pl

from headway_prediction.config import middle_index
from headway_prediction.data_loader import HEADWAY, VALID
from headway_prediction.forecasters.base import FALLBACK_HEADWAY_MINS, Forecast, held_values
from headway_prediction.forecasters.baselines import by_minute
from headway_prediction.forecasters.calibration import Calibration, ValidationCells
from headway_prediction.forecasters.physics.expected_trains import DirectionDay
from headway_prediction.forecasters.physics.prior import PhysicsPrior
from headway_prediction.forecasters.st_convnet import PriorSource, STConvNetForecaster, forecast_of
from headway_prediction.grid.headway_grid import outages_known_at
from headway_prediction.grid.history import ForecastOrigin, LineHistory, build_history
from headway_prediction.grid.passings import PASSING_COLUMNS, without_duplicates
from headway_prediction.nn.prior_channels import ARRIVES_IN
from headway_prediction.transit.clock import SCORED_DAY_MINS

MINS = 60
NEIGHBOUR_LEADS = 4
MIN_SPREAD_SHARE = 0.2
"""Beyond the first block, quantiles move away from the middle one by this share of the typical headway."""


@dataclass(frozen=True)
class RolloutCalibration:
    """`mean_weight` (leads,): weight of the forecast in the mean, against the typical headway; `intervals` of all leads."""

    mean_weight: np.ndarray
    intervals: Calibration

    @classmethod
    def fit(cls, levels: tuple[float, ...], leads: int, cells: ValidationCells) -> Self:
        """Fit on validation cells; the weight of a lead without cells is 1."""
        mean_weight = np.array([_mean_weight(cells, cells.lead == lead) for lead in range(1, leads + 1)])
        return cls(mean_weight, Calibration.fit(levels, leads, cells, NEIGHBOUR_LEADS).monotone(cells))

    def state(self) -> dict[str, np.ndarray]:
        """Return the fitted arrays."""
        return {"mean_weight": self.mean_weight} | self.intervals.state()

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray]) -> Self:
        """Rebuild what `state` returned."""
        return cls(state["mean_weight"], Calibration.from_state(state))


def _mean_weight(cells: ValidationCells, at: np.ndarray) -> float:
    """The weight of the forecast, against the typical headway, that minimises the squared error."""
    deviation = (cells.mean - cells.typical)[at]
    total = np.sum(deviation**2)
    if not total:
        return 1.0
    return float(np.clip(np.sum(deviation * (cells.truth - cells.typical)[at]) / total, 0, 1))


@dataclass(frozen=True)
class Rollout:
    """Autoregressive forecasts of `method` to `mins` minutes; without `calibration`, mean and quantiles stay
    uncalibrated."""

    method: STConvNetForecaster
    calibration: RolloutCalibration | None = None
    mins: int = MINS
    name: ClassVar[str] = "st-convnet-60"

    def forecast(self, history: LineHistory, service_date: date, origins: np.ndarray) -> Forecast:
        """Forecast leads 1 to `mins` from each origin."""
        return self.forecast_each(
            [ForecastRequest(self.method.prior, history, service_date, np.asarray(origins))]
        )[0]

    def forecast_each(self, requests: Sequence["ForecastRequest"]) -> list[Forecast]:
        """Forecast several histories in joint batches: each result equals that of `forecast` with the prior of its
        request."""
        methods = [replace(self.method, prior=one.prior) for one in requests]
        inputs = [
            method.inputs(one.history, one.service_date, one.origins)
            for method, one in zip(methods, requests, strict=True)
        ]
        splits = np.cumsum([len(one.origins) for one in requests])[:-1]
        parts = [np.split(part, splits) for part in self._blocks(methods, requests, inputs)]
        arrives_in = [part[2][..., ARRIVES_IN] for part in inputs]
        rows = zip(methods, requests, *parts, arrives_in, strict=True)
        return [replace(self, method=method)._calibrated(*row) for method, *row in rows]

    def _calibrated(
        self, one: "ForecastRequest", mean: np.ndarray, quantiles: np.ndarray, arrives_in: np.ndarray
    ) -> Forecast:
        """Return the calibrated forecast of one request from the networks' outputs of all leads."""
        typical = typical_headways(self.method, one.history, one.service_date, one.origins, self.mins)
        quantiles = self._spread(quantiles, typical)
        if self.calibration is not None:
            mean_weight = self.calibration.mean_weight[None, : self.mins, None, None]
            mean = mean_weight * mean + (1 - mean_weight) * typical
            held = held_values(one.history, one.service_date, one.origins)
            quantiles = self.calibration.intervals.apply(quantiles, held, arrives_in)
        cap_mins = one.history.grid.attrs["cap_mins"]
        levels = self.method.config.quantiles
        return forecast_of(one.service_date, one.origins, mean, quantiles, levels, cap_mins)

    def _spread(self, quantiles: np.ndarray, typical: np.ndarray) -> np.ndarray:
        spread = MIN_SPREAD_SHARE * typical
        spread[:, : self.method.config.forecast_mins] = 0.0
        levels = np.asarray(self.method.config.quantiles)
        sides = np.sign(levels - levels[middle_index(self.method.config.quantiles)])
        widened: np.ndarray = quantiles + sides * spread[..., None]
        return widened

    def _blocks(
        self,
        methods: Sequence[STConvNetForecaster],
        requests: Sequence["ForecastRequest"],
        inputs: Sequence[tuple[np.ndarray, ...]],
    ) -> tuple[np.ndarray, np.ndarray]:
        """Mean and quantiles of all leads, the origins of all requests concatenated."""
        origins = [
            (method, one, int(t0))
            for method, one in zip(methods, requests, strict=True)
            for t0 in one.origins
        ]
        means: list[np.ndarray] = []
        quantiles: list[np.ndarray] = []
        for first_lead in range(0, self.mins, self.method.config.forecast_mins):
            if first_lead:
                rolled_out = np.concatenate(means, axis=1)
                inputs = [
                    _inputs_after(method, one, t0, rolled_out[place], first_lead)
                    for place, (method, one, t0) in enumerate(origins)
                ]
            mean, block = self.method.outputs(
                tuple(np.concatenate(parts) for parts in zip(*inputs, strict=True))
            )
            means.append(mean)
            quantiles.append(block)
        cut = slice(self.mins)
        return np.concatenate(means, axis=1)[:, cut], np.concatenate(quantiles, axis=1)[:, cut]


@dataclass(frozen=True)
class ForecastRequest:
    """Origins of a service date in a history, and the prior to forecast them with."""

    prior: PriorSource
    history: LineHistory
    service_date: date
    origins: np.ndarray


def _inputs_after(
    method: STConvNetForecaster, one: ForecastRequest, t0: int, forecast: np.ndarray, mins: int
) -> tuple[np.ndarray, ...]:
    """Inputs at t0 + `mins`, with trains as expected and headways (leads, stations, directions) as forecast."""
    until = min(t0 + mins, SCORED_DAY_MINS - 1)
    origin = ForecastOrigin(one.history, one.service_date, t0)
    fitted = method.prior.fitted(origin)
    ahead = expected_history(fitted.physics, origin, until)
    # The prior stays as fitted at t0: expected passings must not be fitted on.
    then = replace(method, prior=fitted)
    headway_in, schedule_in, prior_in = then.inputs(ahead, one.service_date, np.array([until]))
    window = headway_in.shape[1]
    rolled_out = np.clip(forecast[: until - t0] / method.config.scaler, 0.0, 1.0)[-window:]
    known = headway_in[0, window - len(rolled_out) :, ..., VALID] > 0
    headway_in[0, window - len(rolled_out) :, ..., HEADWAY] = np.where(known, rolled_out, 0.0)
    return headway_in, schedule_in, prior_in


def typical_headways(
    method: STConvNetForecaster, history: LineHistory, service_date: date, origins: np.ndarray, leads: int
) -> np.ndarray:
    """Return typical headways at each valid time, interpolated between half-hours, 10 minutes where unknown: (origins,
    leads, stations, directions)."""
    valid_times = np.minimum(origins[:, None] + np.arange(1, leads + 1), SCORED_DAY_MINS - 1)
    rows = []
    for t0, minutes in zip(origins, valid_times, strict=True):
        origin = ForecastOrigin(history, service_date, int(t0))
        typical = by_minute(method.prior.fitted(origin).physics.typical_headways(service_date))[minutes]
        rows.append(np.where(np.isfinite(typical), typical, FALLBACK_HEADWAY_MINS))
    return np.stack(rows)


def expected_history(prior: PhysicsPrior, origin: ForecastOrigin, until: int) -> LineHistory:
    """Return the service date with every train passing as expected after t0, up to the end of minute `until`."""
    history, service_date, t0 = origin.history, origin.service_date, origin.t0
    known = history.passings_on(service_date).filter(pl.col("minute") < t0 + 1)
    days = prior.direction_days(history, service_date)
    expected = [_expected_passings(day, origin, d, until) for d, day in enumerate(days)]
    passings = without_duplicates(pl.concat([known, *expected]))
    attributes = history.grid.attrs
    return build_history(
        passings, history.line, history.timetable, [service_date], {service_date: until},
        outages_known_at(attributes, service_date, t0), attributes["cap_mins"],
    )  # fmt: skip


def _expected_passings(day: DirectionDay, origin: ForecastOrigin, direction: int, until: int) -> pl.DataFrame:
    t0 = origin.t0
    expected = day.expected(t0, until - t0)
    train, position = np.nonzero((expected.minutes >= t0 + 1) & (expected.minutes < until + 1))
    stations = np.array(origin.line.travel_order(direction))
    columns = {
        "service_date": [origin.service_date] * len(train),
        "direction": np.full(len(train), direction),
        "station": stations[position],
        "minute": expected.minutes[train, position],
        "trip_id": day.trip_ids(expected)[train],
    }
    return pl.DataFrame(columns, schema_overrides=PASSING_COLUMNS).select(
        pl.col(name).cast(kind) for name, kind in PASSING_COLUMNS.items()
    )
