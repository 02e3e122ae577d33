"""The live service of one line: its threads, and what they share.

listening  feed -> ingest -> store                         (listening.py)
minutes    ingest -> forecasts -> board, store, webhook    (here, cycle.py)
and those that hold up nobody: issued forecasts into the store, what else the store wants done, warnings to a webhook,
and the bundle on disk
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from threading import Event, Thread

from headway_prediction.errors import HeadwayError
from headway_prediction.grid.passings import MAX_SERVICE_DAY_MINS
from headway_prediction.service.live.bundle_watcher import BundleWatcher, LoadedBundle
from headway_prediction.service.live.feed_listener import FeedListener
from headway_prediction.service.live.forecast_loop import COMPARED_METHODS, ForecastLoop, Timings
from headway_prediction.service.live.forecast_writer import ForecastWriter
from headway_prediction.service.live.ingest import Ingest
from headway_prediction.service.live.issues import Issues
from headway_prediction.service.live.line_filter import LineFilter
from headway_prediction.service.live.live_line import (
    MISSING_TRAINS_MINS,
    is_missing_trains,
    origin_at,
    unknown_stops,
)
from headway_prediction.service.live.live_scores import NETWORK, LiveScorer
from headway_prediction.service.live.loop_schedule import LoopSchedule
from headway_prediction.service.live.minute import FeedState
from headway_prediction.service.live.published import Level, LineForecast
from headway_prediction.service.live.publisher import Publisher
from headway_prediction.service.live.silences import RETENTION_SECS, FeedOutages
from headway_prediction.service.live.sources import Feed
from headway_prediction.service.live.view import Departure, LineMetrics
from headway_prediction.service.live.webhook import Webhook
from headway_prediction.service.live.worker import Worker
from headway_prediction.service.live.write_queue import RETRY_SECS
from headway_prediction.service.store import Store
from headway_prediction.what_if.result import departures, run_what_if
from headway_prediction.what_if.serialization import parse_request, result_plain

CHECK_SECS = 0.1
END_SECS = 10.0
SCORED_METHODS = (NETWORK, *COMPARED_METHODS)
WHOLE_DAY = 0, MAX_SERVICE_DAY_MINS
AS_FORECAST = (Level.LIVE, Level.STARTING)


@dataclass(frozen=True)
class ServiceSettings:
    """`name` of the line as it is shown; `retention_days` service dates stay in the store; `webhook`: where warnings are told."""

    name: str
    retention_days: int = 60
    webhook: str | None = None


class LiveService:
    """Serves the line of a bundle; `start`, then `stop`. `refused` says why the feed cannot be had, where that is so.

    `latest_complete` is the newest minute of which everything was published, the hour and the scores among it.
    """

    def __init__(
        self,
        bundle_path: Path,
        loaded: LoadedBundle,
        store: Store,
        own: LineFilter,
        feed: Feed,
        settings: ServiceSettings,
    ):
        self.publisher, self.store, self.clock, self.name = Publisher(), store, feed.clock, settings.name
        self._settings, self._issues = settings, Issues()
        line = loaded.bundle.line
        self._line_id, self._zone = line.line_id, line.time_zone
        self._bundle_watcher = BundleWatcher(bundle_path, loaded, self._issues)
        self.ingest = Ingest.resume(store, self._line_id, own)
        self._listener = FeedListener(self._line_id, feed, self.ingest, FeedOutages(), self._issues)
        self._keeper = ForecastWriter(store, self._issues)
        self._webhook = settings.webhook and Webhook(settings.webhook, line, self._issues)
        workers = (self._keeper.worker, Worker("store", self._look_after_store, self._issues))
        self._workers = (*workers, self._webhook.worker) if self._webhook else workers
        self._scoring = LiveScorer(SCORED_METHODS, self._zone)
        self._forecast_loop = ForecastLoop(
            loaded.bundle, self.publisher, self._keeper.keep, self.clock.now, self._scoring, self._issues
        )
        self._publish_secs = float("nan")
        self._swept: date | None = None
        self.latest_complete: LineForecast | None = None
        self._stop = Event()
        self._thread = Thread(target=self._minutes, name="minutes", daemon=True)

    @property
    def bundle(self) -> LoadedBundle:
        """The bundle that forecasts now."""
        return self._bundle_watcher.current

    @property
    def refused(self) -> HeadwayError | None:
        """Why the feed cannot be had, None where it can."""
        return self._listener.refused

    def start(self, on_refused: Callable[[], None] = lambda: None) -> None:
        """Begin to listen, to forecast and to keep; `on_refused` is called when the feed turns out not to be had at all."""
        with self._issues.watch("silences of before"):
            self._listener.restore_outages(self.store.content_times(self._line_id, self._recalled_since()))
        for part in (*self._workers, self._bundle_watcher, self._thread):
            part.start()
        self._listener.start(on_refused)

    def stop(self) -> None:
        """End every thread, what was issued being kept."""
        self._stop.set()
        self._listener.stop(END_SECS)
        self._thread.join(END_SECS)
        for part in (*self._workers, self._bundle_watcher):
            part.stop(END_SECS)

    def feed_state(self, service_date: date) -> FeedState:
        """Return what the feed has said until now of a service date."""
        return self._listener.feed_state(service_date, self.clock.now(), self._zone)

    def issues(self) -> tuple[str, ...]:
        """Return in sentences what is wrong now."""
        clock = (f"clock: {said}" for said in self.clock.issues())
        ingest = (f"ingest: {said}" for said in self.ingest.issues())
        return (*self._issues.current(), *clock, *ingest)

    def departures(self) -> Sequence[Departure]:
        """Return the terminal departures of the next 60 minutes that can be edited, none before the first forecast."""
        newest = self._forecast_loop.newest
        if newest is None:
            return ()
        return departures(newest.bundle, newest.history, newest.service_date, newest.t0)

    def what_if(self, asked: Mapping[str, object]) -> dict[str, object]:
        """Return what a change of the departures does from the newest published minute: plain values in and out.

        Raises HeadwayError before the first forecast, and for a change that cannot be made.
        """
        newest, published = self._forecast_loop.newest, self.latest_complete
        if newest is None:
            raise HeadwayError("nothing is forecast yet", "a first forecast", "ask again in a moment")
        line, origin = newest.bundle.line, (newest.service_date, newest.t0)
        request = parse_request(asked, line, newest.service_date)
        hour = published and published.hour
        # Beside the forecast that people see, where the network has made it of this very minute.
        shown = hour and hour.status.level in AS_FORECAST and (hour.service_date, hour.t0) == origin
        present = hour.forecast if shown else None
        return result_plain(run_what_if(request, newest.bundle, newest.history, *origin, present))

    @property
    def timings(self) -> Timings:
        """How long the last minute's parts took."""
        return self._forecast_loop.timings

    def figures(self) -> LineMetrics:
        """Return the numbers of what runs now."""
        content_at = self.ingest.newest_content_at
        age = float("nan") if content_at is None else max(0.0, self.clock.now() - content_at)
        return LineMetrics(
            age,
            self._listener.lag_secs,
            self._forecast_loop.timings.published,
            self._publish_secs,
            dict(self.ingest.counts),
        )

    def _recalled_since(self) -> float:
        return (self.ingest.newest_poll_at or 0.0) - RETENTION_SECS

    def _look_after_store(self) -> float:
        """Bring polls into the store that it did not take when they came, and take out what is too old."""
        self.ingest.save()
        today, _ = origin_at(self.clock.now(), self._zone)
        if today != self._swept:
            with self._issues.watch("retention"):
                self.store.delete_before(today - timedelta(days=self._settings.retention_days))
                self._swept = today
        return RETRY_SECS

    def _minutes(self) -> None:
        schedule, recalled = LoopSchedule(self.clock.now()), False
        while not self._stop.is_set():
            self._listener.news.wait(CHECK_SECS)
            self._listener.news.clear()
            end = schedule.due(self._listener.newest_at, self.clock.now())
            if end is not None:
                self._minute(end)
                recalled = recalled or self._recall(end)

    def _minute(self, end: float) -> None:
        if self._bundle_watcher.take():
            self._forecast_loop.bundle = self._bundle_watcher.current.bundle
        service_date, _ = origin_at(end, self._zone)
        arrived, begun = self._listener.arrival_of_first_since(end), time.monotonic()
        with self._issues.watch("forecast"), self._held_back(end):
            feed_state = self._listener.feed_state(service_date, end, self._zone)
            self._tell_strangers(feed_state)
            published = self._forecast_loop.run(feed_state, end, begun)
            self.latest_complete = published
            if arrived is not None and published.status.level is not Level.WITHHELD:
                self._publish_secs = begun - arrived + self._forecast_loop.timings.published
            self._tell_missing(feed_state, published)
            self._tell_webhook(published)

    @contextmanager
    def _held_back(self, end: float) -> Iterator[None]:
        """Where the minute fails altogether, the board says so: what stands there grows older, as its own time tells."""
        try:
            yield
        except Exception as error:
            _, before = self.publisher.latest(self._line_id)
            if before is not None:
                reasons = (str(error) or type(error).__name__,)
                status = replace(before.status, level=Level.WITHHELD, reasons=reasons)
                self.publisher.publish(self._line_id, replace(before, status=status, alerts=()))
            raise

    def _recall(self, end: float) -> bool:
        """Score what was issued before a restart, once the first forecast is out."""
        service_date, _ = origin_at(end, self._zone)
        with self._issues.watch("scores of before"):
            before = [
                issued
                for method in SCORED_METHODS
                for issued in self.store.forecasts_between(self._line_id, method, service_date, *WHOLE_DAY)
            ]
            self._scoring.restore(before)
            return True
        return False

    def _tell_webhook(self, published: LineForecast) -> None:
        if self._webhook:
            with self._issues.watch("warnings"):
                self._webhook.report(published)

    def _tell_missing(self, feed_state: FeedState, published: LineForecast) -> None:
        known_mins = 0.0 if feed_state.known_since is None else (published.at - feed_state.known_since) / 60
        missing = known_mins >= MISSING_TRAINS_MINS and is_missing_trains(self.bundle.bundle, published.state)
        said = f"the feed speaks, but of no train of the line for {MISSING_TRAINS_MINS} min: --route or --gtfs may be wrong"
        self._issues.report("feed's trains", said if missing else None)

    def _tell_strangers(self, feed_state: FeedState) -> None:
        strangers = unknown_stops(self.bundle.bundle, feed_state.log)
        shown = ", ".join(strangers[:3])
        said = f"passings at {len(strangers)} stops that are not on the line are left out ({shown})"
        self._issues.report("feed's stops", said if strangers else None)
