"""Every method scored on the same rows, and what follows from it: table, slices, differences, JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from itertools import combinations

import numpy as np
import xarray as xr

from headway_prediction.errors import HeadwayError
from headway_prediction.evaluation.metrics import metrics, summary_metrics
from headway_prediction.evaluation.scores import Sums, day_sums, total
from headway_prediction.evaluation.significance import Difference, bootstrap_over_days
from headway_prediction.evaluation.truth import Truth, day_truth, scored_origins
from headway_prediction.forecasters.base import Forecast
from headway_prediction.grid.history import LineHistory
from headway_prediction.line import Line

Forecasts = Mapping[str, Mapping[date, Forecast]]
SLICE_METRICS = ("mae", "rmse", "ev_mae", "ev_rmse", "coverage", "ev_coverage")


@dataclass(frozen=True)
class Scores:
    """The sums of every method and service date, with the dims method and service_date before those of `scores.Sums`.

    `windows` counts the scored origins of all service dates together.
    """

    line: Line
    windows: int
    sums: Sums

    @property
    def methods(self) -> list[str]:
        """Names of the methods, in the order they were given."""
        return self.sums.by_lead["method"].values.tolist()

    @property
    def service_dates(self) -> list[date]:
        """The scored service dates."""
        return self.sums.by_lead["service_date"].values.astype("datetime64[D]").tolist()

    @property
    def cells(self) -> dict[str, int]:
        """Number of scored cells: `valid` in all, and `event` cells among them."""
        counts = total(self.sums.by_lead.sel(statistic="count").isel(method=0), "service_date", "lead")
        return dict(
            zip(counts["population"].values.tolist(), counts.values.astype(int).tolist(), strict=True)
        )

    def table(self) -> dict[str, dict[str, float]]:
        """Return every metric of `summary_metrics` by method and name."""
        summary = summary_metrics(total(self.sums.by_lead, "service_date"))
        columns = {str(name): values.values.tolist() for name, values in summary.data_vars.items()}
        return {
            method: {name: values[number] for name, values in columns.items()}
            for number, method in enumerate(self.methods)
        }

    def by_lead(self) -> xr.Dataset:
        """Return the metrics with the dims method, lead."""
        return metrics(total(self.sums.by_lead, "service_date"))

    def by_platform(self) -> xr.Dataset:
        """Return the metrics with the dims method, station, direction."""
        return metrics(total(self.sums.by_platform, "service_date"))

    def by_direction(self) -> xr.Dataset:
        """Return the metrics with the dims method, direction."""
        return metrics(total(self.sums.by_platform, "service_date", "station"))

    def by_hour(self) -> xr.Dataset:
        """Return the metrics with the dims method, hour (of the service day, of valid_time)."""
        return metrics(total(self.sums.by_hour, "service_date"))

    def by_date(self) -> xr.Dataset:
        """Return the metrics with the dims method, service_date."""
        return metrics(total(self.sums.by_lead, "lead"))

    def difference(self, method: str, other: str, seed: int = 0) -> Difference:
        """Return by how much the MAE of `method` exceeds that of `other`, bootstrapped over service days."""
        daily = total(self.sums.by_lead.sel(population="valid"), "lead")
        errors = daily.sel(statistic="absolute_error")
        counts = daily.sel({"statistic": "count", "method": method}).values
        return bootstrap_over_days(
            errors.sel({"method": method}).values, errors.sel({"method": other}).values, counts, seed
        )

    def to_json(self) -> str:
        """Return everything as JSON text; a number that does not exist is null."""
        slices = {
            "by_lead": self.by_lead(),
            "by_station_and_direction": self.by_platform(),
            "by_direction": self.by_direction(),
            "by_hour": self.by_hour(),
            "by_service_date": self.by_date(),
        }
        pairs = combinations(self.methods, 2)
        content = {
            "line_id": self.line.line_id,
            "stations": self.line.station_names,
            "service_dates": [day.isoformat() for day in self.service_dates],
            "windows": self.windows,
            "cells": self.cells,
            "methods": self.table(),
            "mae_differences": [{"method": a, "other": b, **asdict(self.difference(a, b))} for a, b in pairs],
            **{name: _plain(values) for name, values in slices.items()},
        }
        return json.dumps(_without_nan(content), indent=1)


def score_methods(history: LineHistory, service_dates: Sequence[date], forecasts: Forecasts) -> Scores:
    """Score every method's forecasts of `service_dates` on the scored origins of these, missing ones as 10 minutes.

    Service dates without scored origins are left out. Raises HeadwayError when none is left, when there is no method, or
    when a method forecasts none of the scored origins.
    """
    truths = [
        day_truth(history, day, origins)
        for day in service_dates
        if len(origins := scored_origins(history, day))
    ]
    _refuse_nothing(truths, service_dates, forecasts)
    scored = {method: _method_sums(truths, by_date) for method, by_date in forecasts.items()}
    methods = xr.DataArray(list(scored), dims="method", name="method")
    joined = {
        name: xr.concat([getattr(sums, name) for sums in scored.values()], methods)
        for name in ("by_lead", "by_platform", "by_hour")
    }
    return Scores(history.line, sum(len(truth.origins) for truth in truths), Sums(**joined))


def _method_sums(truths: Sequence[Truth], by_date: Mapping[date, Forecast]) -> Sums:
    levels = {level for forecast in by_date.values() for level in forecast.quantiles}
    days = [day_sums(truth, by_date.get(truth.service_date), levels) for truth in truths]
    dates = np.array([truth.service_date for truth in truths], dtype="datetime64[s]")
    along = xr.DataArray(dates, dims="service_date", name="service_date")
    return Sums(
        *(
            xr.concat([getattr(day, name) for day in days], along)
            for name in ("by_lead", "by_platform", "by_hour")
        )
    )


def _refuse_nothing(truths: Sequence[Truth], service_dates: Sequence[date], forecasts: Forecasts) -> None:
    if not forecasts:
        raise HeadwayError(
            "there are no forecasts", "those of at least one method", "make some with `headway backtest`"
        )
    if not truths:
        raise HeadwayError(
            f"none of the {len(service_dates)} service dates has a minute from which forecasts are scored",
            "a date on which most of the line runs for an hour or more",
            "choose other dates",
        )
    for method, by_date in forecasts.items():
        if not any(_covers(by_date.get(truth.service_date), truth) for truth in truths):
            first, last = truths[0].service_date, truths[-1].service_date
            raise HeadwayError(
                f"{method} forecasts no scored minute of {first} to {last}",
                "forecasts of the dates that are scored",
                "make them with `headway backtest` on the same grid",
            )


def _covers(forecast: Forecast | None, truth: Truth) -> bool:
    return forecast is not None and bool(np.isin(truth.origins, forecast.origins).any())


def _plain(values: xr.Dataset) -> dict:
    """The bins' labels, and {metric: {method: nested list over the bins}}."""
    bins = [str(name) for name in values.dims if name != "method"]
    cells = {name: values[name].transpose("method", *bins).values.tolist() for name in SLICE_METRICS}
    methods = values["method"].values.tolist()
    by_metric = {name: dict(zip(methods, by_method, strict=True)) for name, by_method in cells.items()}
    return {"bins": {name: _labels(values[name].values) for name in bins}, **by_metric}


def _labels(values: np.ndarray) -> list:
    dates = np.issubdtype(values.dtype, np.datetime64)
    return np.datetime_as_string(values, "D").tolist() if dates else values.tolist()


def _without_nan(value):
    if isinstance(value, dict):
        return {name: _without_nan(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_without_nan(part) for part in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
