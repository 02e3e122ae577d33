"""Learning again from what the service has seen, and going back: a new bundle takes over only where it is better."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

from headway_prediction import __version__
from headway_prediction.bundle.bundle import Bundle
from headway_prediction.errors import HeadwayError
from headway_prediction.evaluation.backtest import backtest
from headway_prediction.evaluation.compare import score_methods
from headway_prediction.files import atomic_path
from headway_prediction.forecasters.registry import EXTRA_METHODS
from headway_prediction.forecasters.st_convnet import STConvNetForecaster
from headway_prediction.grid.history import LineHistory, history_from_log
from headway_prediction.service.live.silences import FeedOutages
from headway_prediction.service.store import Store
from headway_prediction.transit.clock import service_date_and_minute
from headway_prediction.transit.timetable import Timetable

MIN_TEST_DAYS = 1
FORMER, NEW = "the former bundle", "the new one"


@dataclass(frozen=True)
class RetrainResult:
    """How both bundles forecast `test_dates`, which neither was trained on: MAE of the network in minutes."""

    test_dates: tuple[date, ...]
    previous_mae: float
    new_mae: float

    @property
    def replaced(self) -> bool:
        """Whether the new bundle lies in the place of the former one now."""
        return self.new_mae < self.previous_mae


def retrain(
    store: Store,
    path: Path,
    timetable: Timetable | None = None,
    changes: Mapping[str, object] | None = None,
    quiet: bool = False,
) -> RetrainResult:
    """Train a bundle like the one at `path` on all whole service dates in the store; put it there if it is better.

    The newest test days of the bundle's settings (at least one) are held back for the comparison. `timetable` takes the
    place of the bundle's own plan; `changes` are settings to change. The former bundle is kept, see `previous_path`. A run
    that was killed goes on. Raises HeadwayError for too few days, or days that the former bundle was trained on.
    """
    from headway_prediction.training.train_line import train_line

    previous = Bundle.load_single_line(path)
    history = stored_history(store, previous, timetable)
    test_days = max(previous.config.test_days, MIN_TEST_DAYS)
    config = replace(previous.config, **{"test_days": test_days} | dict(changes or {}))
    test_dates = previous.select_test_dates(history, history.service_dates[-config.test_days :])
    extra = [method for name, method in EXTRA_METHODS.items() if name in previous.simple_methods]
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
            made.service_date: made
            for made in backtest(history, bundle.method(STConvNetForecaster.name), test_dates)
        }
        for name, bundle in ((FORMER, previous), (NEW, new))
    }
    table = score_methods(history, test_dates, forecasts).table()
    return RetrainResult(tuple(test_dates), table[FORMER]["mae"], table[NEW]["mae"])


def previous_path(path: Path) -> Path:
    """Return where the bundle lies that the one at `path` has taken over from."""
    return path.with_name(f"{path.name}.former")


def restore_previous(path: Path) -> None:
    """Put the former bundle in its place again, and keep the present one as the former.

    Raises HeadwayError where there is none, or where it is not sound.
    """
    previous = previous_path(path)
    Bundle.load_single_line(previous)
    aside = path.with_name(f"{path.name}.aside")
    _copy(path, aside)
    _copy(previous, path)
    _copy(aside, previous)
    shutil.rmtree(aside)


def stored_history(store: Store, bundle: Bundle, timetable: Timetable | None) -> LineHistory:
    """Return the history of the service dates in the store that are over, no headway spanning a silence of the feed.

    Raises HeadwayError where there is none.
    """
    line = bundle.line
    newest = store.newest_poll_at(line.line_id)
    today = (
        date.min
        if newest is None
        else service_date_and_minute(datetime.fromtimestamp(newest, UTC), line.time_zone)[0]
    )
    dates = [day for day in store.service_dates(line.line_id) if day < today]
    if not dates:
        raise HeadwayError(
            f"the store holds no whole service date of {line.line_id}",
            "some weeks of them",
            "let `headway serve` run, or name its store with --store",
        )
    logs = [store.log(line.line_id, day).with_columns(line_id=pl.lit(line.line_id)) for day in dates]
    own = pl.concat(logs).join(line.stops(), on=["direction_id", "stop_id"], how="semi")
    provenance = {
        "code_version": __version__,
        "sources": [f"what was served live, {dates[0]} to {dates[-1]}"],
    }
    outages = _outages(store, line.line_id, newest, line.time_zone)
    plan = bundle.timetable if timetable is None else timetable
    return history_from_log(own, line, plan, provenance, bundle.cap_mins, outages)


def _outages(store: Store, line_id: str, until: float, zone_name: str) -> pl.DataFrame:
    silences = FeedOutages(retention_secs=float("inf"))
    for content_at in store.content_times(line_id, 0.0):
        silences.record(content_at)
    return silences.outages(until, zone_name)


def _copy(source: Path, target: Path) -> None:
    with atomic_path(target) as fresh:
        shutil.copytree(source, fresh)
