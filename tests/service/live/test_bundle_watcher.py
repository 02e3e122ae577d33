"""Which bundles are served, and taken over while they are: those that work, of the line that is served."""

import shutil
from dataclasses import replace

import pytest

from headway_prediction.errors import HeadwayError
from headway_prediction.service.live.bundle_watcher import BundleWatcher, load_bundle
from headway_prediction.service.live.issues import Issues


@pytest.fixture(scope="module")
def loaded(small_line):
    return load_bundle(small_line / "bundle")


def test_a_bundle_without_the_quantiles_that_are_published_is_refused(loaded, tmp_path):
    other = replace(loaded.bundle.config, quantiles=(0.05, 0.5, 0.95))
    replace(loaded.bundle, config=other).save(tmp_path / "bundle")
    with pytest.raises(HeadwayError, match=r"0\.05, 0\.5, 0\.95.*quantiles = \[0\.1, 0\.5, 0\.9\]"):
        load_bundle(tmp_path / "bundle")


def test_the_bundle_of_another_line_is_not_taken(loaded, small_line, tmp_path):
    served, issues = shutil.copytree(small_line / "bundle", tmp_path / "bundle"), Issues()
    disk = BundleWatcher(served, loaded, issues)
    line = replace(loaded.bundle.line, line_id="elsewhere")
    replace(loaded.bundle, line=line).save(served)
    disk.check()
    assert not disk.take() and "elsewhere" in issues.current()[0] and disk.current is loaded
    shutil.rmtree(served)
    disk.check()  # it may be about to be replaced
    assert len(issues.current()) == 1
    disk.check()
    assert not disk.take() and "no such folder" in issues.current()[0]
