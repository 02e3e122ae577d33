"""Several networks of one line: each learns from its own share of the days and is calibrated on the others."""

import pickle
import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from headway_prediction.errors import HeadwayError
from headway_prediction.forecasters.physics.fit_prior import cross_fit_priors, fit_prior, folds_of
from headway_prediction.forecasters.prior_features import FittedPrior
from headway_prediction.training.ensemble import (
    day_number,
    days_of_known_kinds,
    fold_line,
    line_windows,
    train_ensemble,
)
from helpers.lines import MONDAY, regular_rows
from helpers.small_network import TRAINING, weights_beside
from helpers.trips import history_of

DAYS = [MONDAY + timedelta(days=k) for k in range(4)]
CONFIG = TRAINING  # all windows: which of them a shorter epoch takes depends on how many there are on all days together


def history_with(noise_by_day, days=DAYS):
    """Days of a line of four stations; the trains of each day are late by its own noise."""
    rows = [
        regular_rows(days=[day], headway=8.0, first=360, last=560, noise=noise, seed=k)
        for k, (day, noise) in enumerate(zip(days, noise_by_day, strict=True))
    ]
    return history_of([row for of_day in rows for row in of_day])


@pytest.fixture(scope="module")
def history():
    return history_with([1.5] * 4)


@pytest.fixture(scope="module")
def line(history):
    return fold_line(history, DAYS, (), members=2)


@pytest.fixture(scope="module")
def trained(line, tmp_path_factory):
    return train_ensemble([line], CONFIG, tmp_path_factory.mktemp("members"), quiet=True)


def same(first, second):
    return all(map(np.array_equal, first, second))


@pytest.mark.parametrize(("count", "folds"), [(2, 2), (3, 3), (4, 4), (9, 4)])
def test_every_day_is_in_one_fold_alone(count, folds):
    dealt = folds_of(DAYS, count)
    assert len(dealt) == folds and all(dealt)
    assert sorted(day for fold in dealt for day in fold) == DAYS


def test_several_members_validate_on_all_days_and_a_single_one_on_its_validation_days(history, line):
    assert line.folds == ((DAYS[0], DAYS[2]), (DAYS[1], DAYS[3]))
    alone = fold_line(history, DAYS[:3], DAYS[3:], members=1)
    assert alone.folds == ((DAYS[3],),) and alone.dates == tuple(DAYS)


def test_the_prior_of_a_training_day_is_not_fitted_on_that_day(history):
    priors = cross_fit_priors(history, count=4)
    assert sorted(priors) == DAYS
    for day, prior in priors.items():
        apart = fit_prior(history.select([other for other in DAYS if other != day])).state()
        for name, values in prior.state().items():
            np.testing.assert_array_equal(values, apart[name])


def test_windows_carry_the_prior_of_their_own_day_at_the_last_minute_of_their_history(history, line):
    windows = line_windows(line, CONFIG)
    for place in (0, len(windows.starts) // 2, -1):
        row = windows.starts[place]
        day = next(day for day in DAYS if day_number(day) == windows.service_days[place])
        t0 = history.grid["minute"].values[row] + CONFIG.lookback_mins - 1
        alone = line.priors[day].channels(history, day, np.array([t0]))
        np.testing.assert_array_equal(windows.prior[place], alone[0])


def test_members_are_different_networks(trained):
    assert len(trained.network_paths) == len(trained.epochs) == len(trained.validation_scores) == 2
    first, second = map(weights_beside, trained.network_paths)
    assert not same(first, second)


def test_in_processes_side_by_side_they_are_the_same(line, trained, tmp_path):
    """But for rounding, which depends on the number of threads. What a killed training left of its windows is not kept."""
    left = tmp_path / "windows" / "3" / "priors.npy"
    left.parent.mkdir(parents=True)
    left.touch()
    again = train_ensemble([line], CONFIG, tmp_path, quiet=True, processes=2)
    for first, second in zip(again.network_paths, trained.network_paths, strict=True):
        for one, other in zip(weights_beside(first), weights_beside(second), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-4)
    for one, other in zip(again.validation_scores, trained.validation_scores, strict=True):
        assert one == pytest.approx(other, rel=1e-4)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["member_1", "member_2"]


@pytest.mark.slow
def test_trained_again_they_are_the_same(line, trained, tmp_path):
    again = train_ensemble([line], CONFIG, tmp_path, quiet=True)
    assert again.epochs == trained.epochs
    assert all(
        same(weights_beside(a), weights_beside(b))
        for a, b in zip(again.network_paths, trained.network_paths, strict=True)
    )
    assert same(again.calibration.state().values(), trained.calibration.state().values())


def test_a_mistake_of_the_user_reaches_another_process_whole():
    error = pickle.loads(pickle.dumps(HeadwayError("3 days", "4 days", "log another")))
    assert str(error) == "3 days; expected 4 days; log another."
    assert (error.found, error.expected, error.remedy) == ("3 days", "4 days", "log another")


ENDLESS = """
import os, time
from headway_prediction.training.processes import training_processes
def number_of_its_process(task):
    return os.getpid()
if __name__ == "__main__":
    with training_processes(1) as run:
        print(*run(number_of_its_process, [None]), flush=True)
        run(time.sleep, [600])
"""


def test_a_process_ends_with_the_one_that_started_it(tmp_path):
    """Killed and started again, a training must not find the old one still writing its state."""
    script = tmp_path / "endless.py"
    script.write_text(ENDLESS)
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as parent:
        worker = int(parent.stdout.readline())
        parent.kill()
        parent.wait()
    until = time.monotonic() + 30
    while Path(f"/proc/{worker}").exists() and time.monotonic() < until:
        time.sleep(0.1)
    assert not Path(f"/proc/{worker}").exists()


def test_a_member_never_sees_its_validation_days(line, trained, tmp_path):
    """With the same priors, other trains on the second and fourth day change the first member alone.

    One epoch: with several, the validation days also decide which of them was the best.
    """
    changed = replace(line, history=history_with([1.5, 0.2, 1.5, 0.2]))
    members = train_ensemble([changed], CONFIG, tmp_path, quiet=True)
    first, second = zip(
        map(weights_beside, trained.network_paths), map(weights_beside, members.network_paths), strict=True
    )
    assert not same(*first)
    assert same(*second)
    assert not same(trained.calibration.state().values(), members.calibration.state().values())


def test_a_day_without_a_prior_brings_no_window(history, line):
    priors = {day: line.priors[day] for day in DAYS[1:3]}
    days = np.unique(line_windows(replace(line, priors=priors), CONFIG).service_days)
    assert days.tolist() == [day_number(day) for day in DAYS[1:3]]


def test_intervals_are_calibrated_on_days_whose_type_other_days_share():
    friday, saturday, sunday, other_saturday = (MONDAY + timedelta(days=k) for k in (4, 5, 6, 12))
    dates = [*DAYS, friday, saturday, sunday]
    assert days_of_known_kinds(dates, dates) == [*DAYS, friday]
    assert days_of_known_kinds([saturday, sunday], [*dates, other_saturday]) == [saturday]
    assert days_of_known_kinds([saturday, sunday], dates) == [saturday, sunday]
    assert days_of_known_kinds([DAYS[0], sunday], [DAYS[0], sunday]) == [DAYS[0], sunday]


def test_the_only_saturday_does_not_calibrate(tmp_path):
    days = [MONDAY + timedelta(days=k) for k in range(6)]
    config = replace(CONFIG, ensemble_members=1)

    def calibration(friday_noise, saturday_noise):
        history = history_with([1.5, 1.5, 1.5, 1.5, friday_noise, saturday_noise], days)
        line = fold_line(history, days[:4], days[4:], members=1)
        priors = cross_fit_priors(history_with([1.5] * 6, days))
        line = replace(line, priors={day: FittedPrior(prior) for day, prior in priors.items()})
        folder = tmp_path / f"{friday_noise}-{saturday_noise}"
        return train_ensemble([line], config, folder, quiet=True).calibration.stretch

    usual = calibration(1.5, 1.5)
    np.testing.assert_array_equal(calibration(1.5, 4.0), usual)
    assert not np.array_equal(calibration(4.0, 1.5), usual)
