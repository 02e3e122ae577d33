"""Which bundles are served and replace the one in use; and the days that its prior keeps."""

import shutil
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from headway_prediction.bundle.bundle import Bundle
from headway_prediction.errors import HeadwayError
from headway_prediction.forecasters.physics.prior import PhysicsPrior
from headway_prediction.service.live.background import Issues
from headway_prediction.service.live.line_state import prior_of
from headway_prediction.service.live.served_bundle import BundleWatcher, load_bundle
from helpers.service_line import LoggedLine

FRIDAY = date(2025, 9, 12)


@pytest.fixture(scope="module")
def loaded(small_line):
    return load_bundle(small_line / "bundle")


def test_a_bundle_without_the_published_quantiles_is_refused(loaded, tmp_path):
    other = replace(loaded.bundle.config, quantiles=(0.05, 0.5, 0.95))
    replace(loaded.bundle, config=other).save(tmp_path / "bundle")
    with pytest.raises(HeadwayError, match=r"0\.05, 0\.5, 0\.95.*quantiles = \[0\.1, 0\.5, 0\.9\]"):
        load_bundle(tmp_path / "bundle")


def test_the_bundle_of_another_line_is_not_used(loaded, small_line, tmp_path):
    served, issues = shutil.copytree(small_line / "bundle", tmp_path / "bundle"), Issues()
    watcher = BundleWatcher(served, loaded, issues)
    line = replace(loaded.bundle.line, line_id="elsewhere")
    trained = replace(loaded.bundle.lines[0], line=line)
    fitted = replace(loaded.bundle.fitted, line=line)
    replace(loaded.bundle, lines=(trained,), statistics=fitted).save(served)
    watcher.check()
    assert not watcher.take_new() and "elsewhere" in issues.current()[0] and watcher.current is loaded
    shutil.rmtree(served)
    watcher.check()  # it may be in the middle of being replaced
    assert len(issues.current()) == 1
    watcher.check()
    assert not watcher.take_new() and "no such folder" in issues.current()[0]


@pytest.fixture(scope="module")
def bundle(small_line):
    return Bundle.load(small_line / "bundle")


def test_a_minute_matches_trains_once_per_history(small_line, bundle, monkeypatch):
    histories, matched = [], PhysicsPrior._direction_days

    def counting(prior, history, service_date):
        histories.append(history)
        return matched(prior, history, service_date)

    line = LoggedLine(bundle, small_line / "arrivals.parquet", FRIDAY)
    monkeypatch.setattr(PhysicsPrior, "_direction_days", counting)
    for t0 in (500, 501):
        histories.clear()
        line.minute(t0)
        assert len({id(history) for history in histories}) == len(histories) > 0


def test_the_cache_keeps_histories_and_dates_apart(small_line, bundle):
    line = LoggedLine(bundle, small_line / "arrivals.parquet", FRIDAY)
    line.minute(500)
    first = line.forecast_loop.newest.origin.history
    line.minute(530)
    second = line.forecast_loop.newest.origin.history
    prior, state = prior_of(bundle), prior_of(bundle).state()
    for history in (first, second, first):
        alone = PhysicsPrior.from_state(state)
        found, expected = (given.direction_days(history, FRIDAY) for given in (prior, alone))
        for ours, theirs in zip(found, expected, strict=True):
            np.testing.assert_array_equal(ours.matched.trains.minutes, theirs.matched.trains.minutes)
    monday = prior.direction_days(first, date(2025, 9, 8))
    assert len(monday[0].matched.trains.minutes) == 0
