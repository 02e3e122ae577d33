"""record and replay as a user meets them."""

import os
import re
import subprocess
import sys
import urllib.request
from itertools import count

import pytest

from cli.test_cli import refused
from headway_prediction.simulate.feed.server import serving
from helpers.lines import headway
from helpers.recording import everything_written, feed, feed_server, http_server, polls, replayed, respond


@pytest.fixture
def archive(tmp_path):
    with serving(feed_server(polls(3))) as server:
        assert (
            headway("record", "--url", server.url, "--out", tmp_path / "a", "--interval", 0.1, "--polls", 3)
            == 0
        )
    return tmp_path / "a"


def test_a_feed_is_recorded_and_verified(archive, capfd):
    assert [poll.body for poll in replayed(archive)] == [poll.body for poll in polls(3)]
    assert headway("replay", archive, "--verify") == 0
    out = capfd.readouterr().out
    assert re.fullmatch(r"\d{4}-\d\d-\d\d: 3 poll, 0 quarantined, 0 failed; 3 files whole, 0 faults\n", out)


def test_a_damaged_archive_ends_with_status_1_and_names_the_file(archive, capfd):
    path = next(archive.glob("*/*.gz"))
    path.write_bytes(b"")
    assert headway("replay", archive, "--verify") == 1
    assert f"  {path}: the checksum differs" in capfd.readouterr().out


def test_a_recording_is_served_again_and_can_be_recorded_from_there(archive, tmp_path):
    command = [sys.executable, "-m", "headway_prediction", "replay", archive, "--speed", "inf", "--port", "0"]
    with subprocess.Popen([*map(str, command)], stderr=subprocess.PIPE, text=True) as process:
        url = re.search(r"http://\S+", process.stderr.readline())[0]
        assert headway("record", "--url", url, "--out", tmp_path / "b", "--interval", 0.1, "--polls", 3) == 0
        with urllib.request.urlopen(url, timeout=60) as answer:
            assert answer.read() == polls(3)[-1].body
        process.terminate()
        assert process.wait(60) == 0
        assert "Traceback" not in process.stderr.read()
    assert [poll.body for poll in replayed(tmp_path / "b")] == [poll.body for poll in polls(3)]


def test_the_key_comes_from_the_environment_and_goes_nowhere_else(tmp_path, capfd, monkeypatch):
    monkeypatch.setenv("FEED_KEY", "s3cret")
    told, numbers = [], count()

    def answer(handler):
        told.append(handler.headers["x-api-key"])
        respond(handler, 200, feed(next(numbers)))

    with http_server(answer) as url:
        words = ("record", "--url", url, "--out", tmp_path / "a", "--interval", 0.1, "--polls", 2)
        assert headway(*words, "--key-variable", "FEED_KEY", "--key-header", "x-api-key") == 0
    assert told == ["s3cret", "s3cret"]
    out, err = capfd.readouterr()
    assert err.endswith("2 polls, 2 new, 0 quarantined, 0 failed, 0 lost\n")
    assert b"s3cret" not in everything_written(tmp_path / "a") + (out + err).encode()


def test_mistakes_are_one_sentence(tmp_path, capfd, archive):
    os.environ.pop("NO_SUCH_KEY", None)
    capfd.readouterr()
    new = tmp_path / "new"
    assert "cannot be fetched" in refused(capfd, "record", "--url", "trips.pb", "--out", new)
    keyed = ("record", "--url", "http://127.0.0.1:1/", "--out", new, "--key-variable", "NO_SUCH_KEY")
    assert "half described" in refused(capfd, *keyed)
    assert "NO_SUCH_KEY is not set" in refused(capfd, *keyed, "--key-header", "x-api-key")
    assert "holds the feed at" in refused(capfd, "record", "--url", "http://127.0.0.1:1/", "--out", archive)
    assert "is no archive" in refused(capfd, "replay", tmp_path / "absent")
    assert "cannot be read" in refused(capfd, "replay", archive, "--since", "2026-01-13T08:00")
    assert "no poll to serve" in refused(capfd, "replay", archive, "--until", "2020-01-01T00:00Z")
    assert "the fault 'fast'" in refused(capfd, "replay", archive, "--fault", "fast", "--port", 0)
    assert "the speed is 0" in refused(capfd, "replay", archive, "--speed", 0)
    with http_server(lambda handler: respond(handler, 403)) as url:
        assert "status 403" in refused(capfd, "record", "--url", url, "--out", new)


def test_a_simulated_feed_is_served_with_its_schedule(tmp_path):
    schedule = tmp_path / "gtfs.zip"
    command = [
        sys.executable,
        "-m",
        "headway_prediction",
        "simulate-feed",
        "--port",
        0,
        "--stations",
        5,
        "--speed",
        "inf",
    ]
    command += ["--at", "2026-01-13T14:00+00:00", "--gtfs", schedule]
    with subprocess.Popen([*map(str, command)], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr.readline() == f"wrote {schedule}\n"
        url = re.search(r"http://\S+", process.stderr.readline())[0]
        assert headway("record", "--url", url, "--out", tmp_path / "a", "--interval", 0.1, "--polls", 4) == 0
        process.terminate()
        assert process.wait(60) == 0
    assert len({poll.body for poll in replayed(tmp_path / "a")}) == 4
    assert schedule.stat().st_size > 1000
