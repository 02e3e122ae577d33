"""Run every benchmark, one after the other, and name the machine: `make bench`."""

import subprocess
import sys
from pathlib import Path

from machine import describe

BENCHMARKS = ("import_time.py", "simulate_day.py", "grid.py", "training_throughput.py", "forecast_time.py")


def main() -> None:
    print(describe(), flush=True)
    for name in BENCHMARKS:
        print(f"\n== {name}", flush=True)
        subprocess.run([sys.executable, str(Path(__file__).parent / name)], check=True)


if __name__ == "__main__":
    main()
