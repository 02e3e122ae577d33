"""serve: what it refuses, and a whole run of it from start to a polite end."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from dataclasses import replace

import pytest

from headway_prediction.cli import serve_setup as live_parts
from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.realtime.metadata import metadata_from_line
from headway_prediction.feeds.realtime.planned import NO_PLAN
from headway_prediction.feeds.recorder.archive import open_archive
from headway_prediction.service.live.feed_sources import ArchiveFeed
from headway_prediction.transit.line import Line, Station
from helpers.lines import headway, stop_times, stops_table, trips_table, write_gtfs


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "no source was given"),
        (("--simulate", "--url", "http://127.0.0.1:1/x"), "--url and --simulate was given"),
        (("--url", "http://127.0.0.1:1/x"), "no bundle was given"),
        (("--simulate", "--host", "0.0.0.0"), "without any key"),
        (("--simulate", "--allow-host", "https://board.example"), "the host 'https://board.example'"),
        (("--simulate", "--allow-origin", "board.example"), "the origin 'board.example'"),
        (("--simulate", "--allow-origin", "https://board.example/"), "the origin 'https://board.example/'"),
    ],
)
def test_wrong_options_are_refused_in_a_sentence(words, said, capsys, monkeypatch):
    monkeypatch.delenv("HEADWAY_KEYS", raising=False)
    assert headway("serve", *words) == 2
    assert said in capsys.readouterr().err


def test_a_folder_that_is_no_bundle_is_refused(tmp_path, capsys):
    assert headway("serve", "--simulate", "--bundle", tmp_path / "none", "--port", "0") == 2
    assert "not a sound bundle" in capsys.readouterr().err


LINE = Line("A+C", "Europe/Dublin", (Station("Quay", ("Q1", "Q2")), Station("Hill", ("H", "H"))))


def test_a_proxy_that_cannot_be_used_is_refused_at_once(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:port")
    source = live_parts.Source("https://feed.example/trips.pb", None, False, 1.0, 15.0, (None, None, None))
    with pytest.raises(HeadwayError, match="no proxy that can be used"):
        live_parts._feed(source, LINE)


def test_a_line_of_two_stations_needs_no_simulated_one_beside_it(tmp_path):
    with open_archive(tmp_path / "archive", "http://127.0.0.1/feed", print):
        pass
    source = live_parts.Source(None, tmp_path / "archive", False, 1.0, 15.0, (None, None, None))
    assert isinstance(live_parts._feed(source, LINE)[0], ArchiveFeed)


def test_the_bundle_of_another_line_is_not_served_as_the_simulated_one():
    source = live_parts.Source(None, None, True, 1.0, 15.0, (None, None, None))
    with pytest.raises(HeadwayError, match=r"A\+C, which is not simulated"):
        live_parts._feed(source, LINE)


def test_platforms_give_directions_and_the_schedule_gives_the_plan(tmp_path):
    alone = live_parts._own_passings(LINE, None, None)
    assert alone.metadata == replace(metadata_from_line(LINE), line=None) and alone.planned == NO_PLAN
    assert alone.metadata.stop_directions == {"Q1": 0, "Q2": 1}
    assert live_parts._own_passings(LINE, None, "").route_id == ""
    trips = [("A", "wk", "a", 0), ("B", "wk", "b", 0), ("C", "wk", "c", 1)]
    times = {name: [("Q1", "08:00:00"), ("H", "08:05:00")] for name in "abc"}
    tables = {"trips.txt": trips_table(trips), "stop_times.txt": stop_times(times)}
    zip_file = write_gtfs(tmp_path / "gtfs.zip", tables | {"stops.txt": stops_table(["Q1", "H"])})
    told = live_parts._own_passings(LINE, zip_file, None)
    assert told.route_id == "A+C" and told.planned.trips.keys() == {"a", "c"}
    assert told.metadata.routes == {"a": "A", "b": "B", "c": "C"}
    assert told.metadata.stop_names == {"Q1": "Quay", "Q2": "Quay", "H": "Hill"}


@pytest.mark.slow
def test_it_serves_the_simulated_line_until_it_is_interrupted(small_line, tmp_path):
    bundle = shutil.copytree(small_line / "bundle", tmp_path / "bundle")
    words = ["serve", "--simulate", "--bundle", bundle, "--port", "0", "--speed", "20"]
    words += ["--allow-host", "board.example", "--allow-origin", "https://control.example"]
    process = subprocess.Popen(
        [sys.executable, "-m", "headway_prediction", *words],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
    )
    try:
        address = next(
            found[0] for line in process.stderr if (found := re.search(r"http://127\.0\.0\.1:\d+", line))
        )
        forecast = fetched(f"{address}/api/v1/lines/garden-line/forecast?horizon=60&format=csv")
        assert forecast.count("\n") > 5 * 2 * 60 * 0.9
        assert "headway_feed_age_seconds" in fetched(f"{address}/metrics")
        named = {"Host": "board.example", "Origin": "https://control.example"}
        with urllib.request.urlopen(urllib.request.Request(f"{address}/healthz", headers=named)) as answer:
            assert answer.headers["Access-Control-Allow-Origin"] == "https://control.example"
    finally:
        process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert "Traceback" not in process.stderr.read()
    assert (tmp_path / "bundle.store.sqlite").is_file()


def fetched(address: str, secs: float = 60.0) -> str:
    """What an address answers, as soon as it does."""
    end = time.monotonic() + secs
    while True:
        try:
            with urllib.request.urlopen(address, timeout=10) as answer:
                return answer.read().decode()
        except OSError:
            assert time.monotonic() < end
            time.sleep(0.2)
