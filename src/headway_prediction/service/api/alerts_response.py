"""Expected gaps and bunched trains, and how good the forecasts have been, as the API says them."""

import numpy as np

from headway_prediction.forecasters.serialization import end, moment, numbers
from headway_prediction.service.api.forecast_response import status_body
from headway_prediction.service.api.line_response import towards_name
from headway_prediction.service.live.published import (
    Alert,
    AlertKind,
    LineForecast,
    LineState,
    LiveScores,
    MethodScore,
)
from headway_prediction.transit.clock import local_datetime
from headway_prediction.transit.line import Line


def alerts_body(published: LineForecast, line: Line) -> dict[str, object]:
    """Return what a dispatcher is warned of, the most urgent first."""
    state = published.state
    return {
        "time": end(state.service_date, state.t0, line),
        "status": status_body(published.status),
        "alerts": [_warning(alert, state, line) for alert in published.alerts],
    }


def _warning(alert: Alert, state: LineState, line: Line) -> dict[str, object]:
    when = moment(state.service_date, alert.minute, line)
    in_mins = alert.minute - (state.t0 + 1)
    return {
        "kind": alert.kind.value,
        "direction_id": alert.direction,
        "station": alert.station,
        "stop_id": line.stop_ids(alert.direction)[alert.station],
        "stop_name": line.stations[alert.station].name,
        "time": when,
        "in_mins": numbers(in_mins),
        "headway_mins": numbers(alert.headway_mins),
        "typical_mins": numbers(alert.typical_mins),
        "probability": numbers(alert.probability),
        "text": _text(alert, when, in_mins, line),
    }


def _text(alert: Alert, when: str, in_mins: float, line: Line) -> str:
    what = "Gap" if alert.kind is AlertKind.GAP else "Bunched trains"
    return (
        f"{what} at {line.stations[alert.station].name} towards {towards_name(line, alert.direction)}: "
        f"{alert.headway_mins:.0f} min instead of {alert.typical_mins:.0f}, at {when[11:16]} "
        f"(in {in_mins:.0f} min), {alert.probability:.0%} sure"
    )


def scores_body(scores: LiveScores | None, line: Line) -> dict[str, object]:
    """Return the errors of the forecasts really issued; no methods before the first truth is known."""
    if scores is None:
        return {"since": None, "until": None, "coverage": None, "behind": None, "methods": []}
    since, until = (
        local_datetime(at, line.time_zone).isoformat(timespec="seconds")
        for at in (scores.since_at, scores.until_at)
    )
    return {
        "since": since,
        "until": until,
        "coverage": numbers(scores.coverage, 3),
        "behind": scores.better_method,
        "methods": [_method(score) for score in scores.methods],
    }


def _method(score: MethodScore) -> dict[str, object]:
    cells = np.asarray(score.cells)
    total = int(cells.sum())
    mae = float(np.nansum(cells * score.mae) / total) if total else np.nan
    rmse = float(np.sqrt(np.nansum(cells * np.square(score.rmse)) / total)) if total else np.nan
    by_lead = [
        {"lead_min": lead, "cells": int(count), "mae": numbers(a, 3), "rmse": numbers(r, 3)}
        for lead, (count, a, r) in enumerate(zip(cells, score.mae, score.rmse, strict=True), start=1)
    ]
    head = {"method": score.method, "cells": total, "mae": numbers(mae, 3), "rmse": numbers(rmse, 3)}
    return head | {"by_lead": by_lead}
