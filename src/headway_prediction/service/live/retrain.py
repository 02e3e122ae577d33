"""Train a served bundle again on the days in the store, and restore the previous bundle."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

from headway_prediction import __version__
from headway_prediction.bundle.bundle import Bundle
from headway_prediction.config import AppConfig
from headway_prediction.errors import HeadwayError
from headway_prediction.evaluation.backtest import backtest
from headway_prediction.evaluation.compare import score_methods
from headway_prediction.files import atomic_path
from headway_prediction.forecasters.registry import EXTRA_METHODS
from headway_prediction.forecasters.st_convnet import STConvNetForecaster
from headway_prediction.grid.history import LineHistory, history_from_log
from headway_prediction.service.live.served_bundle import check_forecast_mins
from headway_prediction.service.live.stale_feed import FeedOutages
from headway_prediction.service.store import Store
from headway_prediction.transit.clock import service_date_and_minute
from headway_prediction.transit.timetable import Timetable

MIN_TEST_DAYS = 1
PREVIOUS, NEW = "previous bundle", "new bundle"


@dataclass(frozen=True)
class RetrainResult:
    """MAE in minutes of both networks on `test_dates`, on which neither was trained."""

    test_dates: tuple[date, ...]
    previous_mae: float
    new_mae: float

    @property
    def replaced(self) -> bool:
        """Whether the new bundle replaced the previous one: whether its MAE is lower."""
        return self.new_mae < self.previous_mae


def retrain(
    store: Store,
    path: Path,
    timetable: Timetable | None = None,
    changes: Mapping[str, object] | None = None,
    quiet: bool = False,
) -> RetrainResult:
    """Train a bundle on all complete service dates in the store; it replaces the one at `path` if it is better.

    Settings are those of the previous bundle with `changes`; `timetable` replaces its plan. The newest `test_days` (at least
    one) are excluded from training and compare the two. The previous bundle is moved to `previous_path`. A killed run is
    resumed. Raises HeadwayError for too few days, test days that the previous bundle was trained on, or forecasts of another
    length than the service publishes.
    """
    from headway_prediction.training.train import train_line

    previous = Bundle.load_single_line(path)
    check_forecast_mins(previous.config.forecast_mins)
    history = stored_history(store, previous, timetable)
    test_days = max(previous.config.test_days, MIN_TEST_DAYS)
    config = AppConfig.from_dict(previous.config.to_dict() | {"test_days": test_days} | dict(changes or {}))
    test_dates = previous.select_test_dates(history, history.service_dates[-config.test_days :])
    extra = [method for name, method in EXTRA_METHODS.items() if name in previous.statistics.methods]
    run_dir = path.with_name(f"{path.name}.retrain.run")
    new = train_line(history, config, run_dir, quiet, extra)
    result = compare(history, previous, new, test_dates)
    if result.replaced:
        _copy(path, previous_path(path))
        new.save(path)
    shutil.rmtree(run_dir, ignore_errors=True)
    return result


def compare(history: LineHistory, previous: Bundle, new: Bundle, test_dates: list[date]) -> RetrainResult:
    """Return the errors of both networks on the same cells of the same days (see evaluation.compare)."""
    forecasts = {
        name: {
            forecast.service_date: forecast
            for forecast in backtest(history, bundle.method(STConvNetForecaster.name), test_dates)
        }
        for name, bundle in ((PREVIOUS, previous), (NEW, new))
    }
    table = score_methods(history, test_dates, forecasts).table()
    return RetrainResult(tuple(test_dates), table[PREVIOUS]["mae"], table[NEW]["mae"])


def previous_path(path: Path) -> Path:
    """Return the folder of the bundle that the one at `path` replaced."""
    return path.with_name(f"{path.name}.previous")


def restore_previous(path: Path) -> None:
    """Exchange the bundle at `path` and the previous one.

    Raises HeadwayError where there is no previous one, or it is damaged.
    """
    previous = previous_path(path)
    Bundle.load_single_line(previous)
    temporary = path.with_name(f"{path.name}.exchange")
    _copy(path, temporary)
    _copy(previous, path)
    _copy(temporary, previous)
    shutil.rmtree(temporary)


def stored_history(store: Store, bundle: Bundle, timetable: Timetable | None) -> LineHistory:
    """Return the history of the complete service dates in the store; no headway spans an outage of the feed.

    Raises HeadwayError where there is none.
    """
    line = bundle.line
    newest = store.newest_poll_at(line.line_id)
    dates: list[date] = []
    if newest is not None:
        today, _ = service_date_and_minute(datetime.fromtimestamp(newest, UTC), line.time_zone)
        dates = [day for day in store.service_dates(line.line_id) if day < today]
    if newest is None or not dates:
        raise HeadwayError(
            f"the store holds no complete service date of {line.line_id}",
            "some weeks of them",
            "let `headway serve` run, or name its store with --store",
        )
    logs = [store.log(line.line_id, day) for day in dates]
    on_line = pl.concat(logs).join(line.stops(), on=["direction_id", "stop_id"], how="semi")
    provenance = {"code_version": __version__, "sources": [f"the live feed, {dates[0]} to {dates[-1]}"]}
    outages = FeedOutages(retention_secs=float("inf"))
    for content_at in store.content_times(line.line_id, 0.0):
        outages.record(content_at)
    plan = bundle.timetable if timetable is None else timetable
    return history_from_log(
        on_line, line, plan, provenance, bundle.cap_mins, outages.table(newest, line.time_zone)
    )


def _copy(source: Path, target: Path) -> None:
    with atomic_path(target) as folder:
        shutil.copytree(source, folder)
