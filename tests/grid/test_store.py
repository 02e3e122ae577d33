import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.logs.csv_lists import read_planned_departures
from headway_prediction.grid.history import history_from_log
from headway_prediction.grid.store import read_grid, read_history, write_history
from headway_prediction.transit.line import Line
from helpers.lines import MONDAY, ZONE, log_of, regular_rows


@pytest.fixture
def history(tmp_path):
    log = log_of(regular_rows(stations=3, days=(MONDAY, MONDAY.replace(day=30)), noise=0.3))
    line = Line.from_arrivals(log, ZONE)
    (tmp_path / "plan.csv").write_text(
        "direction_id,stop_id,planned_time\n0,A,06:00:00\n0,A,06:10:00\n1,C,06:05:00\n"
    )
    plan = read_planned_departures(tmp_path / "plan.csv", line)
    return history_from_log(log, line, plan, {"sources": ["log.parquet sha256:00"]}, cap_mins=20.0)


@pytest.fixture
def stored(history, tmp_path):
    write_history(history, tmp_path / "line.zarr")
    return tmp_path / "line.zarr"


def test_what_is_read_is_what_was_written(history, stored):
    again = read_history(stored)
    assert again.line == history.line
    assert again.passings.equals(history.passings)
    assert again.passings.schema == history.passings.schema
    assert again.timetable.services == history.timetable.services
    assert again.timetable.planned.equals(history.timetable.planned)
    assert again.timetable.planned.schema == history.timetable.planned.schema
    assert set(again.grid.variables) == set(history.grid.variables)
    for name, cells in history.grid.variables.items():
        read = again.grid[name].values
        assert (read.shape, read.dtype.kind) == (cells.shape, cells.dtype.kind)
        np.testing.assert_array_equal(read, cells.values)
    assert again.grid["headway"].dtype == again.grid["elapsed"].dtype == np.float32
    assert again.grid.attrs["cap_mins"] == 20.0
    assert again.grid.attrs["sources"] == ["log.parquet sha256:00"]
    assert read_grid(stored).identical(again.grid)


def test_it_works_on_as_the_original_does(history, stored):
    again = read_history(stored)
    assert again.service_dates == history.service_dates
    assert again.as_of(MONDAY, 420).grid["headway"].identical(history.as_of(MONDAY, 420).grid["headway"])
    write_history(again, stored)  # over itself
    assert read_history(stored).grid.identical(again.grid)


def test_a_history_without_a_plan(history, tmp_path):
    log = log_of(regular_rows(stations=3))
    write_history(history_from_log(log, Line.from_arrivals(log, ZONE)), tmp_path / "bare.zarr")
    assert read_history(tmp_path / "bare.zarr").timetable is None


def chunks(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "zarr.json")


def refuse(folder, problem):
    with pytest.raises(
        HeadwayError, match=f"could not be read as a grid .*{problem}.*make it with `headway grid`"
    ):
        read_history(folder)


def test_every_missing_or_shortened_file_is_noticed(stored, tmp_path):
    for number, path in enumerate(sorted(p for p in stored.rglob("*") if p.is_file() and p.parent != stored)):
        for damage in ("removed", "cut"):
            copy = tmp_path / f"{damage}{number}"
            shutil.copytree(stored, copy)
            victim = copy / path.relative_to(stored)
            victim.unlink() if damage == "removed" else victim.write_bytes(path.read_bytes()[:-1])
            refuse(copy, "edited or cut short")


def test_an_edit_of_a_chunk_or_of_the_attributes_is_noticed(stored):
    root = stored / "zarr.json"
    before = root.read_text()
    root.write_text(
        json.dumps(json.loads(before) | {"attributes": json.loads(before)["attributes"] | {"cap_mins": 40}})
    )
    refuse(stored, "edited or cut short")
    root.write_text(before)
    read_history(stored)
    chunk = chunks(stored)[0]
    chunk.write_bytes(chunk.read_bytes()[:-1] + bytes([chunk.read_bytes()[-1] ^ 1]))
    refuse(stored, "edited or cut short")


def test_what_is_no_grid_is_refused(tmp_path, stored):
    refuse(tmp_path / "absent", "No such file")
    (tmp_path / "file").write_text("text")
    refuse(tmp_path / "file", "Not a directory")
    (tmp_path / "empty").mkdir()
    refuse(tmp_path / "empty", "No such file")
    (tmp_path / "empty" / "zarr.json").write_text(
        '{"zarr_format": 3, "node_type": "group", "attributes": {}}'
    )
    refuse(tmp_path / "empty", "no checksum")
    (stored / "zarr.json").write_text((stored / "zarr.json").read_text()[:100])
    refuse(stored, "")


def test_a_full_disk_leaves_no_half_written_grid(history, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    if (
        mount is None
        or subprocess.run(
            [mount, "-t", "tmpfs", "-o", "size=48k", "tmpfs", disk], capture_output=True
        ).returncode
    ):
        pytest.skip("only the superuser may mount a tiny disk")
    try:
        with pytest.raises(HeadwayError, match="could not be written"):
            write_history(history, disk / "line.zarr")
        assert list(Path(disk).iterdir()) == []
    finally:
        subprocess.run(["umount", disk], check=True)
