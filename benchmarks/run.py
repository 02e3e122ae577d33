"""Describe the machine and run the benchmarks of speed and memory, one after the other: `make bench`."""

import argparse
import subprocess
import sys
from pathlib import Path

from common import describe_machine

BENCHMARKS = (
    "import_time.py",
    "simulate_day.py",
    "grid.py",
    "year_of_archive.py",
    "feeds.py",
    "training_throughput.py",
    "forecast_time.py",
)


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    print(describe_machine(), flush=True)
    for name in BENCHMARKS:
        print(f"\n== {name}", flush=True)
        subprocess.run([sys.executable, str(Path(__file__).parent / name)], check=True)


if __name__ == "__main__":
    main()
