"""The live service of one line: its threads, and what API and page read of them.

feed-listener      feed -> ingest -> store                              (ingest.py)
forecast-loop      ingest -> forecasts -> publisher, store, webhook     (forecast_loop.py, called from here)
workers            published forecasts and late polls into the store, alerts to a webhook   (background.py, webhook.py)
bundle-watcher     a new bundle in the folder -> the one in use         (served_bundle.py)
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from threading import Event, Thread

from headway_prediction.errors import HeadwayError
from headway_prediction.grid.passings import MAX_SERVICE_DAY_MINS
from headway_prediction.service.live.alerts import find_alerts
from headway_prediction.service.live.background import RETRY_SECS, ForecastWriter, Issues, Worker
from headway_prediction.service.live.feed_sources import Feed
from headway_prediction.service.live.forecast_loop import (
    COMPARED_METHODS,
    HOUR,
    QUARTER,
    ForecastLoop,
    LoopSchedule,
    Timings,
)
from headway_prediction.service.live.ingest import FeedListener, Ingest, LineFilter
from headway_prediction.service.live.line_state import (
    MISSING_TRAINS_MINS,
    is_missing_trains,
    line_state,
    live_origin,
    origin_at,
    unknown_stops,
)
from headway_prediction.service.live.live_scores import NETWORK, LiveScorer
from headway_prediction.service.live.published import Level, LineForecast, Publisher
from headway_prediction.service.live.served_bundle import BundleWatcher, LoadedBundle
from headway_prediction.service.live.stale_feed import OUTAGE_RETENTION_SECS, FeedOutages, FeedState
from headway_prediction.service.live.view import Departure, LineMetrics, ServedLine
from headway_prediction.service.live.webhook import Webhook
from headway_prediction.service.store import Store
from headway_prediction.transit.clock import instant
from headway_prediction.what_if.result import WhatIfResult, editable_departures, run_what_if
from headway_prediction.what_if.schema import WhatIfRequest

WAKE_SECS = 0.1
STOP_SECS = 10.0
SCORED_METHODS = (NETWORK, *COMPARED_METHODS)
FROM_NETWORK = (Level.LIVE, Level.STARTING)


@dataclass(frozen=True)
class ServiceSettings:
    """`name`: of the line on the page; `retention_days`: service dates that stay in the store; `webhook`: URL for alerts."""

    name: str
    retention_days: int = 60
    webhook: str | None = None


class LiveService:
    """Serves the line of a bundle, as a ServiceView: `start`, then `stop`.

    `latest_complete` is the latest minute whose 60-minute forecast and scores are published as well.
    """

    def __init__(
        self,
        bundle_path: Path,
        loaded: LoadedBundle,
        store: Store,
        line_filter: LineFilter,
        feed: Feed,
        settings: ServiceSettings,
    ):
        self.publisher, self.store, self.clock = Publisher(), store, feed.clock
        self._settings, self._issues = settings, Issues()
        line = loaded.bundle.line
        self._line_id, self._zone = line.line_id, line.time_zone
        self._bundle_watcher = BundleWatcher(bundle_path, loaded, self._issues)
        self.ingest = Ingest.resume(store, self._line_id, line_filter)
        self._listener = FeedListener(feed, self.ingest, FeedOutages(), self._issues)
        writer = ForecastWriter(store, self._issues)
        self._webhook = Webhook(settings.webhook, line, self._issues) if settings.webhook else None
        self._workers = [writer.worker, Worker("store", self._maintain_store, self._issues)]
        if self._webhook:
            self._workers.append(self._webhook.worker)
        self._scorer = LiveScorer(SCORED_METHODS, self._zone)
        self._forecast_loop = ForecastLoop(
            loaded.bundle, self.publisher, writer.put, self.clock.now, self._scorer, self._issues
        )
        self._publish_secs = float("nan")
        self._retention_applied: date | None = None
        self.latest_complete: LineForecast | None = None
        self._stop = Event()
        self._thread = Thread(target=self._run_minutes, name="forecast-loop", daemon=True)

    @property
    def bundle(self) -> LoadedBundle:
        """The bundle in use."""
        return self._bundle_watcher.current

    @property
    def refused(self) -> HeadwayError | None:
        """The error of a feed whose very first request was refused, None otherwise."""
        return self._listener.refused

    @property
    def timings(self) -> Timings:
        """The durations of the last minute."""
        return self._forecast_loop.timings

    def start(self, on_refused: Callable[[], None] = lambda: None) -> None:
        """Start every thread; `on_refused` is called when the feed's very first request is refused."""
        with self._issues.watch("earlier outages"):
            since = (self.ingest.newest_poll_at or 0.0) - OUTAGE_RETENTION_SECS
            self._listener.restore_outages(self.store.content_times(self._line_id, since))
        for worker in self._workers:
            worker.start()
        self._bundle_watcher.start()
        self._thread.start()
        self._listener.start(on_refused)

    def stop(self) -> None:
        """Stop every thread; published forecasts are saved first."""
        self._stop.set()
        self._listener.stop(STOP_SECS)
        self._thread.join(STOP_SECS)
        for worker in self._workers:
            worker.stop(STOP_SECS)
        self._bundle_watcher.stop(STOP_SECS)

    def lines(self) -> Sequence[ServedLine]:
        """Return the one line."""
        return [ServedLine.of_bundle(self.bundle.bundle, self._settings.name, self.bundle.code_version)]

    def forecast_at(self, line_id: str, service_date: date, t0: int) -> LineForecast | None:
        """Return the forecasts published at an earlier origin; state and alerts are those that are known of it now."""
        quarter, hour = (
            self.store.forecast(line_id, horizon.method, service_date, t0) for horizon in (QUARTER, HOUR)
        )
        if quarter is None:
            return None
        bundle = self.bundle.bundle
        feed_state = self._listener.feed_state(service_date, self.clock.now(), self._zone)
        origin = live_origin(bundle, feed_state.log, service_date, t0, feed_state.attributes)
        state = line_state(bundle, origin)
        at = instant(service_date, t0 + 1, self._zone).timestamp()
        alerts = find_alerts(quarter.forecast, state)
        return LineForecast(quarter.status, at, state, quarter, hour, alerts, scores=None)

    def departures(self, line_id: str) -> Sequence[Departure]:
        """Return the terminal departures of the next 60 minutes that can be edited, none before the first forecast."""
        newest = self._forecast_loop.newest
        if newest is None:
            return ()
        return editable_departures(newest.bundle, newest.origin)

    def what_if(self, line_id: str, request: WhatIfRequest) -> WhatIfResult:
        """Return the effect of changed departures from the latest minute.

        Raises HeadwayError before the first forecast, and for a change that cannot be made.
        """
        newest = self._forecast_loop.newest
        if newest is None:
            raise HeadwayError("nothing is forecast yet", "a first forecast", "ask again in a moment")
        edits = request.to_request(newest.bundle.line, newest.service_date)
        # The published 60-minute forecast is the baseline where the network made it, from this very minute.
        hour = self.latest_complete.hour if self.latest_complete else None
        now = newest.service_date, newest.t0
        usable = hour and hour.status.level in FROM_NETWORK and (hour.service_date, hour.t0) == now
        baseline = hour.forecast if hour and usable else None
        return run_what_if(edits, newest.bundle, newest.origin, baseline)

    def issues(self) -> Sequence[str]:
        """Return what is wrong now, a sentence each."""
        clock = (f"clock: {issue}" for issue in self.clock.issues())
        ingest = (f"ingest: {issue}" for issue in self.ingest.issues())
        return (*self._issues.current(), *clock, *ingest)

    def metrics(self, line_id: str) -> LineMetrics:
        """Return the numbers of the running service."""
        content_at = self.ingest.newest_content_at
        age = float("nan") if content_at is None else max(0.0, self.clock.now() - content_at)
        return LineMetrics(
            feed_age_secs=age,
            ingest_lag_secs=self._listener.ingest_lag_secs,
            forecast_secs=self.timings.publish_secs,
            publish_secs=self._publish_secs,
            polls=dict(self.ingest.counts),
        )

    def now(self) -> float:
        """Return the time in epoch seconds by the feed's clock."""
        return self.clock.now()

    def _maintain_store(self) -> float:
        """Save polls that the store did not take when they came, and delete what is older than the retention."""
        self.ingest.save()
        today, _ = origin_at(self.clock.now(), self._zone)
        if today != self._retention_applied:
            with self._issues.watch("retention"):
                self.store.delete_before(today - timedelta(days=self._settings.retention_days))
                self._retention_applied = today
        return RETRY_SECS

    def _run_minutes(self) -> None:
        schedule, scores_restored = LoopSchedule(self.clock.now()), False
        while not self._stop.is_set():
            self._listener.new_poll.wait(WAKE_SECS)
            self._listener.new_poll.clear()
            end = schedule.due(self._listener.newest_at, self.clock.now())
            if end is not None:
                self._run_minute(end)
                scores_restored = scores_restored or self._restore_scores(end)

    def _run_minute(self, end: float) -> None:
        """Forecast and publish the minute that ended at `end` (epoch seconds)."""
        if self._bundle_watcher.take_new():
            self._forecast_loop.bundle = self.bundle.bundle
        service_date, _ = origin_at(end, self._zone)
        arrived, started = self._listener.first_arrival_since(end), time.monotonic()
        with self._issues.watch("forecast"), self._withheld_on_error():
            feed_state = self._listener.feed_state(service_date, end, self._zone)
            self._report_unknown_stops(feed_state)
            published = self._forecast_loop.run_minute(feed_state, end, started)
            self.latest_complete = published
            if arrived is not None and published.status.level is not Level.WITHHELD:
                self._publish_secs = started - arrived + self.timings.publish_secs
            self._report_missing_trains(feed_state, published)
            if self._webhook:
                with self._issues.watch("alerts"):
                    self._webhook.report(published)

    @contextmanager
    def _withheld_on_error(self) -> Iterator[None]:
        """Mark the latest forecast as withheld where the whole minute fails; its age goes on growing."""
        try:
            yield
        except Exception as error:
            _, previous = self.publisher.latest(self._line_id)
            if previous is not None:
                reasons = (str(error) or type(error).__name__,)
                status = replace(previous.status, level=Level.WITHHELD, reasons=reasons)
                self.publisher.publish(self._line_id, replace(previous, status=status, alerts=()))
            raise

    def _restore_scores(self, end: float) -> bool:
        """Score the forecasts published before a restart; after the first minute, which does not wait for it."""
        service_date, _ = origin_at(end, self._zone)
        restored = False
        with self._issues.watch("scores before the restart"):
            stored = [
                forecast
                for method in SCORED_METHODS
                for forecast in self.store.forecasts_between(
                    self._line_id, method, service_date, 0, MAX_SERVICE_DAY_MINS
                )
            ]
            self._scorer.restore(stored)
            restored = True
        return restored

    def _report_missing_trains(self, feed_state: FeedState, published: LineForecast) -> None:
        since = feed_state.known_since
        known_mins = 0.0 if since is None else (published.at - since) / 60
        missing = known_mins >= MISSING_TRAINS_MINS and is_missing_trains(self.bundle.bundle, published.state)
        sentence = (
            f"the feed had no train of the line for {MISSING_TRAINS_MINS} min: --route or --gtfs may be wrong"
        )
        self._issues.report("trains", sentence if missing else None)

    def _report_unknown_stops(self, feed_state: FeedState) -> None:
        stops = unknown_stops(self.bundle.bundle, feed_state.log)
        examples = ", ".join(stops[:3])
        sentence = f"passings at {len(stops)} stops that are not on the line are excluded ({examples})"
        self._issues.report("stops", sentence if stops else None)
