"""A real recorder process, killed in the middle of writing, again and again."""

import os
import signal
import subprocess
import sys
import time
from itertools import count

import pytest

from helpers.recording import feed, http_server, lines, replayed, respond

LARGE = 3_000_000
"""Bytes that do not compress: long enough to write that a kill hits the writing."""


def started(url, archive, *options) -> subprocess.Popen:
    command = [
        sys.executable,
        "-m",
        "headway_prediction",
        "record",
        "--url",
        url,
        "--out",
        archive,
        "--interval",
        "0.1",
    ]
    return subprocess.Popen([*map(str, command), *options], stderr=subprocess.PIPE, text=True)


def wait_for(found, process):
    while not found():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.001)


def kill_while_writing(url, archive, after_files):
    """Kill a recorder when it has written some files and is at the next one; return whether that one was unfinished."""
    process = started(url, archive)
    before = len(list(archive.glob("*/*.gz")))
    wait_for(lambda: len(list(archive.glob("*/*.gz"))) >= before + after_files, process)
    wait_for(lambda: any(archive.glob("*/.*.new-*")), process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stderr.close()
    return any(archive.glob("*/.*.new-*"))


def test_a_killed_recorder_leaves_nothing_torn_and_goes_on(tmp_path):
    numbers, archive = count(1), tmp_path / "archive"
    with http_server(lambda handler: respond(handler, 200, feed(next(numbers), os.urandom(LARGE)))) as url:
        unfinished = [kill_while_writing(url, archive, after_files) for after_files in (1, 2, 1)]
        assert any(unfinished)
        whole = len(list(archive.glob("*/*.gz")))
        resumed = started(url, archive, "--polls", "2")
        assert resumed.wait(120) == 0
        assert "2 polls, 2 new" in resumed.stderr.read()
        resumed.stderr.close()
    assert not any(archive.glob("*/.*.new-*"))
    came = replayed(archive)  # every file has its line, every line its file, every checksum agrees
    assert len(came) == whole + 2 == len(list(archive.glob("*/*.gz"))) == len(lines(archive))
    assert len({poll.body for poll in came}) == len(came)
    moments = [poll.fetched_at for poll in came]
    assert moments == sorted(moments)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_recorder_ends_on_a_signal(tmp_path, number):
    numbers = count(1)
    with http_server(lambda handler: respond(handler, 200, feed(next(numbers)))) as url:
        process = started(url, tmp_path / "archive")
        wait_for(lambda: len(list(tmp_path.glob("archive/*/*.gz"))) >= 2, process)
        process.send_signal(number)
        assert process.wait(60) == 0
    log = process.stderr.read()
    process.stderr.close()
    assert "interrupted" in log and "polls" in log and "Traceback" not in log
    assert len(replayed(tmp_path / "archive")) >= 2
