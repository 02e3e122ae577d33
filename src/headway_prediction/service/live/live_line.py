"""The line now: a log up to a moment -> its history, and the last hour of it as page and API show it."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from types import MappingProxyType

import numpy as np
import polars as pl

from headway_prediction.bundle.bundle import Bundle
from headway_prediction.bundle.forecast import check_same_line, history_at
from headway_prediction.evaluation.truth import TypicalHeadway
from headway_prediction.forecasters.physics.prior import PhysicsPrior
from headway_prediction.forecasters.trip_propagation import TripPropagation
from headway_prediction.grid.history import LineHistory
from headway_prediction.grid.passings import PASSING_COLUMNS, passings_on_line
from headway_prediction.service.live.published import LineState
from headway_prediction.service.live.train_paths import train_paths
from headway_prediction.transit.clock import service_date_and_minute

PAST_MINS = 180
"""What a station shows; a service day's first published minute is 03:00, so that there are as many before it."""
TRAINS_PAST_MINS = 60
MISSING_TRAINS_MINS = 90
"""More than the longest headway that counts: a line without trains for as long, when it usually has some, is not seen."""


def origin_at(at: float, zone_name: str) -> tuple[date, int]:
    """Return the service date, and its last minute that is over, of a moment in epoch seconds."""
    service_date, minute = service_date_and_minute(datetime.fromtimestamp(at, UTC), zone_name)
    return service_date, int(np.floor(minute)) - 1


def live_history(
    bundle: Bundle,
    log: pl.DataFrame,
    service_date: date,
    t0: int,
    attributes: Mapping[str, object] = MappingProxyType({}),
) -> LineHistory:
    """Return the line as known at the end of minute `t0` of a service date, from a tidy log that may hold more, or nothing.

    Passings at stops that are no part of the line are left out, see `unknown_stops`. Raises HeadwayError for a log of
    another line or with misdated times, as `passings_on_line` does.
    """
    check_same_line(log, bundle.line)
    own = log.filter(pl.col("service_date") == service_date)
    own = own.join(bundle.line.stops(), on=["direction_id", "stop_id"], how="semi")
    passings = (
        pl.DataFrame(schema=PASSING_COLUMNS) if own.is_empty() else passings_on_line(own, bundle.line)[0]
    )
    return history_at(bundle, passings, service_date, t0, attributes)


def unknown_stops(bundle: Bundle, log: pl.DataFrame) -> list[str]:
    """Return the stop ids of a log that the line neither has nor leaves out on purpose, sorted."""
    strangers = log.join(bundle.line.stops(), on=["direction_id", "stop_id"], how="anti")["stop_id"]
    return sorted(set(strangers.to_list()) - bundle.line.excluded)


def prior_of(bundle: Bundle) -> PhysicsPrior:
    """Return what the bundle knows of trips and usual headways."""
    return bundle.simple_methods[TripPropagation.name].prior


def typical_headways(bundle: Bundle, history: LineHistory, service_date: date) -> np.ndarray:
    """Return the usual headway of every minute of a service date, the planned one where none is known, in minutes, NaN where
    there is neither: (1620, stations, directions)."""
    return TypicalHeadway(prior_of(bundle).medians).on(history, service_date)


def line_state(
    bundle: Bundle, history: LineHistory, log: pl.DataFrame, service_date: date, t0: int
) -> LineState:
    """Return the hours up to `t0`, and the trains: where they passed in the last one, and where they are expected.

    `log` names the trains of `history`, which holds their keys alone.
    """
    minutes = np.arange(t0 + 1 - PAST_MINS, t0 + 1)
    day = history.day(service_date).isel(time=minutes)
    valid = day["valid"].values
    return LineState(
        service_date=service_date,
        t0=t0,
        minutes=minutes,
        headway=np.where(valid, day["headway"].values, np.nan),
        elapsed=np.where(valid, day["elapsed"].values, np.nan),
        arrived=day["arrived"].values & valid,
        typical=typical_headways(bundle, history, service_date)[t0],
        trains=train_paths(bundle.fitted_prior, history, log, service_date, t0, TRAINS_PAST_MINS),
    )


def is_missing_trains(bundle: Bundle, state: LineState) -> bool:
    """Tell whether no train of the line was seen for UNSEEN_MINS in which most platforms usually have some."""
    half_hours = np.unique(np.arange(max(0, state.t0 - MISSING_TRAINS_MINS), state.t0 + 1) // 30)
    typical = prior_of(bundle).typical_headways(state.service_date)[half_hours]
    served = np.isfinite(typical).all(axis=0)
    return bool(served.mean() > 0.5) and not state.arrived[-MISSING_TRAINS_MINS:].any()
