"""The published experiment in small, without the network: one command, a table, and stages that are not repeated."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "blue_line.py"
PLANS = ("planned", "observed (oracle)", "none")
SMALL = ("--replications", "5", "--test", "1", "--origin-step", "30", "--without-network")


def run(out: Path, *options: str) -> subprocess.CompletedProcess:
    command = [sys.executable, str(SCRIPT), "--out", str(out), *SMALL, *options]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture(scope="module")
def first(tmp_path_factory) -> tuple[Path, subprocess.CompletedProcess]:
    out = tmp_path_factory.mktemp("experiment")
    return out, run(out)


def test_the_table_has_a_row_for_each_method_and_plan(first):
    _, result = first
    assert result.returncode == 0, result.stderr
    table = [line.split("|")[1:-1] for line in result.stdout.splitlines() if line.startswith("|")]
    assert {len(row) for row in table} == {10}
    assert [(row[0].strip(), row[1].strip()) for row in table[2:]] == [
        ("persistence", "–"),
        *((method, plan) for plan in PLANS for method in ("propagation", "trip-propagation")),
        ("*published, their line*", "*observed*"),
    ]
    for row in table[2:-1]:
        for cell in row[2:]:
            rmse, r2 = map(float, cell.split("/"))
            assert 10 < rmse < 700 and r2 < 1


def test_a_second_run_reads_the_stages_of_the_first(first):
    out, result = first
    made = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    again = run(out)
    assert again.stdout == result.stdout and again.stderr == ""
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == made


def test_a_deleted_stage_is_repeated_with_the_same_result(first):
    out, result = first
    (out / "propagation-oracle.json").unlink()
    again = run(out)
    assert again.stdout == result.stdout
    assert again.stderr.splitlines() == [f"making {out / 'propagation-oracle.json'}"]


def test_results_of_other_settings_are_not_mixed(first):
    refused = run(first[0], "--seed", "5")
    assert refused.returncode == 1 and refused.stdout == ""
    assert "of other settings (seed)" in refused.stderr and "Traceback" not in refused.stderr
