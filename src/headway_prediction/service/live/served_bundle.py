"""The bundle that is served: loaded and tried before the service starts, and replaced while it runs."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from threading import Event, Lock, Thread

import numpy as np
import polars as pl

from headway_prediction.bundle.bundle import Bundle
from headway_prediction.bundle.files import CHECKSUMS, MANIFEST
from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.logs.arrivals import ARRIVAL_COLUMNS
from headway_prediction.forecasters.base import LEADS
from headway_prediction.forecasters.parquet import QUANTILE_COLUMNS
from headway_prediction.forecasters.rollout import Rollout
from headway_prediction.service.live.background import Issues
from headway_prediction.service.live.line_state import live_origin

WATCH_SECS = 5.0
PART = "bundle"
TRIAL_ORIGIN = date(2026, 1, 13), 600


@dataclass(frozen=True)
class LoadedBundle:
    """A bundle that made a trial forecast, and the version of the program that wrote it."""

    bundle: Bundle
    code_version: str


def load_bundle(path: Path) -> LoadedBundle:
    """Return a bundle of one line, its networks in memory and tried.

    Raises HeadwayError for a damaged folder, a bundle of several lines, one trained on observed departures, or one without
    the quantiles that are published.
    """
    bundle = Bundle.load_single_line(path)
    bundle.check_not_oracle()
    _check_quantiles(bundle.config.quantiles)
    check_forecast_mins(bundle.config.forecast_mins)
    # The first forecast of a network takes many times as long as later ones, and shows that the network works.
    origin = live_origin(bundle, pl.DataFrame(schema=ARRIVAL_COLUMNS), *TRIAL_ORIGIN)
    trial = bundle.method(Rollout.name).forecast(origin.history, origin.service_date, np.array([origin.t0]))
    if not np.isfinite(trial.mean[0, 0, bundle.line.first_station(0), 0]):
        raise HeadwayError(f"the bundle {path} forecasts NaN", "numbers", "train it again")
    manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    return LoadedBundle(bundle, manifest["code_version"])


def _check_quantiles(levels: Sequence[float]) -> None:
    if not QUANTILE_COLUMNS.keys() <= set(levels):
        found = ", ".join(f"{level:g}" for level in levels)
        wanted = ", ".join(f"{level:g}" for level in QUANTILE_COLUMNS)
        expected = f"{wanted} among them, for intervals and alerts"
        raise HeadwayError(
            f"the bundle forecasts the quantiles {found}", expected, f"train it with quantiles = [{wanted}]"
        )


def check_forecast_mins(forecast_mins: int) -> None:
    """Raise HeadwayError unless forecasts reach as far as the service publishes and live scores compare."""
    if forecast_mins != LEADS:
        found = f"the bundle forecasts {forecast_mins} minutes ahead"
        raise HeadwayError(
            found, f"{LEADS}, which the service publishes", f"train it with forecast_mins = {LEADS}"
        )


class BundleWatcher:
    """Watches the folder of the `current` bundle. Its thread loads and tries a new one, `take_new` makes it current."""

    def __init__(self, path: Path, current: LoadedBundle, issues: Issues):
        self.current = current
        self._path, self._issues = path, issues
        self._signature = self._read_signature()
        self._changes_seen = 0
        self._lock, self._stop = Lock(), Event()
        self._new: LoadedBundle | None = None
        self._thread = Thread(target=self._watch, name="bundle-watcher", daemon=True)

    def start(self) -> None:
        """Start to check the folder every WATCH_SECS."""
        self._thread.start()

    def stop(self, timeout_secs: float) -> None:
        """Stop; return at the latest after the timeout."""
        self._stop.set()
        self._thread.join(timeout_secs)

    def take_new(self) -> bool:
        """Make a new bundle the current one; return whether there was one. For the time between two minutes."""
        with self._lock:
            if self._new is None:
                return False
            self.current, self._new = self._new, None
            return True

    def check(self) -> None:
        """Load and try the bundle in the folder if it changed since the last check; one that fails becomes an issue."""
        signature = self._read_signature()
        if signature == self._signature:
            return
        self._changes_seen += 1
        # While the folder is being replaced, it is missing for a moment.
        if signature is None and self._changes_seen < 2:
            return
        self._signature, self._changes_seen = signature, 0
        try:
            new = load_bundle(self._path)
            self._check_same_line(new.bundle)
        except Exception as error:  # whatever the folder holds, the bundle in memory stays in use
            self._issues.report(PART, f"the bundle on disk cannot be used, the previous one stays: {error}")
            return
        with self._lock:
            self._new = new
        self._issues.report(PART, None)

    def _watch(self) -> None:
        while not self._stop.wait(WATCH_SECS):
            self.check()

    def _read_signature(self) -> bytes | None:
        """The list of checksums, which identifies a bundle; None where it cannot be read."""
        try:
            return (self._path / CHECKSUMS).read_bytes()
        except OSError:
            return None

    def _check_same_line(self, bundle: Bundle) -> None:
        current = self.current.bundle
        if (bundle.line, bundle.cap_mins) != (current.line, current.cap_mins):
            raise HeadwayError(
                f"it is of the line {bundle.line.line_id}, or of other stations",
                f"the line that is served, {current.line.line_id}, with the same stations and cap",
                "restart `headway serve` with it",
            )
