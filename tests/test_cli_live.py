"""serve: what it refuses, and a whole run of it from start to a polite end."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request

import pytest

from conftest import headway


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
def test_what_is_asked_wrongly_is_refused_in_a_sentence(words, said, capsys, monkeypatch):
    monkeypatch.delenv("HEADWAY_KEYS", raising=False)
    assert headway("serve", *words) == 2
    assert said in capsys.readouterr().err


def test_a_folder_that_is_no_bundle_is_refused(tmp_path, capsys):
    assert headway("serve", "--simulate", "--bundle", tmp_path / "none", "--port", "0") == 2
    assert "not a sound bundle" in capsys.readouterr().err


@pytest.mark.slow
def test_it_serves_the_simulated_line_until_it_is_told_to_end(small_line, tmp_path):
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
