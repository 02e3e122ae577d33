"""A bundle trained again from the store replaces the served one only if it is better; the previous one can be restored."""

import shutil
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from headway_prediction.bundle.bundle import Bundle
from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.realtime.metadata import FeedMetadata
from headway_prediction.feeds.realtime.snapshot import Poll
from headway_prediction.grid.headway_grid import outages_on
from headway_prediction.service.live.ingest import Ingest, LineFilter
from headway_prediction.service.live.retrain import (
    compare,
    previous_path,
    restore_previous,
    retrain,
    stored_history,
)
from headway_prediction.service.store import Store
from headway_prediction.simulate import Scenario
from headway_prediction.simulate.feed.faults import FeedFaults
from headway_prediction.simulate.feed.message import FeedContent
from headway_prediction.simulate.feed.polls import polls_from
from headway_prediction.transit.clock import service_day_start
from helpers.lines import headway

SCENARIO = Scenario.of_size(5)
MONDAY = date(2025, 9, 15)
"""The first one after the days that small_line was trained on and tested with."""
TUESDAY = date(2025, 9, 16)


def moment(day: date, hour: float) -> float:
    return service_day_start(day, SCENARIO.time_zone).timestamp() + hour * 3600


def morning(day: date) -> list[Poll]:
    """The polls of 6:00 to 9:00 of a service date, one a minute."""
    begin, polls = datetime.fromtimestamp(moment(day, 6)).astimezone(), []
    for poll in polls_from(
        SCENARIO, begin, interval_secs=60, content=FeedContent(), faults=FeedFaults(), seed=5
    ):
        if poll.fetched_at >= moment(day, 9):
            return polls
        polls.append(poll)


@pytest.fixture(scope="module")
def bundle(small_line):
    return Bundle.load(small_line / "bundle")


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A store with the mornings of three service dates, the last of them not over.

    The feed was off for half an hour of the first one, and stood still for half an hour of the second.
    """
    url = f"sqlite:///{tmp_path_factory.mktemp('served') / 'store.sqlite'}"
    store = Store.open(url)
    ingest = Ingest.resume(
        store, SCENARIO.line_id, LineFilter(SCENARIO.line_id, FeedMetadata(SCENARIO.time_zone))
    )
    for day in (MONDAY, TUESDAY, TUESDAY + timedelta(days=1)):
        polls = morning(day)
        silent = [moment(day, 7) < poll.fetched_at < moment(day, 7.5) for poll in polls]
        still = polls[silent.index(True) - 1].body
        for poll, off in zip(polls, silent, strict=True):
            if not off or day > TUESDAY:
                ingest.add(poll)
            elif day == TUESDAY:
                ingest.add(Poll(poll.fetched_at, still))
    yield url, store
    store.close()


def test_complete_days_make_the_history_with_the_outages(served, bundle):
    history = stored_history(served[1], bundle, None)
    assert history.service_dates == [MONDAY, TUESDAY]
    assert history.line == bundle.line and history.timetable is bundle.timetable
    for day in (MONDAY, TUESDAY):
        outages = outages_on(history.grid.attrs, day)
        assert any(first in (419, 420) and end in (450, 451) for first, end in outages)
    valid = history.day(MONDAY)["valid"].values
    assert valid[400:419].any() and not valid[421:449].any()


def test_an_empty_store_is_refused(bundle, tmp_path):
    with pytest.raises(HeadwayError, match="no complete service date"):
        stored_history(Store.open(f"sqlite:///{tmp_path / 'empty.sqlite'}"), bundle, None)


def test_a_bundle_is_no_better_than_itself(served, bundle):
    history = stored_history(served[1], bundle, None)
    result = compare(history, bundle, bundle, history.service_dates)
    assert result.previous_mae == result.new_mae > 0 and not result.replaced


def test_restoring_twice_exchanges_the_two(bundle, tmp_path):
    path = tmp_path / "bundle"
    with pytest.raises(HeadwayError, match="not a sound bundle"):
        restore_previous(path)
    for where, note in ((path, "new"), (previous_path(path), "previous")):
        replace(bundle, details={"note": note}).save(where)
    assert headway("retrain", "--bundle", path, "--rollback") == 0
    notes = [Bundle.load(where).details["note"] for where in (path, previous_path(path))]
    assert notes == ["previous", "new"]
    assert headway("retrain", "--bundle", path, "--rollback") == 0
    assert Bundle.load(path).details["note"] == "new"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["bundle", "bundle.previous"]


def test_a_bundle_that_is_not_served_is_not_trained_again(served, bundle, tmp_path):
    """Its forecasts reach 20 minutes ahead; the service publishes 15."""
    path = tmp_path / "bundle"
    replace(bundle, config=replace(bundle.config, forecast_mins=20)).save(path)
    with pytest.raises(HeadwayError, match="20 minutes ahead; expected 15, which the service publishes"):
        retrain(served[1], path, quiet=True)
    assert [entry.name for entry in tmp_path.iterdir()] == ["bundle"]


def contents(folder: Path) -> dict[Path, bytes]:
    return {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.fixture(scope="module")
def a_week(served):
    """The same store with the mornings of three more service dates."""
    _, store = served
    for day in (date(2025, 9, 18), date(2025, 9, 19), date(2025, 9, 22)):
        line_filter = LineFilter(SCENARIO.line_id, FeedMetadata(SCENARIO.time_zone))
        ingest = Ingest.resume(store, SCENARIO.line_id, line_filter)
        for poll in morning(day):
            ingest.add(poll)
    return store


@pytest.mark.slow
def test_a_better_bundle_replaces_the_previous_one(a_week, small_line, tmp_path):
    """The simulated days do not change, so a spoilt network takes the place of one that has aged."""
    path = shutil.copytree(small_line / "bundle", tmp_path / "bundle")
    spoilt = Bundle.load(path)
    scale = {"scaler": 2 * spoilt.config.scaler}
    replace(spoilt, config=replace(spoilt.config, **scale)).save(path)
    changes = {"epochs": 1, "scaler": spoilt.config.scaler, "test_days": 1}
    result = retrain(a_week, path, changes=changes, quiet=True)
    assert result.replaced and result.new_mae < result.previous_mae
    new = Bundle.load(path)
    assert new.config.scaler == spoilt.config.scaler and MONDAY in new.days["training"]
    assert Bundle.load(previous_path(path)).config.scaler == 2 * spoilt.config.scaler
    assert not path.with_name("bundle.retrain.run").exists()


@pytest.mark.slow
def test_a_worse_bundle_does_not_replace_it(a_week, small_line, tmp_path):
    path = shutil.copytree(small_line / "bundle", tmp_path / "bundle")
    before = contents(path)
    changes = {"epochs": 1, "learning_rate": 1.0, "test_days": 1}  # far too high: the network diverges
    result = retrain(a_week, path, changes=changes, quiet=True)
    assert not result.replaced and result.new_mae > result.previous_mae
    assert contents(path) == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["bundle"]
