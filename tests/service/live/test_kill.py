"""A real ingesting process, killed at random times: nothing is lost or doubled, and it ends like an undisturbed twin."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from headway_prediction.feeds.logs.arrivals import ARRIVAL_COLUMNS
from headway_prediction.feeds.realtime.arrival_log import tidy_log
from headway_prediction.feeds.realtime.tracker import FeedTracker
from headway_prediction.feeds.recorder.archive import open_archive
from headway_prediction.feeds.recorder.archive_format import Attempt, Outcome
from headway_prediction.service.live.ingest import Ingest
from headway_prediction.service.store import Store
from helpers.ingested import DAY, LINE, LINE_FILTER, simulated


class Batch:
    """The batch path over ever more of the same polls."""

    def __init__(self, polls):
        self._polls, self._taken, self._follower = polls, 0, FeedTracker()

    def log(self, count):
        journal = self._journal(count)
        if not journal:
            return pl.DataFrame(schema=ARRIVAL_COLUMNS)
        return tidy_log(journal, LINE_FILTER.metadata, LINE_FILTER.route_id)[0]

    def _journal(self, count):
        for poll in self._polls[self._taken : count]:
            self._follower.add(poll)
        self._taken = count
        return self._follower.journal()


@pytest.fixture(scope="module")
def hour(tmp_path_factory):
    """The polls of most of an hour, and an archive of them."""
    polls = simulated(7, 7.75, out_of_order=0.1)
    return polls, archived(polls, tmp_path_factory.mktemp("hour") / "archive")


class Process:
    """The ingesting process; `start` forks a child of it, `end` waits for that child."""

    def __init__(self, url: str, archive: Path):
        self._job = f"{url} {archive}\n"
        tests = Path(__file__).parents[2]
        search_path = os.pathsep.join([str(tests), *filter(None, [os.environ.get("PYTHONPATH")])])
        self._process = subprocess.Popen(
            [sys.executable, "-m", "helpers.ingest_process"],
            env=os.environ | {"PYTHONPATH": search_path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def start(self) -> int:
        self._process.stdin.write(self._job)
        return int(self._process.stdout.readline())

    def end(self) -> int:
        """Wait for the child; return what killed it, 0 where it ended by itself."""
        return int(self._process.stdout.readline())

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()


def archived(polls, folder: Path) -> Path:
    with open_archive(folder, "http://127.0.0.1/feed", print) as archive:
        for poll in polls:
            archive.add(Attempt(poll.fetched_at, Outcome.POLL, status=200), poll.body)
    return folder


def kill_somewhere(store: Store, process: Process, chance: random.Random, most_polls: int) -> None:
    """Start a child and kill it: once it has stored a random number of polls, or while it starts."""
    enough = store.poll_count(LINE) + chance.choice([0, chance.randint(1, most_polls)])
    child = process.start()
    while store.poll_count(LINE) < enough:
        time.sleep(0.01)
    time.sleep(chance.uniform(0, 0.02 if enough else 0.3))
    os.kill(child, signal.SIGKILL)
    assert process.end() == signal.SIGKILL, "it ended before it was killed"


def killed_again_and_again(url, polls, archive, kills, most_polls, seed) -> list[int]:
    """Kill `kills` times, check the store each time, then let it end; return the number of stored polls at each kill."""
    batch, chance, counts = Batch(polls), random.Random(seed), []
    store, process = Store.open(url), Process(url, archive)
    store.save_line(LINE, LINE_FILTER.metadata)
    try:
        for _ in range(kills):
            kill_somewhere(store, process, chance, most_polls)
            counts.append(store.poll_count(LINE))
            assert_frame_equal(store.log(LINE, DAY), batch.log(counts[-1]))
        process.start()
        assert process.end() == 0
    finally:
        process.close()
    assert store.poll_count(LINE) == len(polls)
    assert_frame_equal(store.log(LINE, DAY), batch.log(len(polls)))
    assert_frame_equal(Ingest.resume(store, LINE, LINE_FILTER).log(DAY), batch.log(len(polls)))
    store.close()
    return counts


def test_an_ingest_that_is_killed_at_random_resumes(store_url, hour):
    polls, archive = hour
    counts = killed_again_and_again(store_url, polls, archive, 4, len(polls) // 5, seed=1)
    assert counts == sorted(counts) and counts[-1] > 0


@pytest.mark.slow
def test_fifty_kills_in_a_simulated_day_leave_the_store_of_an_undisturbed_twin(store_url, tmp_path):
    polls = simulated(4.5, 27, interval_secs=60, out_of_order=0.05, repeated=0.05)
    polls = list({(poll.fetched_at, poll.body): poll for poll in polls}.values())
    started = time.monotonic()
    archive = archived(polls, tmp_path / "archive")
    counts = killed_again_and_again(store_url, polls, archive, 50, 2 * len(polls) // 51, seed=3)
    print(f"{len(polls)} polls, killed after {counts} in {time.monotonic() - started:.0f} s")
    twin = Store.open(f"sqlite:///{tmp_path}/twin.db")
    undisturbed = Ingest.resume(twin, LINE, LINE_FILTER)
    for poll in polls:
        undisturbed.add(poll)
    store = Store.open(store_url)
    assert_frame_equal(store.log(LINE, DAY), undisturbed.log(DAY))
    assert store.passings(LINE, DAY) == twin.passings(LINE, DAY)
    assert len(set(counts)) > 20
    store.close()
    twin.close()
