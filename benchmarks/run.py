"""Run every benchmark, one after the other, and name the machine: `make bench`."""

import os
import platform
import subprocess
import sys
from pathlib import Path

BENCHMARKS = ("import_time.py", "simulate_day.py", "grid.py", "training_throughput.py")


def processor() -> str:
    """Return the processor's name, as Linux tells it."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())


def main() -> None:
    print(f"{processor()}, {os.cpu_count()} cores, Python {platform.python_version()}", flush=True)
    for name in BENCHMARKS:
        print(f"\n== {name}", flush=True)
        subprocess.run([sys.executable, str(Path(__file__).parent / name)], check=True)


if __name__ == "__main__":
    main()
