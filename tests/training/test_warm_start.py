"""Training that starts from the networks of a bundle."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway_prediction.bundle.bundle import Bundle
from headway_prediction.bundle.statistics import TrainedLine
from headway_prediction.errors import HeadwayError
from headway_prediction.training.train import train_line, train_lines
from headway_prediction.training.warm_start import WarmStart
from helpers.lines import MONDAY, headway, noisy_history
from helpers.small_network import TRAINING, weights_beside

DAYS = [MONDAY + timedelta(days=k) for k in range(8)]
SMALL = replace(TRAINING, epoch_windows=64, test_days=0)
STANDING_STILL = replace(SMALL, learning_rate=1e-9)
LINE = noisy_history("a", 4, 1).line


def seen_in(*folds):
    """A warm start of networks that have been trained on the days of each other's folds."""
    dates = tuple(sorted(day for fold in folds for day in fold))
    known = TrainedLine(LINE, {"training": dates, "validation": (), "test": ()}, folds)
    return WarmStart(Path("old"), tuple(Path(str(k)) for k in range(len(folds))), (known,), 30.0)


def test_a_day_stays_in_its_fold_and_new_days_fill_the_smallest():
    start = seen_in((DAYS[0], DAYS[2]), (DAYS[1],))
    assert start.folds(LINE, DAYS[:5]) == ((DAYS[0], DAYS[2], DAYS[4]), (DAYS[1], DAYS[3]))
    other = replace(LINE, line_id="b")
    assert start.folds(other, DAYS[:5]) == (tuple(DAYS[0:5:2]), tuple(DAYS[1:4:2]))


@given(
    st.lists(st.lists(st.integers(0, 3), min_size=8, max_size=8), min_size=1, max_size=3),
    st.sets(st.sampled_from(DAYS)),
)
def test_no_network_validates_on_a_day_that_it_was_trained_on(deals, dates):
    """However often networks were trained on folds, one after another, dealt out in whatever way."""
    known = tuple(
        seen_in(*(tuple(day for day, at in zip(DAYS, deal, strict=True) if at == k) for k in range(3))).lines[
            0
        ]
        for deal in deals
    )
    start = WarmStart(Path("old"), (Path("1"), Path("2"), Path("3")), known, 30.0)
    folds = start.folds(LINE, sorted(dates))
    for network, fold in enumerate(folds):
        assert not any(set(fold) & one.seen_by(network) for one in known)
    dealt = [day for fold in folds for day in fold]
    assert len(dealt) == len(set(dealt)) and set(dealt) <= dates
    for day in dates.difference(dealt):
        assert all(any(day in one.seen_by(network) for one in known) for network in range(3))


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    """A bundle of two networks and the days 0 to 3 of a line."""
    folder = tmp_path_factory.mktemp("old")
    train_line(noisy_history("a", 4, 4), SMALL, folder / "run", quiet=True).save(folder / "bundle")
    return folder / "bundle"


def largest_change(new, old):
    pairs = zip(new.network_paths, Bundle.load(old).network_paths, strict=True)
    return max(
        float(np.abs(one - other).max())
        for ours, theirs in pairs
        for one, other in zip(weights_beside(ours), weights_beside(theirs), strict=True)
    )


def test_networks_go_on_from_those_of_the_bundle_in_the_same_folder_too(old, tmp_path, capfd):
    history = noisy_history("a", 4, 6)
    start = WarmStart.read(old, STANDING_STILL)
    cold = train_line(history, STANDING_STILL, tmp_path / "run", quiet=True)
    assert largest_change(cold, old) > 0.001
    warm = train_line(history, STANDING_STILL, tmp_path / "run", quiet=True, start=start)
    assert largest_change(warm, old) < 1e-6
    warm.save(tmp_path / "bundle")
    read = Bundle.load(tmp_path / "bundle")
    assert [len(known.used) for known in read.lines] == [6, 4]
    assert headway("info", tmp_path / "bundle") == 0
    assert "before that, networks trained on line a: 4 stations" in capfd.readouterr().out
    assert read.lines[0].folds == ((DAYS[0], DAYS[2], DAYS[4]), (DAYS[1], DAYS[3], DAYS[5]))
    later = noisy_history("a", 4, 7).select(DAYS[4:7])
    only_new = train_line(later, SMALL, tmp_path / "later", quiet=True, start=WarmStart.read(old, SMALL))
    with pytest.raises(HeadwayError, match=f"{DAYS[0]} was used to train"):
        only_new.select_test_dates(history, [DAYS[0]])


def test_the_networks_of_one_line_start_those_of_several(old, tmp_path):
    lines = [noisy_history("a", 4, 4), noisy_history("b", 6, 3, seed=1)]
    warm = train_lines(lines, STANDING_STILL, tmp_path, quiet=True, start=WarmStart.read(old, STANDING_STILL))
    assert largest_change(warm, old) < 1e-6
    assert [known.line.line_id for known in warm.lines] == ["a", "b", "a"]


def test_what_the_networks_have_seen_does_not_judge_them(old, tmp_path):
    seen, config = noisy_history("a", 4, 4), replace(SMALL, test_days=1)
    with pytest.raises(HeadwayError, match=rf"{DAYS[3]} is to test.* have seen it; .* new to them"):
        train_line(seen, config, tmp_path, start=WarmStart.read(old, config))
    start = WarmStart.read(old, SMALL)
    with pytest.raises(HeadwayError, match=r"network 2 of .* was trained on all days"):
        train_line(seen.select([DAYS[0], DAYS[2]]), SMALL, tmp_path, start=start)
    start.check_unseen(replace(LINE, line_id="b"), DAYS, "test")


def test_networks_that_do_not_fit_are_refused(old):
    with pytest.raises(HeadwayError, match=r"decoder_filters = 4; .*decoder_filters = 5.*--config"):
        WarmStart.read(old, replace(SMALL, decoder_filters=5))
    with pytest.raises(HeadwayError, match=r"ensemble_members = 2"):
        WarmStart.read(old, replace(SMALL, ensemble_members=3))
    with pytest.raises(HeadwayError, match=r"caps headways at 30"):
        narrow = replace(WarmStart.read(old, SMALL), cap_mins=20.0)
        train_line(noisy_history("a", 4, 4), SMALL, old.parent / "none", start=narrow)
