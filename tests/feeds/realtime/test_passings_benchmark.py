"""The measure over seeds on which nothing was tuned, as the benchmark prints it."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[3] / "benchmarks" / "passings_from_feed.py"
SMALL = ("--seeds", "11,12", "--processes", "1", "--misses")


def rows(*options: str) -> list[list[str]]:
    """The cells of the table's rows, without its head, and no row for what was missed."""
    command = [sys.executable, str(SCRIPT), *SMALL, *options]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("|")][2:]


def test_vehicles_alone_are_enough_and_nothing_is_invented_of_them():
    found = rows("--contents", "vehicles", "--faults", "older,vanishing")
    assert len(found) == 2
    for _, content, happened, recall, _, precision, error, _ in found:
        assert content == "vehicles" and int(happened.replace(",", "")) > 1000
        assert float(recall) >= 0.99 and float(precision) == 1 and float(error) < 15
