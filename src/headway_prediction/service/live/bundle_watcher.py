"""The bundle on disk: looked at now and then, and a new one, once it has shown that it works, handed over."""

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
from headway_prediction.bundle.forecast import check_not_oracle
from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.logs.arrivals import ARRIVAL_COLUMNS
from headway_prediction.forecasters.parquet import QUANTILE_COLUMNS
from headway_prediction.forecasters.rollout import Rollout
from headway_prediction.service.live.cache import with_cached_prior
from headway_prediction.service.live.issues import Issues
from headway_prediction.service.live.live_line import live_history

CHECK_SECS = 5.0
PART = "bundle"
TRIAL = date(2026, 1, 13), 600


@dataclass(frozen=True)
class LoadedBundle:
    """A bundle that has shown that it works, and the version of the program that wrote it."""

    bundle: Bundle
    code_version: str


def load_bundle(path: Path) -> LoadedBundle:
    """Return a bundle of one line, its networks in memory and tried.

    Raises HeadwayError for a folder that is not sound, a bundle of several lines, one that knows observed departures, or
    one without the quantiles that are published.
    """
    bundle = with_cached_prior(Bundle.load_single_line(path))
    check_not_oracle(bundle)
    _refuse_other_quantiles(bundle.config.quantiles)
    # The first forecast of a network takes many times as long as those after it, and shows that it works at all.
    history = live_history(bundle, pl.DataFrame(schema=ARRIVAL_COLUMNS), *TRIAL)
    trial = bundle.method(Rollout.name).forecast(history, TRIAL[0], np.array([TRIAL[1]]))
    if not np.isfinite(trial.mean[0, 0, bundle.line.first_station(0), 0]):
        raise HeadwayError(f"the bundle {path} forecasts nothing", "numbers", "train it again")
    manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    return LoadedBundle(bundle, manifest["code_version"])


def _refuse_other_quantiles(levels: Sequence[float]) -> None:
    if not QUANTILE_COLUMNS.keys() <= set(levels):
        wanted = ", ".join(f"{level:g}" for level in QUANTILE_COLUMNS)
        raise HeadwayError(
            f"the bundle forecasts the quantiles {', '.join(f'{level:g}' for level in levels)}",
            f"{wanted} among them, for intervals and warnings",
            f"train it with quantiles = [{wanted}]",
        )


class BundleWatcher:
    """Watches the folder of the `current` bundle. One thread looks, another takes what is new between two minutes."""

    def __init__(self, path: Path, current: LoadedBundle, issues: Issues):
        self.current = current
        self._path, self._issues = path, issues
        self._seen = self._signature()
        self._missed = 0
        self._lock, self._stop = Lock(), Event()
        self._next: LoadedBundle | None = None
        self._thread = Thread(target=self._watch, name="bundle-on-disk", daemon=True)

    def start(self) -> None:
        """Begin to look, every LOOK_SECS."""
        self._thread.start()

    def stop(self, timeout_secs: float) -> None:
        """End."""
        self._stop.set()
        self._thread.join(timeout_secs)

    def take(self) -> bool:
        """Make what is new the current one; return whether there was anything."""
        with self._lock:
            if self._next is None:
                return False
            self.current, self._next = self._next, None
            return True

    def check(self) -> None:
        """Load and check what lies in the folder, if it is not what lay there at the last look."""
        signature = self._signature()
        if signature == self._seen:
            return
        self._missed += 1
        # While it is being replaced there is nothing, or half of it, for a moment.
        if signature is None and self._missed < 2:
            return
        self._seen, self._missed = signature, 0
        try:
            fresh = load_bundle(self._path)
            self._refuse_other_line(fresh.bundle)
        except Exception as error:  # whatever lies there, the bundle in memory goes on
            self._issues.report(PART, f"the one on disk is not taken, the former goes on: {error}")
            return
        with self._lock:
            self._next = fresh
        self._issues.report(PART, None)

    def _watch(self) -> None:
        while not self._stop.wait(CHECK_SECS):
            self.check()

    def _signature(self) -> bytes | None:
        """What tells one bundle from another without reading its networks: its list of checksums."""
        try:
            return (self._path / CHECKSUMS).read_bytes()
        except OSError:
            return None

    def _refuse_other_line(self, bundle: Bundle) -> None:
        ours = self.current.bundle
        if (bundle.line, bundle.cap_mins) != (ours.line, ours.cap_mins):
            raise HeadwayError(
                f"it is of the line {bundle.line.line_id}, or of other stations",
                f"the line that is served, {ours.line.line_id}, with the same stations and cap",
                "start `headway serve` anew with it",
            )
