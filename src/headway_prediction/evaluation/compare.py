"""Every method scored on the same rows, and what follows from it: table, slices, differences and their significance.

Differences are bootstrapped over service days, not over windows: the windows of one day are alike.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date

import numpy as np
import xarray as xr

from headway_prediction.errors import HeadwayError
from headway_prediction.evaluation.backtest import scored_origins
from headway_prediction.evaluation.cell_statistics import Sums, day_sums, scored_forecast, total
from headway_prediction.evaluation.detection import (
    THRESHOLDS,
    DetectorScores,
    EventCells,
    detection_by_leads,
    event_cells,
)
from headway_prediction.evaluation.metrics import metrics, summary_metrics
from headway_prediction.evaluation.truth import Truth, TypicalHeadway, day_truth
from headway_prediction.forecasters.base import Forecast
from headway_prediction.grid.history import LineHistory
from headway_prediction.transit.line import Line

RESAMPLES = 10_000

Forecasts = Mapping[str, Mapping[date, Forecast]]
COMPARED_METRICS: dict[str, tuple[str, str, Callable[[np.ndarray], np.ndarray]]] = {
    "mae": ("valid", "absolute_error", np.asarray),
    "rmse": ("valid", "squared_error", np.sqrt),
    "ev_mae": ("event", "absolute_error", np.asarray),
}
"""The metrics that methods are compared by: population, statistic, and the function from its mean to the metric."""


@dataclass(frozen=True)
class Difference:
    """A metric of one method minus that of another, in minutes: estimate, 95 % interval, two-sided p-value.

    Interval and p-value are NaN for a single service day: nothing is known of the spread between days.
    """

    estimate: float
    low: float
    high: float
    p_value: float

    @property
    def is_clear(self) -> bool:
        """Whether the interval excludes zero."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Scores:
    """The sums of every method and service date, with the dims method and service_date before those of `Sums`.

    `windows` counts the scored origins of all service dates together; `events` are the event cells of all of them.
    """

    line: Line
    windows: int
    sums: Sums
    events: EventCells

    @property
    def methods(self) -> list[str]:
        """Names of the methods, in the order they were given."""
        names: list[str] = self.sums.by_lead["method"].values.tolist()
        return names

    @property
    def service_dates(self) -> list[date]:
        """The scored service dates."""
        dates: list[date] = self.sums.by_lead["service_date"].values.astype("datetime64[D]").tolist()
        return dates

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

    def by_condition(self) -> xr.Dataset:
        """Return the metrics with the dims method, condition (of the line at the origin, see `irregularity`)."""
        return metrics(total(self.sums.by_condition, "service_date", "lead"))

    def by_condition_and_lead(self) -> xr.Dataset:
        """Return the metrics with the dims method, condition, lead."""
        return metrics(total(self.sums.by_condition, "service_date"))

    def by_date(self) -> xr.Dataset:
        """Return the metrics with the dims method, service_date."""
        return metrics(total(self.sums.by_lead, "lead"))

    def detection(self, kind: str) -> dict[str, dict[str, DetectorScores]]:
        """Return how well `kind` ("bunched" or "gapped") is detected, by group of leads ("all" first) and detector."""
        return detection_by_leads(self.events, THRESHOLDS[kind])

    def difference(self, method: str, other: str, metric: str = "mae", seed: int = 0) -> Difference:
        """Return by how much a metric of COMPARED_METRICS of `method` exceeds that of `other`, bootstrapped."""
        population, statistic, of_mean = COMPARED_METRICS[metric]
        daily = total(self.sums.by_lead.sel(population=population), "lead")
        errors = daily.sel(statistic=statistic)
        counts = daily.sel({"statistic": "count", "method": method}).values
        ours, theirs = (errors.sel({"method": name}).values for name in (method, other))
        return bootstrap_over_days(ours, theirs, counts, seed, of_mean)


def score_methods(history: LineHistory, service_dates: Sequence[date], forecasts: Forecasts) -> Scores:
    """Score every method's forecasts of `service_dates` on the scored origins of these, missing ones as 10 minutes.

    Service dates without scored origins are skipped. Raises HeadwayError when none remains, when there is no method, or
    when a method forecasts none of the scored origins.
    """
    origins = {day: found for day in service_dates if len(found := scored_origins(history, day))}
    typical = TypicalHeadway.before(history, list(origins))
    truths = [day_truth(history, day, found, typical) for day, found in origins.items()]
    _check_inputs(truths, service_dates, forecasts)
    scored = {method: _method_sums(truths, by_date) for method, by_date in forecasts.items()}
    methods = xr.DataArray(list(scored), dims="method", name="method")
    windows = sum(len(truth.origins) for truth in truths)
    medians = {method: _medians(truths, by_date) for method, by_date in forecasts.items()}
    sums = _concatenated(list(scored.values()), methods)
    return Scores(history.line, windows, sums, event_cells(truths, medians))


def _medians(truths: Sequence[Truth], by_date: Mapping[date, Forecast]) -> Iterator[np.ndarray]:
    return (scored_forecast(by_date.get(truth.service_date), truth, {0.5}).quantiles[0.5] for truth in truths)


def _method_sums(truths: Sequence[Truth], by_date: Mapping[date, Forecast]) -> Sums:
    levels = {level for forecast in by_date.values() for level in forecast.quantiles}
    days = [day_sums(truth, by_date.get(truth.service_date), levels) for truth in truths]
    dates = np.array([truth.service_date for truth in truths], dtype="datetime64[s]")
    along = xr.DataArray(dates, dims="service_date", name="service_date")
    return _concatenated(days, along)


def _concatenated(parts: Sequence[Sums], along: xr.DataArray) -> Sums:
    """Concatenate sums along a new dim, binning by binning."""
    names = [field.name for field in fields(Sums)]
    return Sums(*(xr.concat([getattr(part, name) for part in parts], along) for name in names))


def _check_inputs(truths: Sequence[Truth], service_dates: Sequence[date], forecasts: Forecasts) -> None:
    if not forecasts:
        remedy = "make some with `headway backtest`"
        raise HeadwayError("there are no forecasts", "those of at least one method", remedy)
    if not truths:
        found = f"none of the {len(service_dates)} service dates has a minute from which forecasts are scored"
        raise HeadwayError(
            found, "a date on which most of the line runs for an hour or more", "choose other dates"
        )
    for method, by_date in forecasts.items():
        if not any(_covers(by_date.get(truth.service_date), truth) for truth in truths):
            first, last = truths[0].service_date, truths[-1].service_date
            found = f"{method} forecasts no scored minute of {first} to {last}"
            remedy = "make them with `headway backtest` on the same grid"
            raise HeadwayError(found, "forecasts of the dates that are scored", remedy)


def _covers(forecast: Forecast | None, truth: Truth) -> bool:
    return forecast is not None and bool(np.isin(truth.origins, forecast.origins).any())


def bootstrap_over_days(
    errors_a: np.ndarray,
    errors_b: np.ndarray,
    counts: np.ndarray,
    seed: int = 0,
    metric: Callable[[np.ndarray], np.ndarray] = np.asarray,
) -> Difference:
    """Compare two methods scored on the same cells of the same service days.

    `errors_a` and `errors_b` hold the sums of errors and `counts` the cells of each day, shape (days,); `metric` turns a
    mean error into the compared metric: itself for absolute errors, its root for squared ones. Whole days are drawn with
    replacement, 10,000 times, the same for both methods (paired); the interval is the percentile interval (Efron &
    Tibshirani 1993, ch. 13), the p-value twice the smaller share of resamples on either side of zero. It never falls below
    that of a sign test in which every day agrees, 2 / 2^days: resampling a few similar days would claim more than they can
    show.
    """

    def difference(draws: np.ndarray) -> np.ndarray:
        cells = draws @ counts
        return np.asarray(metric(draws @ errors_a / cells) - metric(draws @ errors_b / cells))

    days = len(counts)
    estimate = float(difference(np.ones(days)))
    if days < 2:
        return Difference(estimate, np.nan, np.nan, np.nan)
    drawn = np.random.default_rng(seed).multinomial(days, np.full(days, 1 / days), size=RESAMPLES)
    differences = difference(drawn)
    low, high = np.quantile(differences, (0.025, 0.975))
    one_side = min((differences <= 0).sum(), (differences >= 0).sum())
    p_value = max(2 * (one_side + 1) / (RESAMPLES + 1), 2.0 ** (1 - days))
    return Difference(estimate, float(low), float(high), min(1.0, p_value))
