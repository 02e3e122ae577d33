"""CPU time of a realtime feed: to track a poll, to record a poll, and to replay a recorded day of polls.

    python benchmarks/feeds.py [--polls 120] [--day-polls 5760] [--recorded FOLDER]

The polls are those of a large simulated line with about 130 trips listed at once.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from common import first_day_at, line_polls, print_figure
from google.transit.gtfs_realtime_pb2 import FeedMessage

from headway_prediction.feeds.realtime.recorded import recorded_polls
from headway_prediction.feeds.realtime.snapshot import Poll
from headway_prediction.feeds.realtime.tracker import FeedTracker
from headway_prediction.feeds.recorder.address import feed_address
from headway_prediction.feeds.recorder.archive import open_archive
from headway_prediction.feeds.recorder.archive_format import Attempt, Outcome
from headway_prediction.feeds.recorder.record import Clock, Recorder, RecorderSettings
from headway_prediction.feeds.recorder.replay import replay
from headway_prediction.simulate import DayService, Scenario
from headway_prediction.simulate.feed.message import FeedContent
from headway_prediction.simulate.feed.server import FeedServer, PollPlayer, serving

INTERVAL_SECS = 15
DAY_POLLS = 24 * 3600 // INTERVAL_SECS
LARGE_STATIONS, LARGE_HEADWAY_MINS = 52, 2.5
"""Both directions together have about 130 trips listed at once, as a recorded poll of NYC's A, C and E lines."""


def first_polls(scenario: Scenario, hour: float, count: int) -> list[Poll]:
    polls = line_polls(scenario, first_day_at(scenario, hour), INTERVAL_SECS, FeedContent(nyct=True))
    return list(islice(polls, count))


def large_line() -> Scenario:
    service = DayService(headways=((300, LARGE_HEADWAY_MINS),), last_departure_min=1500)
    return Scenario.of_size(LARGE_STATIONS, weekday=service, saturday=service, sunday=service)


def track_ms(polls: Sequence[Poll]) -> list[float]:
    """CPU milliseconds to parse and apply each poll."""
    tracker, taken = FeedTracker(), []
    for poll in polls:
        began = time.process_time()
        tracker.add(poll)
        taken.append(1000 * (time.process_time() - began))
    return taken


def record_ms(polls: Sequence[Poll], folder: Path) -> list[float]:
    """CPU milliseconds of the recorder, without the server's, to fetch each poll over HTTP and to write it."""
    with serving(FeedServer(PollPlayer(polls, float("inf")))) as server:
        address = feed_address(server.url)
        with open_archive(folder, address.url, print) as archive:
            clock = Clock(sleep=lambda _: None)
            recorder, taken = Recorder(address, archive, RecorderSettings(), print, clock), []
            for _ in polls:
                began = time.thread_time()
                recorder.poll()
                taken.append(1000 * (time.thread_time() - began))
    return taken


def record_day(scenario: Scenario, count: int, folder: Path) -> float:
    """Write an archive of a day's polls, without fetching them; return the median size of a poll (bytes)."""
    sizes = []
    with open_archive(folder, "http://127.0.0.1/feed.pb", print) as archive:
        for poll in first_polls(scenario, 3, count):
            archive.add(Attempt(poll.fetched_at, Outcome.POLL), poll.body)
            sizes.append(len(poll.body))
    return statistics.median(sizes)


def replay_archive(folder: Path) -> tuple[float, int]:
    """CPU seconds to replay a recorded archive into passings, and how many these are."""
    began, tracker = time.process_time(), FeedTracker()
    for poll in replay(folder, print):
        tracker.add(poll)
    return time.process_time() - began, len(tracker.journal())


def report_tracking(polls: Sequence[Poll]) -> None:
    """Print the size of the polls, and the CPU time to track each of them except the first."""
    size = statistics.median(len(poll.body) for poll in polls)
    updates = [
        [
            entity.trip_update
            for entity in FeedMessage.FromString(poll.body).entity
            if entity.HasField("trip_update")
        ]
        for poll in polls
    ]
    trips = statistics.median(map(len, updates))
    stops = statistics.median(sum(len(update.stop_time_update) for update in poll) for poll in updates)
    taken = track_ms(polls)[1:]
    print(
        f"a poll of {size / 1000:.0f} KB, {trips:.0f} trips, {stops:,.0f} stops ahead, parsed and applied: median "
        f"{statistics.median(taken):.1f} ms of CPU, fastest {min(taken):.1f} ms ({len(taken)} polls)",
        flush=True,
    )
    print_figure(
        f"feed: poll of {size / 1000:.0f} KB, parsed and applied, CPU time, median",
        statistics.median(taken),
        "ms",
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--polls", type=int, default=120, help="polls of the large line")
    parser.add_argument("--day-polls", type=int, default=DAY_POLLS, help="polls of the day that is replayed")
    parser.add_argument("--recorded", type=Path, help="folder of recorded polls, to track as well")
    args = parser.parse_args()

    large = first_polls(large_line(), 9, args.polls)
    report_tracking(large)
    if args.recorded:
        report_tracking(list(recorded_polls([args.recorded], print)))
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "archive"
        taken = record_ms(large, archive)
        stored = sum(file.stat().st_size for file in archive.rglob("*.gz")) / len(large)
        print(f"recording it: median {statistics.median(taken):.1f} ms of CPU, {stored / 1000:.0f} KB stored")
        print_figure("feed: the same poll recorded, CPU time, median", statistics.median(taken), "ms")
        day = Path(folder) / "day"
        scenario = Scenario()
        size = record_day(scenario, args.day_polls, day)
        seconds, passings = replay_archive(day)
        print(
            f"a day of {args.day_polls:,} polls of {size / 1000:.1f} KB replayed into {passings:,} passings: "
            f"{seconds:.1f} s of CPU, {1000 * seconds / args.day_polls:.2f} ms a poll"
        )
        print_figure(
            "feed: a replayed poll of one line, CPU time, mean", 1000 * seconds / args.day_polls, "ms"
        )


if __name__ == "__main__":
    main()
