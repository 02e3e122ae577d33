"""Import time: `headway --help` as a whole process, and which training frameworks it loaded (none)."""

import statistics
import subprocess
import sys
import time

RUNS = 9
PROBE = (
    "import sys; from headway_prediction.cli import build_app; build_app(); "
    "print([name for name in ('keras', 'tensorflow', 'jax', 'polars', 'xarray') if name in sys.modules])"
)


def main() -> None:
    seconds = []
    for _ in range(RUNS):
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "headway_prediction", "--help"], check=True, capture_output=True
        )
        seconds.append(time.perf_counter() - began)
    loaded = subprocess.run([sys.executable, "-c", PROBE], check=True, capture_output=True, text=True)
    print(
        f"headway --help: median {statistics.median(seconds):.2f} s of {RUNS}; loaded: {loaded.stdout.strip()}"
    )


if __name__ == "__main__":
    main()
