"""A what-if by a rule of thumb, for tests of what lies around it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

import numpy as np

from headway_prediction.errors import HeadwayError
from headway_prediction.forecasters.serialization import moment, numbers, platform_places
from headway_prediction.service.api.forecast_response import columns_body
from headway_prediction.service.live.published import PublishedForecast
from headway_prediction.transit.clock import service_date_and_minute
from headway_prediction.transit.line import Line


def rule_of_thumb(
    edits: list[dict], planned: set[tuple[int, float]], hour: PublishedForecast, line: Line
) -> Mapping[str, object]:
    """Make headways `mins` longer wherever what is held, moved or added can have arrived: quick, and of the right shape."""
    mean = hour.forecast.mean[0]
    changed, reached, departures = mean.copy(), np.zeros(mean.shape, dtype=bool), []
    for edit in edits:
        direction = edit["direction_id"]
        day, minute = service_date_and_minute(datetime.fromisoformat(edit["departure"]), line.time_zone)
        known = any(d == direction and abs(m - minute) < 0.5 for d, m in planned)
        if day != hour.service_date or not (known or edit["action"] == "add"):
            raise HeadwayError(
                f"no departure is planned at {edit['departure']}", "one of /departures", "take one of these"
            )
        mins = edit.get("mins", 3.0)
        for place, station in enumerate(line.travel_order(direction)):
            first = max(0, int(minute + 2 * place - hour.t0 - 1))
            reached[first:, station, direction] = True
            changed[first : first + 6, station, direction] += mins
        becomes = {"cancel": None, "move": edit.get("to")}.get(
            edit["action"], moment(day, minute + mins, line)
        )
        departures.append(
            {"direction_id": direction, "planned": None, "changed": edit["departure"]}
            if edit["action"] == "add"
            else {"direction_id": direction, "planned": edit["departure"], "changed": becomes}
        )
    forecast = replace(
        hour.forecast,
        mean=changed[None],
        quantiles={level: q + changed - mean for level, q in hour.forecast.quantiles.items()},
    )
    baseline = columns_body(hour, line)
    after = columns_body(replace(hour, forecast=forecast), line)
    stations, directions = platform_places(line)
    waits = [
        _wait(mean[:, s, d], changed[:, s, d]) | {"direction_id": int(d), "station": int(s)}
        for s, d in zip(stations, directions, strict=True)
    ]
    return {
        "time": baseline["time"],
        "edits": edits,
        "baseline": baseline,
        "changed": after,
        "difference": {"headway_mean": numbers((changed - mean)[:, stations, directions].T)},
        "reached": reached[:, stations, directions].T.tolist(),
        "departures": departures,
        "wait": {"line": _wait(mean, changed), "stations": waits},
    }


def _wait(baseline: np.ndarray, changed: np.ndarray) -> dict[str, float]:
    before, after = (float(np.mean(h**2) / (2 * np.mean(h))) for h in (baseline, changed))
    difference = after - before
    return {
        "baseline_mins": round(before, 2),
        "changed_mins": round(after, 2),
        "difference_mins": round(difference, 2),
        "low_mins": round(difference - 0.2, 2),
        "high_mins": round(difference + 0.2, 2),
    }
