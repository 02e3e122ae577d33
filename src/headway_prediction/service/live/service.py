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
from headway_prediction.grid.passings import LONGEST_SERVICE_DAY_MINS
from headway_prediction.service.live.bundle_watcher import BundleOnDisk, Loaded
from headway_prediction.service.live.feed_listener import Listening
from headway_prediction.service.live.forecast_loop import COMPARED_METHODS, Cycle, Timings
from headway_prediction.service.live.forecast_writer import IssuedKeeper
from headway_prediction.service.live.ingest import Ingest
from headway_prediction.service.live.issues import Troubles
from headway_prediction.service.live.line_filter import OwnPassings
from headway_prediction.service.live.live_line import (
    UNSEEN_MINS,
    origin_at,
    strange_stops,
    trains_are_missing,
)
from headway_prediction.service.live.live_scores import OWN, LiveScoring
from headway_prediction.service.live.loop_schedule import Pace
from headway_prediction.service.live.minute import Heard
from headway_prediction.service.live.published import Level, Published
from headway_prediction.service.live.publisher import Board
from headway_prediction.service.live.silences import KEPT_SECS, Silences
from headway_prediction.service.live.sources import Feed
from headway_prediction.service.live.view import Departure, Figures
from headway_prediction.service.live.webhook import Webhook
from headway_prediction.service.live.worker import Worker
from headway_prediction.service.live.write_queue import RETRY_SECS
from headway_prediction.service.store import Store
from headway_prediction.what_if.result import answer, departures
from headway_prediction.what_if.serialization import answer_plain, request_of

LOOK_SECS = 0.1
END_SECS = 10.0
SCORED_METHODS = (OWN, *COMPARED_METHODS)
WHOLE_DAY = 0, LONGEST_SERVICE_DAY_MINS
AS_FORECAST = (Level.FRESH, Level.STARTING)


@dataclass(frozen=True)
class ServiceSettings:
    """`name` of the line as it is shown; `keep_days` service dates stay in the store; `webhook`: where warnings are told."""

    name: str
    keep_days: int = 60
    webhook: str | None = None


class LiveService:
    """Serves the line of a bundle; `start`, then `stop`. `refused` says why the feed cannot be had, where that is so.

    `newest_whole` is the newest minute of which everything was published, the hour and the scores among it.
    """

    def __init__(
        self,
        bundle_path: Path,
        loaded: Loaded,
        store: Store,
        own: OwnPassings,
        feed: Feed,
        settings: ServiceSettings,
    ):
        self.board, self.store, self.clock, self.name = Board(), store, feed.clock, settings.name
        self._settings, self._troubles = settings, Troubles()
        line = loaded.bundle.line
        self._line_id, self._zone = line.line_id, line.time_zone
        self._on_disk = BundleOnDisk(bundle_path, loaded, self._troubles)
        self.ingest = Ingest.resume(store, self._line_id, own)
        self._listening = Listening(self._line_id, feed, self.ingest, Silences(), self._troubles)
        self._keeper = IssuedKeeper(store, self._troubles)
        self._webhook = settings.webhook and Webhook(settings.webhook, line, self._troubles)
        workers = (self._keeper.worker, Worker("store", self._look_after_store, self._troubles))
        self._workers = (*workers, self._webhook.worker) if self._webhook else workers
        self._scoring = LiveScoring(SCORED_METHODS, self._zone)
        self._cycle = Cycle(
            loaded.bundle, self.board, self._keeper.keep, self.clock.now, self._scoring, self._troubles
        )
        self._publish_secs = float("nan")
        self._swept: date | None = None
        self.newest_whole: Published | None = None
        self._stop = Event()
        self._thread = Thread(target=self._minutes, name="minutes", daemon=True)

    @property
    def bundle(self) -> Loaded:
        """The bundle that forecasts now."""
        return self._on_disk.current

    @property
    def refused(self) -> HeadwayError | None:
        """Why the feed cannot be had, None where it can."""
        return self._listening.refused

    def start(self, on_refused: Callable[[], None] = lambda: None) -> None:
        """Begin to listen, to forecast and to keep; `on_refused` is called when the feed turns out not to be had at all."""
        with self._troubles.of("silences of before"):
            self._listening.recall(self.store.content_times(self._line_id, self._recalled_since()))
        for part in (*self._workers, self._on_disk, self._thread):
            part.start()
        self._listening.start(on_refused)

    def stop(self) -> None:
        """End every thread, what was issued being kept."""
        self._stop.set()
        self._listening.stop(END_SECS)
        self._thread.join(END_SECS)
        for part in (*self._workers, self._on_disk):
            part.stop(END_SECS)

    def heard(self, service_date: date) -> Heard:
        """Return what the feed has said until now of a service date."""
        return self._listening.heard(service_date, self.clock.now(), self._zone)

    def troubles(self) -> tuple[str, ...]:
        """Return in sentences what is wrong now."""
        clock = (f"clock: {said}" for said in self.clock.troubles())
        ingest = (f"ingest: {said}" for said in self.ingest.troubles())
        return (*self._troubles.told(), *clock, *ingest)

    def departures(self) -> Sequence[Departure]:
        """Return the terminal departures of the next 60 minutes that can be edited, none before the first forecast."""
        newest = self._cycle.newest
        if newest is None:
            return ()
        return departures(newest.bundle, newest.history, newest.service_date, newest.t0)

    def what_if(self, asked: Mapping[str, object]) -> dict[str, object]:
        """Return what a change of the departures does from the newest published minute: plain values in and out.

        Raises HeadwayError before the first forecast, and for a change that cannot be made.
        """
        newest, published = self._cycle.newest, self.newest_whole
        if newest is None:
            raise HeadwayError("nothing is forecast yet", "a first forecast", "ask again in a moment")
        line, origin = newest.bundle.line, (newest.service_date, newest.t0)
        request = request_of(asked, line, newest.service_date)
        hour = published and published.hour
        # Beside the forecast that people see, where the network has made it of this very minute.
        shown = hour and hour.status.level in AS_FORECAST and (hour.service_date, hour.t0) == origin
        present = hour.forecast if shown else None
        return answer_plain(answer(request, newest.bundle, newest.history, *origin, present))

    @property
    def timings(self) -> Timings:
        """How long the last minute's parts took."""
        return self._cycle.timings

    def figures(self) -> Figures:
        """Return the numbers of what runs now."""
        content_at = self.ingest.newest_content_at
        age = float("nan") if content_at is None else max(0.0, self.clock.now() - content_at)
        return Figures(
            age,
            self._listening.lag_secs,
            self._cycle.timings.published,
            self._publish_secs,
            dict(self.ingest.counts),
        )

    def _recalled_since(self) -> float:
        return (self.ingest.newest_poll_at or 0.0) - KEPT_SECS

    def _look_after_store(self) -> float:
        """Bring polls into the store that it did not take when they came, and take out what is too old."""
        self.ingest.save()
        today, _ = origin_at(self.clock.now(), self._zone)
        if today != self._swept:
            with self._troubles.of("retention"):
                self.store.forget_before(today - timedelta(days=self._settings.keep_days))
                self._swept = today
        return RETRY_SECS

    def _minutes(self) -> None:
        pace, recalled = Pace(self.clock.now()), False
        while not self._stop.is_set():
            self._listening.news.wait(LOOK_SECS)
            self._listening.news.clear()
            end = pace.due(self._listening.newest_at, self.clock.now())
            if end is not None:
                self._minute(end)
                recalled = recalled or self._recall(end)

    def _minute(self, end: float) -> None:
        if self._on_disk.take():
            self._cycle.bundle = self._on_disk.current.bundle
        service_date, _ = origin_at(end, self._zone)
        arrived, begun = self._listening.arrival_of_first_since(end), time.monotonic()
        with self._troubles.of("forecast"), self._held_back(end):
            heard = self._listening.heard(service_date, end, self._zone)
            self._tell_strangers(heard)
            published = self._cycle.run(heard, end, begun)
            self.newest_whole = published
            if arrived is not None and published.status.level is not Level.HELD_BACK:
                self._publish_secs = begun - arrived + self._cycle.timings.published
            self._tell_missing(heard, published)
            self._tell_webhook(published)

    @contextmanager
    def _held_back(self, end: float) -> Iterator[None]:
        """Where the minute fails altogether, the board says so: what stands there grows older, as its own time tells."""
        try:
            yield
        except Exception as error:
            _, before = self.board.newest(self._line_id)
            if before is not None:
                reasons = (str(error) or type(error).__name__,)
                status = replace(before.status, level=Level.HELD_BACK, reasons=reasons)
                self.board.publish(self._line_id, replace(before, status=status, warnings=()))
            raise

    def _recall(self, end: float) -> bool:
        """Score what was issued before a restart, once the first forecast is out."""
        service_date, _ = origin_at(end, self._zone)
        with self._troubles.of("scores of before"):
            before = [
                issued
                for method in SCORED_METHODS
                for issued in self.store.issued_between(self._line_id, method, service_date, *WHOLE_DAY)
            ]
            self._scoring.recall(before)
            return True
        return False

    def _tell_webhook(self, published: Published) -> None:
        if self._webhook:
            with self._troubles.of("warnings"):
                self._webhook.tell(published)

    def _tell_missing(self, heard: Heard, published: Published) -> None:
        known_mins = 0.0 if heard.known_since is None else (published.at - heard.known_since) / 60
        missing = known_mins >= UNSEEN_MINS and trains_are_missing(self.bundle.bundle, published.state)
        said = f"the feed speaks, but of no train of the line for {UNSEEN_MINS} min: --route or --gtfs may be wrong"
        self._troubles.tell("feed's trains", said if missing else None)

    def _tell_strangers(self, heard: Heard) -> None:
        strangers = strange_stops(self.bundle.bundle, heard.log)
        shown = ", ".join(strangers[:3])
        said = f"passings at {len(strangers)} stops that are not on the line are left out ({shown})"
        self._troubles.tell("feed's stops", said if strangers else None)
