"""Metrics, in minutes, from additive sums (docs/methodology.md), and the limits that coverage must keep.

Metrics have whatever bins the sums have.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from headway_prediction.evaluation.cell_statistics import STATISTICS, total

REPORTED_LEADS = (5, 10, 15)
LEAD_GROUPS = {"1-5": (1, 5), "6-10": (6, 10), "11-15": (11, 15)}
LATE = "11-15"
QUANTILES = {"p10": 0.1, "p50": 0.5, "p90": 0.9}
BY_LEAD_GROUP = (
    "ev_coverage", *(f"{population}at_or_below_{name}" for population in ("", "ev_") for name in QUANTILES),
)  # fmt: skip
AT_EVENTS_ONLY = ("disp", "disp_draws")
EVENT_COVERAGE = (0.78, 0.82)
LEAD_GROUP_COVERAGE = (0.75, 0.85)
VALID_COVERAGE = (0.80, 1.0)
"""Limits of the share of truths in [p10, p90] (docs/methodology.md): at event cells, at event cells of each group of leads,
and over all valid cells, many of which hold a headway that is known beforehand."""


def metrics(sums: xr.DataArray) -> xr.Dataset:
    """Return mae, rmse, r2, missing, coverage, interval_score, pinball_loss and their ev_ twins at event cells.

    at_or_below_p10 (and p50, p90) is the share of cells whose truth is at most that quantile. disp is the standard deviation
    of the forecasts' means at event cells over that of the truth, disp_draws that of draws from the forecast distributions
    (`draw_moments`). `sums` has the dims population and statistic; its other dims remain. A metric of no cells, or of an
    interval that the method does not give, is NaN.
    """
    valid, event = (_population_metrics(sums.sel(population=name)) for name in ("valid", "event"))
    twins = {name if name in AT_EVENTS_ONLY else f"ev_{name}": event[name] for name in event.data_vars}
    return valid.drop_vars(AT_EVENTS_ONLY).assign(twins)


def _population_metrics(sums: xr.DataArray) -> xr.Dataset:
    counts = sums.sel(statistic="count", drop=True)
    means_of = (sums / counts.where(counts > 0)).drop_vars("population", errors="ignore")
    means = {name: means_of.sel(statistic=name, drop=True) for name in STATISTICS}
    truth_spread = _variance(means["truth"], means["truth_squared"])
    forecast_spread = _variance(means["forecast"], means["forecast_squared"])
    draws_spread = _variance(means["draw"], means["draw_squared"])
    return xr.Dataset(
        {
            "mae": means["absolute_error"],
            "rmse": np.sqrt(means["squared_error"]),
            "r2": 1 - _ratio(means["squared_error"], truth_spread),
            "disp": np.sqrt(_ratio(forecast_spread, truth_spread)),
            "disp_draws": np.sqrt(_ratio(draws_spread, truth_spread)),
            "missing": means["missing"],
            "coverage": means["covered"],
            "interval_score": means["interval_score"],
            "pinball_loss": means["pinball_loss"],
            **{f"at_or_below_{name}": means[f"at_or_below_{name}"] for name in QUANTILES},
        }
    )


def _ratio(numerator: xr.DataArray, denominator: xr.DataArray) -> xr.DataArray:
    return numerator / denominator.where(denominator > 0)


def _variance(mean: xr.DataArray, mean_square: xr.DataArray) -> xr.DataArray:
    variance = mean_square - mean**2
    # Sums of equal values leave a rounding error where there is no variance.
    return variance.where(variance > 1e-12 * mean_square, 0.0)


def summary_metrics(by_lead: xr.DataArray) -> xr.Dataset:
    """Return the metrics over all leads, and beside them those of single leads and groups of leads.

    Adds mae@5, rmse@5 (and 10, 15), ev_mae_late (leads 11 to 15), ev_coverage@1-5, at_or_below_p10@1-5 and
    ev_at_or_below_p10@1-5 (and p50, p90, and 6-10, 11-15), and sqrt_ev_r2, where the disp of a calibrated mean belongs (NaN
    for a negative ev_r2).
    """
    overall = metrics(total(by_lead, "lead"))
    single = {lead: metrics(by_lead.sel(lead=lead, drop=True)) for lead in REPORTED_LEADS}
    groups = {
        name: metrics(total(by_lead.sel(lead=slice(*ends)), "lead")) for name, ends in LEAD_GROUPS.items()
    }
    return overall.assign(
        {f"{name}@{lead}": single[lead][name] for name in ("mae", "rmse") for lead in REPORTED_LEADS}
        | {"ev_mae_late": groups[LATE]["ev_mae"]}
        | {f"{name}@{group}": groups[group][name] for name in BY_LEAD_GROUP for group in LEAD_GROUPS}
        | {"sqrt_ev_r2": np.sqrt(overall["ev_r2"].where(overall["ev_r2"] >= 0))}
    )


@dataclass(frozen=True)
class CoverageCheck:
    """A coverage (share of cells) and the limits it must keep, both included."""

    cells: str
    coverage: float
    low: float
    high: float

    @property
    def holds(self) -> bool:
        """Whether the coverage lies within its limits."""
        return bool(self.low <= self.coverage <= self.high)

    @property
    def verdict(self) -> str:
        """What the coverage means for the intervals: holds, too narrow, too wide or unknown."""
        if np.isnan(self.coverage):
            return "unknown"
        if self.holds:
            return "holds"
        return "too narrow" if self.coverage < self.low else "too wide"


def coverage_checks(row: Mapping[str, float]) -> list[CoverageCheck]:
    """Compare one method's row of `Scores.table` with every limit; empty for a method without intervals."""
    if not np.isfinite(row["ev_coverage"]):
        return []
    groups = [
        CoverageCheck(f"event cells, leads {group}", row[f"ev_coverage@{group}"], *LEAD_GROUP_COVERAGE)
        for group in LEAD_GROUPS
    ]
    overall = CoverageCheck("event cells", row["ev_coverage"], *EVENT_COVERAGE)
    return [overall, *groups, CoverageCheck("all valid cells", row["coverage"], *VALID_COVERAGE)]
