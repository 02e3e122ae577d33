"""Does the memory of the live service stay constant? A week of the simulated line, measured every hour.

    python benchmarks/live_week.py --bundle BUNDLE [--hours 168] [--step-mins 1] [--poll-secs 15]

The feed waits for the service instead of the clock: the polls of a minute come once the previous minute is forecast; with
`--step-mins` only every so many minutes. Prints a row per hour: resident memory, minutes forecast, the median seconds of a
forecast (15 and 60 minutes), of a whole minute, and from a poll to the published forecast; then how the memory grew after
the first day.
"""

import argparse
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event

import numpy as np
import psutil
from common import describe_machine, line_polls

from headway_prediction.feeds.realtime.metadata import FeedMetadata
from headway_prediction.feeds.realtime.snapshot import Poll
from headway_prediction.service.live.ingest import LineFilter
from headway_prediction.service.live.published import Publisher
from headway_prediction.service.live.served_bundle import load_bundle
from headway_prediction.service.live.service import LiveService, ServiceSettings
from headway_prediction.service.store import Store
from headway_prediction.simulate import Scenario
from headway_prediction.transit.clock import local_datetime, service_day_start

DAY_HOURS = 24
MAX_WAIT_SECS = 120.0


class PollTime:
    """A clock that stands at the time of the newest poll."""

    def __init__(self) -> None:
        self.newest = 0.0

    def now(self) -> float:
        return self.newest

    def issues(self) -> tuple[str, ...]:
        return ()


class WaitingFeed:
    """Polls of the simulated line; before the first poll of each step it waits until the previous step is published."""

    def __init__(self, scenario: Scenario, begin: datetime, poll_secs: int, step_mins: int):
        self.clock, self.publisher = PollTime(), Publisher()
        self._line_id, self._step = scenario.line_id, step_mins * 60
        self._polls = line_polls(scenario, begin, poll_secs)

    def polls(self, stop: Event, after: float | None = None) -> Iterator[Poll]:
        due = 0.0
        for poll in self._polls:
            if stop.is_set():
                return
            if due and poll.fetched_at >= due:
                self._wait(due)
            self.clock.newest = poll.fetched_at
            yield poll
            if poll.fetched_at >= due:
                due = poll.fetched_at // self._step * self._step + self._step

    def _wait(self, due: float) -> None:
        """Wait for the minute's second publication, which has its scores."""
        shown = 0
        version, _ = self.publisher.latest(self._line_id)
        while shown < due - self._step:
            version = self.publisher.wait_for_newer(self._line_id, version, MAX_WAIT_SECS)
            shown = self.publisher.latest(self._line_id)[1].at


def main() -> None:
    args = arguments()
    loaded = load_bundle(args.bundle)
    line = loaded.bundle.line
    scenario = Scenario.of_size(len(line.stations))
    begin = service_day_start(scenario.start_date, line.time_zone) + timedelta(hours=5)
    feed = WaitingFeed(scenario, begin, args.poll_secs, args.step_mins)
    print(describe_machine())
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(f"sqlite:///{Path(folder) / 'week.sqlite'}")
        line_filter = LineFilter(line.line_id, FeedMetadata(line.time_zone))
        service = LiveService(
            args.bundle, loaded, store, line_filter, feed, ServiceSettings(line.line_id, retention_days=3)
        )
        feed.publisher = service.publisher
        service.start()
        try:
            watch(service, begin, args.hours)
        finally:
            service.stop()
            store.close()


def watch(service: LiveService, begin: datetime, hours: int) -> None:
    """Print a row for each hour of the feed's time."""
    process, line = psutil.Process(), service.bundle.bundle.line
    version, seen, sizes = 0, [], []
    print(
        "| hour | resident MB | minutes | 15 min s | 60 min s | whole s | poll to published s | CPU s | issues |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    due = begin.timestamp() + 3600
    while len(sizes) < hours:
        before, version = version, service.publisher.wait_for_newer(line.line_id, version, 1.0)
        timings, figures = service.timings, service.metrics(line.line_id)
        if version > before:
            seen.append((timings.quarter_secs, timings.hour_secs, timings.total_secs, figures.publish_secs))
        if service.clock.now() >= due:
            sizes.append(process.memory_info().rss / 2**20)
            medians = " | ".join(f"{value:.3f}" for value in np.nanmedian(seen or [[np.nan] * 4], axis=0))
            when, cpu = local_datetime(due, line.time_zone), sum(process.cpu_times()[:2])
            issues = "; ".join(service.issues())
            head = f"| {when:%a %H:%M} | {sizes[-1]:.0f} | {len(seen) // 2}"
            print(f"{head} | {medians} | {cpu:.0f} | {issues} |", flush=True)
            seen, due = [], due + 3600
    if len(sizes) > DAY_HOURS:
        growth = sizes[-1] - sizes[DAY_HOURS - 1]
        print(f"\nfrom hour {DAY_HOURS} to hour {len(sizes)}: {growth:+.0f} MB, maximum {max(sizes):.0f} MB")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--hours", type=int, default=168)
    parser.add_argument("--step-mins", type=int, default=1)
    parser.add_argument("--poll-secs", type=int, default=15)
    return parser.parse_args()


if __name__ == "__main__":
    main()
