import os
import shutil
import subprocess
import sys

import numpy as np
import polars as pl
import pytest

from headway_prediction.errors import HeadwayError
from headway_prediction.files import atomic_path, sha256


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_whole_with_its_parents(tmp_path):
    with atomic_path(tmp_path / "deep" / "er" / "out.txt") as fresh:
        fresh.write_text("new")
        assert names(tmp_path / "deep" / "er") == [fresh.name]
    assert (tmp_path / "deep" / "er" / "out.txt").read_text() == "new"
    assert names(tmp_path / "deep" / "er") == ["out.txt"]


def test_a_failure_keeps_the_old_file_and_leaves_nothing_else(tmp_path):
    (tmp_path / "out.txt").write_text("old")
    with pytest.raises(ZeroDivisionError), atomic_path(tmp_path / "out.txt") as fresh:
        fresh.write_text("half")
        raise ZeroDivisionError
    assert (tmp_path / "out.txt").read_text() == "old"
    assert names(tmp_path) == ["out.txt"]


def write_folder(path, text, extra=()):
    with atomic_path(path) as fresh:
        fresh.mkdir()
        for name in ("kind.json", *extra):
            (fresh / name).write_text(text)


def test_a_folder_replaces_an_earlier_one_of_its_kind_whole(tmp_path):
    write_folder(tmp_path / "bundle", "one", extra=["gone.bin"])
    write_folder(tmp_path / "bundle", "two")
    assert names(tmp_path / "bundle") == ["kind.json"]
    assert (tmp_path / "bundle" / "kind.json").read_text() == "two"
    assert names(tmp_path) == ["bundle"]


def test_a_folder_may_replace_an_empty_one_but_never_other_peoples_things(tmp_path):
    (tmp_path / "empty").mkdir()
    write_folder(tmp_path / "empty", "new")
    assert names(tmp_path / "empty") == ["kind.json"]
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("years of work")
    with pytest.raises(HeadwayError, match="home is a folder that holds other things; expected a new place"):
        write_folder(tmp_path / "home", "new")
    assert names(tmp_path / "home") == ["thesis.tex"]
    assert names(tmp_path) == ["empty", "home"]


def test_a_file_never_replaces_a_folder(tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "old.json").write_text("{}")
    with (
        pytest.raises(HeadwayError, match="results is a folder that holds"),
        atomic_path(tmp_path / "results") as fresh,
    ):
        fresh.write_text("{}")
    assert names(tmp_path / "results") == ["old.json"]
    assert names(tmp_path) == ["results"]


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "plain").write_text("a file")
    monkeypatch.chdir(tmp_path)
    for target in ("plain/out.json", "x" * 250, "."):
        with (
            pytest.raises(HeadwayError, match=r"could not be written|holds other things"),
            atomic_path(target) as fresh,
        ):
            fresh.write_text("new")
    assert names(tmp_path) == ["plain"]


@pytest.fixture
def tiny_disk(tmp_path):
    """A disk of 64 KiB; needs the right to mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    if (
        mount is None
        or subprocess.run(
            [mount, "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], capture_output=True
        ).returncode
    ):
        pytest.skip("only the superuser may mount a tiny disk")
    yield disk
    subprocess.run(["umount", disk], check=True)


NUMBERS = pl.DataFrame({"number": np.random.default_rng(0).random(100_000)})
WRITERS = {
    "bytes": lambda path: path.write_bytes(bytes(10**6)),
    "parquet": NUMBERS.write_parquet,
    "csv": NUMBERS.write_csv,
    "numpy": lambda path: np.save(path.open("wb"), NUMBERS.to_numpy()),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_a_full_disk_leaves_what_was_there(tiny_disk, writer):
    (tiny_disk / "out").write_text("old")
    with (
        pytest.raises(HeadwayError, match=r"could not be written.*expected a folder with room"),
        atomic_path(tiny_disk / "out") as fresh,
    ):
        WRITERS[writer](fresh)
    assert names(tiny_disk) == ["out"]
    assert (tiny_disk / "out").read_text() == "old"


FILE_LIMIT = """
import resource, signal, sys
from headway_prediction.errors import HeadwayError
from headway_prediction.files import atomic_path
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    with atomic_path(sys.argv[1]) as fresh:
        fresh.write_bytes(bytes(100_000))
except HeadwayError as error:
    sys.exit(str(error))
"""


def test_a_file_limit_of_the_operating_system_leaves_nothing(tmp_path):
    run = subprocess.run(
        [sys.executable, "-c", FILE_LIMIT, tmp_path / "out"], capture_output=True, text=True, env=os.environ
    )
    assert run.returncode == 1
    assert "could not be written: File too large; expected a folder with room" in run.stderr
    assert names(tmp_path) == []


def test_sha256_is_the_one_that_other_tools_print(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")  # FIPS 180-2, appendix B.1
    assert sha256(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
