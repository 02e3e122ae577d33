"""The accuracy of a journal, worked out by hand: missed and spurious departures, and errors of time."""

from dataclasses import replace

import pytest

from headway_prediction.feeds.realtime.passing import Evidence, Passing, Run
from headway_prediction.feeds.realtime.snapshot import TripKey
from helpers.benchmark_modules import load_benchmark

feed_truth = load_benchmark("feed_truth")
Departure, compare_journal, combined = feed_truth.Departure, feed_truth.compare_journal, feed_truth.combined

TRUTH = {
    Departure("A001", 0, "S01"): 100.0,
    Departure("A001", 0, "S02"): 200.0,
    Departure("A001", 0, "S03"): 300.0,
    Departure("B001", 1, "S03"): 150.0,
}


def passing(trip: str, direction: int, stop_id: str, time: float) -> Passing:
    run = Run(TripKey("", trip), 0.0, "L", direction)
    return Passing(run, stop_id, time, time, time, Evidence.LEFT, (time, time))


def test_missed_and_spurious_departures_of_a_span():
    journal = [
        passing("A001", 0, "S01", 104),
        passing("A001-R", 0, "S02", 198),  # the same train, under another trip
        passing("B001", 1, "S01", 160),  # not in the truth
        passing("A001", 0, "S02", 199),  # a second time
        passing("B001", 0, "S03", 500),  # outside
    ]
    found = compare_journal(TRUTH, journal, (0, 250))
    assert found.missed == (Departure("B001", 1, "S03"),)
    assert found.spurious == (Departure("B001", 1, "S01"), Departure("A001", 0, "S02"))
    assert (found.expected, found.found, found.errors) == (3, 4, (4.0, 2.0))
    assert (found.recall, found.precision, found.median_error) == (pytest.approx(2 / 3), 0.5, 3.0)


def test_spans_add_up():
    whole = compare_journal(TRUTH, [passing("A001", 0, "S01", 101)], (0, 1000))
    parts = [
        compare_journal(TRUTH, [passing("A001", 0, "S01", 101)], span) for span in ((0, 180), (180, 1000))
    ]
    assert set(combined(parts).missed) == set(whole.missed)
    assert replace(combined(parts), missed=whole.missed) == whole


def test_an_empty_truth_and_an_empty_journal_agree():
    nothing = compare_journal({}, [], (0, 1))
    assert (nothing.recall, nothing.precision, nothing.median_error, nothing.error_p95) == (1, 1, 0, 0)
