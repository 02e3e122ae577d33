"""Reading an archive: the same polls, and every damage found."""

import gzip

import pytest

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.realtime.recorded import recorded_polls
from headway_prediction.feeds.recorder.archive import open_archive
from headway_prediction.feeds.recorder.archive_format import Attempt, Outcome
from headway_prediction.feeds.recorder.replay import replay, verify
from helpers.recording import NOON, feed, replayed


@pytest.fixture
def archive(tmp_path):
    """Three days of polls twelve hours apart, the third of which brings nothing new; one page in quarantine, one failure."""
    folder = tmp_path / "archive"
    with open_archive(folder, "http://127.0.0.1/feed", print) as writer:
        for k, content in enumerate([1, 2, 2, 3, 1]):
            writer.add(Attempt(NOON + k * 43200, Outcome.POLL), feed(content))
        writer.add(Attempt(NOON + 4.1 * 43200, Outcome.QUARANTINED, reason="a page"), b"<html>")
        writer.add(Attempt(NOON + 4.2 * 43200, Outcome.FAILED, reason="status 500"))
    return folder


def test_every_poll_comes_again_in_order_and_nothing_else(archive):
    assert [(poll.fetched_at, poll.body) for poll in replayed(archive)] == [
        (NOON + k * 43200, feed(content)) for k, content in enumerate([1, 2, 2, 3, 1])
    ]


def test_a_poll_that_brought_nothing_new_has_the_very_same_body(archive):
    _, second, third, *_ = replayed(archive)
    assert second.body is third.body


def test_passings_are_made_of_an_archives_polls_and_of_files_together(archive, tmp_path):
    (tmp_path / "more").mkdir()
    between = int(NOON + 0.5 * 43200)
    (tmp_path / "more" / f"{between}.pb").write_bytes(feed(9))
    found = list(recorded_polls([archive, tmp_path / "more"], print))
    assert [poll.body for poll in found] == [feed(content) for content in [1, 9, 2, 2, 3, 1]]
    assert [poll.fetched_at for poll in found] == sorted(poll.fetched_at for poll in found)


def test_a_part_is_selected_by_time(archive):
    def moments(**part):
        return [(poll.fetched_at - NOON) / 43200 for poll in replay(archive, print, **part)]

    assert moments(since=NOON + 43200, until=NOON + 3 * 43200) == [1, 2]
    assert moments(since=NOON + 43201) == [2, 3, 4]
    assert moments(until=NOON + 1) == [0]
    assert moments(until=NOON) == []
    with pytest.raises(HeadwayError, match="ends before it begins"):
        replay(archive, print, since=NOON, until=NOON)


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


UNREADABLE, CHANGED = "the file cannot be read", "the checksum differs from the index"
DAMAGES = {
    "a flipped bit": (flip, (UNREADABLE, CHANGED)),
    "a lost end": (lambda path: path.write_bytes(path.read_bytes()[:-9]), (UNREADABLE,)),
    "no bytes": (lambda path: path.write_bytes(b""), (CHANGED,)),
    "no file": (lambda path: path.unlink(), ("the file is missing",)),
    "another poll": (lambda path: path.write_bytes(gzip.compress(feed(9))), (CHANGED,)),
    "a file that unfolds without end": (
        lambda path: path.write_bytes(gzip.compress(feed(1) + bytes(10**7))),
        (CHANGED,),
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_every_damage_is_found_named_and_passed_over(archive, damage):
    inflict, expected = DAMAGES[damage]
    (path,) = archive.glob("2026-01-13/*.gz")
    inflict(path)
    faults = []
    assert [poll.body for poll in replay(archive, faults.append)] == [feed(2), feed(2), feed(3), feed(1)]
    assert faults == [fault for check in verify(archive) for fault in check.faults]
    assert len(faults) == 1 and faults[0] in {f"{path}: {words}" for words in expected}


def test_a_day_is_counted(archive):
    checks = list(verify(archive))
    assert [check.day for check in checks] == ["2026-01-13", "2026-01-14", "2026-01-15"]
    assert checks[1].outcomes == {Outcome.POLL: 2, Outcome.QUARANTINED: 0, Outcome.FAILED: 0}
    assert checks[2].outcomes == {Outcome.POLL: 2, Outcome.QUARANTINED: 1, Outcome.FAILED: 1}
    assert [check.intact_files for check in checks] == [1, 1, 3]


def test_what_is_no_archive_is_refused(tmp_path):
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(HeadwayError, match="is no archive"):
            replay(folder, print)
        with pytest.raises(HeadwayError, match="is no archive"):
            verify(folder)
