"""Databases that are locked, full, gone or cut off under a running ingest: it goes on, reports it, and loses nothing."""

import os
import sqlite3
import subprocess
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

from headway_prediction.service.live import background
from headway_prediction.service.live.background import WriteQueue
from headway_prediction.service.live.ingest import Ingest
from headway_prediction.service.store import Store
from helpers.ingested import DAY, LINE, LINE_FILTER, batch_log, simulated


@pytest.fixture(scope="module")
def polls():
    return simulated(8, 8.5)


@pytest.fixture
def quick(monkeypatch):
    """Retry at once, and merge batches after a few polls."""
    monkeypatch.setattr(background, "RETRY_SECS", 0.0)
    monkeypatch.setattr(background, "MAX_BATCHES", 8)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "store.db"


@pytest.fixture
def store(file):
    opened = Store.open(f"sqlite:///{file}")
    yield opened
    opened.close()


def add_through(ingest: Ingest, polls, failure, reason: str, first=60, last=75) -> tuple[str, ...]:
    """Add polls, some of them during a failure of the database; return the issues of that time."""
    for poll in polls[:first]:
        ingest.add(poll)
    assert ingest.issues() == ()
    with failure:
        for poll in polls[first:last]:
            ingest.add(poll)
        issues = ingest.issues()
        assert ingest.waiting_polls == last - first
        assert_frame_equal(ingest.log(DAY), batch_log(polls[:last]))  # the service goes on from memory
    (sentence,) = issues
    assert reason in sentence and f"{last - first} polls wait" in sentence
    for poll in polls[last:]:
        ingest.add(poll)
    return issues


def nothing_is_lost(ingest: Ingest, store: Store, polls) -> None:
    assert (ingest.issues(), ingest.waiting_polls) == ((), 0)
    expected = batch_log(polls)
    assert store.poll_count(LINE) == len(polls)
    for log in (ingest.log(DAY), store.log(LINE, DAY), Ingest.resume(store, LINE, LINE_FILTER).log(DAY)):
        assert_frame_equal(log, expected)


@contextmanager
def locked(file: Path):
    """Another program holds the database for writing."""
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    yield
    other.rollback()
    other.close()


def test_a_locked_database(store, file, polls, quick, monkeypatch):
    monkeypatch.setattr("headway_prediction.service.store.database.BUSY_SECS", 0.01)
    store = Store.open(f"sqlite:///{file}")
    ingest = Ingest.resume(store, LINE, LINE_FILTER)
    add_through(ingest, polls, locked(file), "locked")
    nothing_is_lost(ingest, store, polls)


@contextmanager
def full(store: Store):
    """The database may not grow by another page."""
    with store._writing() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
    with store._reading() as connection:  # the pool's only connection, so far: the limit is a connection's
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    yield
    with store._reading() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 4294967294")


def test_a_database_that_may_not_grow(store, polls, quick):
    ingest = Ingest.resume(store, LINE, LINE_FILTER)
    for poll in polls[:60]:
        ingest.add(poll)
    with full(store):
        for poll in polls[60:]:
            ingest.add(poll)
        assert "full" in ingest.issues()[0] and ingest.waiting_polls
        assert_frame_equal(ingest.log(DAY), batch_log(polls))
    ingest.save()
    nothing_is_lost(ingest, store, polls)


@contextmanager
def small_disk(folder: Path, size: str):
    """A file system in memory of that size."""
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True
    )
    if made.returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_disk_that_is_full(tmp_path, polls, quick):
    with small_disk(tmp_path / "disk", "12m") as disk:
        store = Store.open(f"sqlite:///{disk}/store.db")
        ingest = Ingest.resume(store, LINE, LINE_FILTER)
        for poll in polls[:30]:
            ingest.add(poll)
        filler = disk / "filler"
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(os.urandom(4096))
        for poll in polls[30:]:
            ingest.add(poll)
        assert ingest.issues() and ingest.waiting_polls
        assert_frame_equal(ingest.log(DAY), batch_log(polls))
        filler.unlink()
        ingest.save()
        nothing_is_lost(ingest, store, polls)
        store.close()


@contextmanager
def moved_away(file: Path):
    away = file.with_name("away.db")
    file.rename(away)
    yield
    away.rename(file)


def test_a_file_that_is_gone_and_put_back(store, file, polls, quick):
    ingest = Ingest.resume(store, LINE, LINE_FILTER)
    add_through(ingest, polls, moved_away(file), "gone")
    nothing_is_lost(ingest, store, polls)


def test_a_file_that_is_replaced_by_a_copy(store, file, polls, quick, tmp_path):
    ingest = Ingest.resume(store, LINE, LINE_FILTER)
    for poll in polls[:60]:
        ingest.add(poll)
    copy = sqlite3.connect(tmp_path / "copy.db")
    original = sqlite3.connect(file)
    original.backup(copy)
    original.close()
    copy.close()
    for name in ("store.db-wal", "store.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / "copy.db").rename(file)
    for poll in polls[60:]:
        ingest.add(poll)
    nothing_is_lost(ingest, store, polls)


@contextmanager
def stopped(server):
    server.stop()
    yield
    server.start()


def test_a_server_that_is_stopped_and_started_again(postgres, polls, quick):
    postgres.empty()
    store = Store.open(postgres.url)
    ingest = Ingest.resume(store, LINE, LINE_FILTER)
    add_through(ingest, polls, stopped(postgres), "refused")
    nothing_is_lost(ingest, store, polls)
    store.close()


def test_a_table_that_another_program_locks(postgres, polls, quick):
    import psycopg

    postgres.empty()
    store = Store.open(postgres.url)
    ingest = Ingest.resume(store, LINE, LINE_FILTER)
    with psycopg.connect(postgres.url.replace("+psycopg", "")) as other:

        @contextmanager
        def held():
            other.execute("LOCK TABLE polls IN ACCESS EXCLUSIVE MODE")
            yield
            other.rollback()

        add_through(ingest, polls, held(), "lock timeout", last=62)
    nothing_is_lost(ingest, store, polls)
    store.close()


def test_a_failing_database_is_not_retried_at_once(store, file, polls):
    moments = [100.0]
    waiting = WriteQueue(store, LINE, lambda: moments[0])
    ingest = Ingest.resume(store, LINE, LINE_FILTER)
    ingest._write_queue = waiting
    with moved_away(file):
        ingest.add(polls[0])
    moments[0] += background.RETRY_SECS / 2
    ingest.add(polls[1])
    assert waiting.waiting_polls == 2 and "nothing could be saved for 1 s" in waiting.issues()[0]
    moments[0] += background.RETRY_SECS
    ingest.save()
    assert waiting.waiting_polls == 0 and waiting.issues() == ()


@pytest.mark.slow
def test_a_database_that_is_locked_for_a_minute(store, file, polls):
    ingest = Ingest.resume(store, LINE, LINE_FILTER)
    slowest = 0.0
    with locked(file):
        until = time.monotonic() + 60
        for poll in polls[:60]:
            started = time.monotonic()
            ingest.add(poll)
            slowest = max(slowest, time.monotonic() - started)
            time.sleep(1)
        assert time.monotonic() >= until and ingest.waiting_polls == 60
    for poll in polls[60:]:
        ingest.add(poll)
    time.sleep(background.RETRY_SECS)
    ingest.save()
    print(f"the slowest poll took {slowest:.2f} s")
    nothing_is_lost(ingest, store, polls)
