"""Seconds of `headway --help` as a whole process, and which heavy libraries the command line loads (it should load none).

python benchmarks/import_time.py [--runs 9]
"""

import argparse
import statistics
import subprocess
import sys

from common import print_figure, run_headway

PROBE = (
    "import sys; from headway_prediction.cli import build_app; build_app(); "
    "print([name for name in ('keras', 'tensorflow', 'jax', 'polars', 'xarray') if name in sys.modules])"
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=9)
    args = parser.parse_args()
    costs = [run_headway("--help") for _ in range(args.runs)]
    if any(cost.status for cost in costs):
        sys.exit("headway --help failed")
    loaded = subprocess.run([sys.executable, "-c", PROBE], check=True, capture_output=True, text=True)
    median = statistics.median(cost.seconds for cost in costs)
    print(f"{args.runs} runs; loaded: {loaded.stdout.strip()}")
    print_figure("headway --help, whole process, median", median, "s")


if __name__ == "__main__":
    main()
