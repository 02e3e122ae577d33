"""What lies on the disk: each body once, days whole by themselves, and nothing torn."""

import os
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.recorder.archive import Retention, open_archive
from headway_prediction.feeds.recorder.archive_format import (
    Attempt,
    Outcome,
    day_name,
    file_name,
    read_index,
    time_in_name,
    write_body,
)
from headway_prediction.feeds.recorder.replay import verify
from helpers.recording import NOON, feed, lines, replayed

URL = "http://127.0.0.1/feed"
DAY = "2026-01-13"


def add(archive, body, at=NOON, outcome=Outcome.POLL) -> bool:
    return archive.add(Attempt(at, outcome, status=200), body)


def bodies(folder):
    return sorted(path.name for path in folder.glob("*/*.gz"))


@pytest.fixture
def logged():
    return []


def test_an_archive_is_plain_files_that_other_tools_read(tmp_path, logged):
    with open_archive(tmp_path / "a", URL, logged.append) as archive:
        assert add(archive, feed(1), NOON + 0.25)
    (name,) = bodies(tmp_path / "a")
    assert name.startswith("120000.250-") and (tmp_path / "a" / DAY / name).exists()
    unzipped = subprocess.run(["gzip", "-dc", tmp_path / "a" / DAY / name], capture_output=True, check=True)
    assert unzipped.stdout == feed(1)
    (line,) = lines(tmp_path / "a")
    assert line["file"] == name and line["bytes"] == len(feed(1)) and line["fetched_at"] == NOON + 0.25
    assert len(line["sha256"]) == 64 and line["sha256"].startswith(name[11:27])
    assert logged == []


def test_a_body_is_written_once_a_day_however_often_it_comes(tmp_path, logged):
    with open_archive(tmp_path / "a", URL, logged.append) as archive:
        news = [add(archive, feed(k), NOON + n) for n, k in enumerate([1, 1, 2, 1, 2])]
        archive.add(Attempt(NOON + 9, Outcome.FAILED, reason="status 500"))
    assert news == [True, False, True, False, False]
    assert len(bodies(tmp_path / "a")) == 2
    assert [poll.body for poll in replayed(tmp_path / "a")] == [feed(k) for k in (1, 1, 2, 1, 2)]


def test_a_day_is_whole_by_itself(tmp_path, logged):
    midnight = NOON + 12 * 3600
    with open_archive(tmp_path / "a", URL, logged.append) as archive:
        assert add(archive, feed(1), midnight - 1)
        assert add(archive, feed(1), midnight)
        archive.delete_day(DAY)
    assert [poll.fetched_at for poll in replayed(tmp_path / "a")] == [midnight]
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [".lock", "2026-01-14", "archive.json"]


def test_a_clock_that_is_set_back_writes_where_it_then_is(tmp_path, logged):
    with open_archive(tmp_path / "a", URL, logged.append) as archive:
        moments = [NOON, NOON + 86400, NOON + 5, NOON + 86401]
        assert [add(archive, feed(1), at) for at in moments] == [True, True, False, False]
    assert [poll.fetched_at for poll in replayed(tmp_path / "a")] == sorted(moments)


def test_an_archive_that_is_opened_again_continues(tmp_path, logged):
    for body, new in ((feed(1), True), (feed(1), False), (feed(2), True)):
        with open_archive(tmp_path / "a", URL, logged.append) as archive:
            assert add(archive, body) is new
            assert set(archive.day_bytes) == {DAY} and archive.day_bytes[DAY] > 0
    assert len(replayed(tmp_path / "a")) == 3
    assert logged == []


def torn_archive(folder, say):
    """An archive as kills leave it: a body without its line, half a body, half a line, half a deletion."""
    with open_archive(folder, URL, say) as archive:
        add(archive, feed(1))
    write_body(folder / DAY / file_name(NOON + 15.5, "ab" * 32), feed(2))
    (folder / DAY / ".120030.000-00.gz.new-0123").write_bytes(b"\x1f\x8b")
    with (folder / DAY / "index.jsonl").open("a") as index:
        index.write('{"fetched_at": 17683056')
    (folder / ".2025-12-01.deleting").mkdir()
    (folder / ".2025-12-01.deleting" / "index.jsonl").touch()


def test_what_a_kill_interrupted_is_repaired_on_opening(tmp_path, logged):
    torn_archive(tmp_path / "a", logged.append)
    (check,) = verify(tmp_path / "a")
    assert [text.split(": ")[-1] for text in check.faults] == [
        "no line of an index",
        "named by no line of the index",
    ]
    with open_archive(tmp_path / "a", URL, logged.append) as archive:
        assert not add(archive, feed(2), NOON + 20)
    assert [(poll.fetched_at, poll.body) for poll in replayed(tmp_path / "a")] == [
        (NOON, feed(1)),
        (NOON + 15.5, feed(2)),
        (NOON + 20, feed(2)),
    ]
    assert {path.name for path in (tmp_path / "a").rglob(".*")} == {".lock"}
    assert [text.split(": ")[1] for text in logged] == [
        "an unfinished last line was cut off",
        "stored when the recorder was killed, now in the index",
    ]


def test_one_recorder_writes_an_archive(tmp_path, logged):
    with (
        open_archive(tmp_path / "a", URL, logged.append),
        pytest.raises(HeadwayError, match="another recorder writes"),
        open_archive(tmp_path / "a", URL, logged.append),
    ):
        pass


def test_folders_with_other_files_and_other_feeds_are_refused(tmp_path, logged):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").touch()
    (tmp_path / "plain").touch()
    with open_archive(tmp_path / "a", URL, logged.append):
        pass
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "archive.json").write_text('{"format": "headway archive", "version": 2}')
    for folder, url, found in (
        ("home", URL, "holds other files"),
        ("plain", URL, "holds other files|could not be written"),
        ("a", URL + "2", f"holds the feed at {URL}, not {URL}2"),
        ("new", URL, "of another format"),
    ):
        with pytest.raises(HeadwayError, match=found), open_archive(tmp_path / folder, url, logged.append):
            pass
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["thesis.tex"]


def test_a_day_that_was_moved_away_starts_again(tmp_path, logged):
    with open_archive(tmp_path / "a", URL, logged.append) as archive:
        add(archive, feed(1))
        shutil.move(tmp_path / "a" / DAY, tmp_path / "elsewhere")
        with pytest.raises(HeadwayError, match="could not be written"):
            add(archive, feed(2))
        assert add(archive, feed(1))
    assert len(replayed(tmp_path / "a")) == 1


@pytest.fixture
def tiny_disk(tmp_path):
    """A disk of 256 KiB; needs the right to mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    command = [mount, "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk]
    if mount is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("only the superuser may mount a tiny disk")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_full_disk_is_an_error_and_survived(tiny_disk, logged):
    ballast = tiny_disk / "ballast"
    with open_archive(tiny_disk / "a", URL, logged.append) as archive:
        add(archive, feed(0))
        ballast.write_bytes(bytes(180_000))
        stored, refused = [], 0
        for k in range(1, 400):
            body = feed(k, os.urandom(3000))
            try:
                add(archive, body, NOON + k)
                stored.append(body)
            except HeadwayError as error:
                assert "could not be written: No space left on device" in str(error)
                refused += 1
        assert stored and refused
        assert [poll.body for poll in replayed(tiny_disk / "a")] == [feed(0), *stored]
        ballast.unlink()
        assert add(archive, feed(500), NOON + 500)
    assert [poll.body for poll in replayed(tiny_disk / "a")] == [feed(0), *stored, feed(500)]
    assert logged == []


SIZES = {"2026-01-10": 5, "2026-01-11": 5, "2026-01-12": 5, DAY: 9}


@pytest.mark.parametrize(
    "retention, expired",
    [
        (Retention(), []),
        (Retention(days=4), []),
        (Retention(days=3), ["2026-01-10"]),
        (Retention(days=1), ["2026-01-10", "2026-01-11", "2026-01-12"]),
        (Retention(bytes=24), []),
        (Retention(bytes=23), ["2026-01-10"]),
        (Retention(bytes=14), ["2026-01-10", "2026-01-11"]),
        (Retention(bytes=0), ["2026-01-10", "2026-01-11", "2026-01-12"]),
        (Retention(days=3, bytes=14), ["2026-01-10", "2026-01-11"]),
    ],
)
def test_the_oldest_days_go_first_and_today_never(retention, expired):
    assert retention.expired(SIZES, DAY) == expired


def test_a_clock_set_wrong_by_a_year_does_not_empty_the_archive():
    assert Retention(days=4).expired(SIZES | {"2027-01-13": 1}, "2027-01-13") == ["2026-01-10"]


@given(st.floats(0, 4e9))
def test_a_name_holds_the_time_to_the_millisecond(moment):
    parsed = time_in_name(day_name(moment), file_name(moment, "0" * 64))
    assert -2e-6 < moment - parsed < 0.001001


@given(st.binary(max_size=200))
def test_any_bytes_for_an_index_are_read_without_a_traceback(tmp_path_factory, data):
    index = tmp_path_factory.mktemp("index") / "index.jsonl"
    index.write_bytes(data)
    faults = []
    attempts = list(read_index(index, faults.append))
    assert (
        len(attempts) + len(faults) == len(data.removesuffix(b"\n").split(b"\n"))
        if data.strip(b"\n")
        else not attempts
    )


@pytest.mark.parametrize(
    "line",
    [
        "[]",
        "7",
        "{}",
        '{"fetched_at": 1, "outcome": "poll"}',
        '{"fetched_at": NaN, "outcome": "failed"}',
        '{"fetched_at": 1, "outcome": "odd"}',
        '{"fetched_at": 1, "outcome": "poll", "file": "../../etc/passwd", "sha256": "", "bytes": 1}',
        '{"fetched_at": 1, "outcome": "poll", "file": "a.gz", "sha256": "", "bytes": -1}',
        '{"fetched_at": 1, "outcome": "failed", "colour": "red"}',
    ],
)
def test_lines_that_no_recorder_wrote_are_reported(tmp_path, line):
    (tmp_path / "index.jsonl").write_text(line + "\n")
    faults = []
    assert list(read_index(tmp_path / "index.jsonl", faults.append)) == []
    assert faults == [f"{tmp_path / 'index.jsonl'}, line 1: no line of an index"]
