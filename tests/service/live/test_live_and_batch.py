"""Tracked poll by poll or from a recording, cut off at a minute: the same grid, cell for cell."""

from collections.abc import Iterator

import numpy as np
import polars as pl
import pytest
import xarray as xr

from headway_prediction.feeds.logs.arrivals import check_arrivals
from headway_prediction.feeds.realtime.arrival_log import tidy_log
from headway_prediction.feeds.realtime.metadata import FeedMetadata
from headway_prediction.feeds.realtime.passing import Passing
from headway_prediction.feeds.realtime.snapshot import Poll
from headway_prediction.feeds.realtime.tracker import FeedTracker, track_polls
from headway_prediction.grid.history import build_history, history_from_log
from headway_prediction.grid.passings import passings_on_line
from headway_prediction.simulate import Scenario, plan_day, simulate_day
from headway_prediction.simulate.feed.faults import FeedFaults
from headway_prediction.simulate.feed.polls import polls
from headway_prediction.simulate.trains import run_day
from headway_prediction.transit.clock import instant
from headway_prediction.transit.line import Line

SCENARIO = Scenario.of_size(5)
DAY = SCENARIO.start_date
PLAN = plan_day(SCENARIO, DAY)
ZONE = SCENARIO.time_zone
LINE = Line.from_arrivals(check_arrivals(simulate_day(SCENARIO, PLAN, seed=3)), ZONE)
FAULTS = FeedFaults(
    out_of_order=0.1,
    repeated=0.1,
    older=0.05,
    malformed=0.02,
    header_stands_still=0.1,
    vanishing_trips=0.2,
    renamed_trips=0.1,
    cancelled_trips=0.05,
    skipped_stops=0.05,
    without_trip=0.1,
    outages=((7 * 3600 + 1200, 240), (12 * 3600, 600)),
)


def end_of(minute: int) -> float:
    return instant(DAY, minute + 1, ZONE).timestamp()


def delivered(hours: tuple[float, float], **options) -> list[Poll]:
    span = tuple(3600 * hour for hour in hours)
    happened = run_day(SCENARIO, PLAN, 3)
    return list(polls(SCENARIO, PLAN, happened, faults=FAULTS, seed=3, between_secs=span, **options))


def live_journals(given: list[Poll], minutes: list[int]) -> Iterator[tuple[list[Poll], list[Passing]]]:
    """At the end of each minute: the polls that had come, and the journal of a tracker that forgets what it hands over."""
    tracker, closed, come = FeedTracker(), [], 0
    for minute in minutes:
        while come < len(given) and given[come].fetched_at < end_of(minute):
            tracker.add(given[come])
            come += 1
            closed += tracker.take_closed()
        yield given[:come], [*closed, *tracker.journal()]


def log_of(journal: list[Passing]) -> pl.DataFrame:
    log, _ = tidy_log(journal, FeedMetadata(ZONE, dict(zip(*stop_names(), strict=True))))
    return check_arrivals(log)


def stop_names() -> tuple[list[str], list[str]]:
    return LINE.stop_ids(0), LINE.station_names


def known_at(journal: list[Passing], minute: int) -> xr.Dataset:
    """The grid of all that a journal holds when the minute ends, and nothing else."""
    passings, _ = passings_on_line(log_of(journal), LINE)
    return build_history(passings, LINE, None, [DAY], {DAY: minute}, {}).grid


def cut_off(journal: list[Passing], minute: int) -> xr.Dataset:
    """The grid of a journal that goes on, as of the end of the minute."""
    return history_from_log(log_of(journal), LINE).as_of(DAY, minute).grid


def assert_same_cells(one: xr.Dataset, other: xr.Dataset) -> None:
    assert set(one.data_vars) == set(other.data_vars)
    for name in one.data_vars:
        np.testing.assert_array_equal(one[name].values, other[name].values, err_msg=name)


def check_live_is_batch(given: list[Poll], minutes: list[int]) -> None:
    whole = track_polls(given).journal()
    for minute, (come, live) in zip(minutes, live_journals(given, minutes), strict=True):
        # A recording knows when each poll was fetched, and gives them in that order.
        batch = track_polls(sorted(come, key=lambda poll: poll.fetched_at)).journal()
        grid = known_at(live, minute)
        assert_same_cells(grid, known_at(batch, minute))
        later = [passing for passing in whole if passing.time >= end_of(minute)]
        goes_on = {*map(place, live)}
        assert_same_cells(grid, cut_off([*live, *(p for p in later if place(p) not in goes_on)], minute))
        assert grid["arrived"].sum() > 20


def place(passing: Passing) -> tuple:
    return passing.run.trip, passing.stop_id


def test_the_grid_of_a_live_journal_is_the_batch_grid_of_the_same_passings():
    check_live_is_batch(delivered((6.75, 7.75)), [7 * 60 + 15, 7 * 60 + 21, 7 * 60 + 25, 7 * 60 + 44])


@pytest.mark.slow
def test_the_two_are_the_same_through_a_whole_day():
    check_live_is_batch(
        delivered((4.5, 26)), [6 * 60, 8 * 60 + 3, 12 * 60 + 5, 12 * 60 + 11, 18 * 60, 25 * 60 + 30]
    )


def differing(given: list[Poll], minutes: list[int], *, polled: bool) -> float:
    """The share of valid cells at the ends of minutes in which hindsight knows another headway than was known live.

    With `polled`, only passings that a poll contained by then count: differences are then corrections alone.
    """
    whole = track_polls(given).journal()
    apart, valid = 0, 0
    for minute, (_, live) in zip(minutes, live_journals(given, minutes), strict=True):
        later = [p for p in whole if not polled or p.polls[1] < end_of(minute) or p.time >= end_of(minute)]
        then, now = (grid.isel(time=minute) for grid in (known_at(live, minute), cut_off(later, minute)))
        both = then["valid"].values | now["valid"].values
        apart += int((both & ~np.isclose(then["headway"], now["headway"], atol=0.5)).sum())
        valid += int(both.sum())
    return apart / valid


def test_hindsight_adds_passings_of_later_polls_and_hardly_corrects_the_rest():
    given, minutes = delivered((6.75, 7.75)), [*range(7 * 60, 7 * 60 + 44, 2)]
    assert differing(given, minutes, polled=True) < 0.02
    assert differing(given, minutes, polled=True) < differing(given, minutes, polled=False) < 0.2
