"""The accuracy of the tracker on seeds that were not used to tune it, as the benchmark prints it."""

import subprocess
import sys

from helpers.benchmark_modules import BENCHMARKS

SMALL = ("--seed", "11", "--seed", "12", "--processes", "1", "--misses")


def rows(*options: str) -> list[list[str]]:
    """The cells of the table's rows, without its head and the list of misses."""
    command = [sys.executable, str(BENCHMARKS / "feed_accuracy.py"), *SMALL, *options]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("|")][2:]


def test_positions_alone_are_enough_and_give_no_spurious_passing():
    found = rows("--content", "vehicles", "--fault", "older", "--fault", "vanishing")
    assert len(found) == 2
    for _, content, expected, recall, _, precision, error, _ in found:
        assert content == "vehicles" and int(expected.replace(",", "")) > 1000
        assert float(recall) >= 0.99 and float(precision) == 1 and float(error) < 15
