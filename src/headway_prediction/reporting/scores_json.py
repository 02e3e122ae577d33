"""All scores as JSON, for other programs."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from itertools import combinations
from typing import Any

import numpy as np
import xarray as xr

from headway_prediction.evaluation.compare import COMPARED_METRICS, Scores
from headway_prediction.evaluation.detection import THRESHOLDS
from headway_prediction.evaluation.metrics import coverage_checks

SLICE_METRICS = ("mae", "rmse", "ev_mae", "ev_rmse", "coverage", "ev_coverage")


def scores_json(scores: Scores) -> str:
    """Return all scores as JSON text; NaN becomes null."""
    slices = {
        "by_lead": scores.by_lead(),
        "by_station_and_direction": scores.by_platform(),
        "by_direction": scores.by_direction(),
        "by_hour": scores.by_hour(),
        "by_condition": scores.by_condition(),
        "by_condition_and_lead": scores.by_condition_and_lead(),
        "by_service_date": scores.by_date(),
    }
    table = scores.table()
    content = {
        "line_id": scores.line.line_id,
        "stations": scores.line.station_names,
        "service_dates": [day.isoformat() for day in scores.service_dates],
        "windows": scores.windows,
        "cells": scores.cells,
        "methods": table,
        "coverage_checks": {method: _checks(row) for method, row in table.items()},
        "detection_cells": len(scores.events.truth),
        "detection": {name: scores.detection(name) for name in THRESHOLDS},
        "differences": _differences(scores),
        **{name: _slice(values) for name, values in slices.items()},
    }
    return json.dumps(_without_nan(content), indent=1)


def _differences(scores: Scores) -> list[dict[str, Any]]:
    return [
        {"metric": metric, "method": a, "other": b, **asdict(scores.difference(a, b, metric))}
        for metric in COMPARED_METRICS
        for a, b in combinations(scores.methods, 2)
    ]


def _checks(row: Mapping[str, float]) -> list[dict[str, Any]]:
    return [asdict(check) | {"verdict": check.verdict} for check in coverage_checks(row)]


def _slice(values: xr.Dataset) -> dict[str, Any]:
    """The bins' labels, and {metric: {method: nested list over the bins}}."""
    bins = [str(name) for name in values.dims if name != "method"]
    cells = {name: values[name].transpose("method", *bins).values.tolist() for name in SLICE_METRICS}
    methods = values["method"].values.tolist()
    by_metric = {name: dict(zip(methods, by_method, strict=True)) for name, by_method in cells.items()}
    return {"bins": {name: _labels(values[name].values) for name in bins}, **by_metric}


def _labels(values: np.ndarray) -> list[Any]:
    dates = np.issubdtype(values.dtype, np.datetime64)
    labels: list[Any] = np.datetime_as_string(values, "D").tolist() if dates else values.tolist()
    return labels


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nan(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_without_nan(part) for part in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
