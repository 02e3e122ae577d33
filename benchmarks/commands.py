"""Cost of whole commands: the demo, a cold forecast, the start and the memory of the service.

    python benchmarks/commands.py [--train] [--install] [--make-demo] [--hour] [--data ../shared/data]

An option measures one thing instead: `headway train` on the real line dublin-dart (skipped where the data is absent),
the size of a fresh `pip install .`, `make demo` in a fresh clone, or the memory of a service that has run for an hour.
The memory of a command is that of it and its child processes: pages that several processes share count once.
"""

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from common import print_figure, run_headway
from service_load import wait_until_ready

ROOT = Path(__file__).parents[1]
REAL_DATA = Path(os.environ.get("HEADWAY_REAL_DATA") or ROOT.parent / "shared" / "data")
SAMPLE_SECS = 1.0
HOUR_SECS = 3600


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    instead = parser.add_mutually_exclusive_group()
    for name in ("train", "install", "make-demo", "hour"):
        instead.add_argument(f"--{name}", action="store_true")
    parser.add_argument("--data", type=Path, default=REAL_DATA)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if args.train:
            training(args.data / "lines" / "dublin-dart", folder)
        elif args.install:
            installed_size(folder)
        elif args.make_demo:
            demo_of_a_clone(folder)
        elif args.hour:
            memory_after_an_hour(folder)
        else:
            demo(folder / "demo")
            cold_forecast(folder / "demo")
            start_of_service(folder)


def demo(out: Path) -> None:
    seconds, _ = cost_of_tree("demo", "--out", out)
    print_figure("headway demo, whole command", seconds / 60, "min")


def cold_forecast(demo: Path, runs: int = 5) -> None:
    command = ("forecast", "--bundle", demo / "bundle", "--arrivals", demo / "arrivals.parquet")
    costs = [run_headway(*command) for _ in range(runs)]
    if any(cost.status for cost in costs):
        raise SystemExit("headway forecast failed")
    cpu_secs = statistics.median(cost.cpu_secs for cost in costs)
    print_figure("cold headway forecast, processor time, median", cpu_secs, "s")
    peak_mb = statistics.median(cost.peak_gib for cost in costs) * 2**30 / 1e6
    print_figure("cold headway forecast, peak memory, median", peak_mb, "MB")


def start_of_service(folder: Path, runs: int = 3) -> None:
    """Start the service of the simulated line once to train its bundle, then measure `runs` starts."""
    seconds = []
    for run in range(runs + 1):
        with serving(folder) as (began, url, service):
            wait_until_ready(url, service)
            if run:
                seconds.append(time.monotonic() - began)
            memory = tree_memory(psutil.Process(service.pid))
    print_figure("serve, start to first forecast, median", statistics.median(seconds), "s")
    print_figure("serve, resident memory at the first forecast", memory / 1e6, "MB")


def memory_after_an_hour(folder: Path) -> None:
    with serving(folder) as (_, url, service):
        wait_until_ready(url, service)
    with serving(folder) as (_, url, service):
        wait_until_ready(url, service)
        time.sleep(HOUR_SECS)
        memory = tree_memory(psutil.Process(service.pid))
    print_figure("serve, resident memory after an hour", memory / 1e6, "MB")


@contextmanager
def serving(folder: Path) -> Iterator[tuple[float, str, subprocess.Popen]]:
    """Run `headway serve --simulate` with bundle and store in a folder; yield its start, address and process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "headway_prediction", "serve", "--simulate", "--port", str(port)]
    began = time.monotonic()
    environment = os.environ | {"XDG_CACHE_HOME": str(folder / "cache")}
    service = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield began, f"http://127.0.0.1:{port}", service
    finally:
        service.terminate()
        service.wait(30)


def training(line: Path, folder: Path) -> None:
    if not line.exists():
        print(f"skipped: headway train on dublin-dart; {line} is absent")
        return
    grid = folder / "grid.zarr"
    cost_of_tree("grid", "--arrivals", line / "arrivals.parquet", "--gtfs", line / "gtfs.zip", "--out", grid)
    seconds, peak = cost_of_tree("train", "--grid", grid, "--out", folder / "bundle", "--quiet")
    print_figure("headway train on dublin-dart, whole command", seconds / 60, "min")
    print_figure("headway train on dublin-dart, peak memory", peak / 1e6, "MB")


def demo_of_a_clone(folder: Path) -> None:
    subprocess.run(["git", "clone", "--quiet", ROOT, folder / "clone"], check=True)
    began = time.perf_counter()
    subprocess.run(["make", "demo"], cwd=folder / "clone", stdout=subprocess.DEVNULL, check=True)
    seconds = time.perf_counter() - began
    print_figure("make demo in a fresh clone, installing included", seconds / 60, "min")


def installed_size(folder: Path) -> None:
    venv = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    subprocess.run([venv / "bin" / "python", "-m", "pip", "install", "--quiet", ROOT], check=True)
    size = sum(path.lstat().st_blocks * 512 for path in venv.rglob("*"))
    print_figure("fresh pip install, size on disk", size / 1e6, "MB")


def cost_of_tree(*args: object) -> tuple[float, int]:
    """Run a `headway` command; return its seconds and the peak memory of its processes in bytes."""
    began, peak = time.perf_counter(), 0
    command = [sys.executable, "-m", "headway_prediction", *map(str, args)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as child:
        watched = psutil.Process(child.pid)
        while child.poll() is None:
            peak = max(peak, tree_memory(watched))
            time.sleep(SAMPLE_SECS)
    if child.returncode:
        raise SystemExit(f"headway {args[0]} failed")
    return time.perf_counter() - began, peak


def tree_memory(process: psutil.Process) -> int:
    """Return the resident bytes of a process and its descendants; pages that they share count once."""
    total = 0
    try:
        descendants = process.children(recursive=True)
        if not descendants:
            return process.memory_info().rss
        for one in (process, *descendants):
            total += one.memory_full_info().pss
    except psutil.NoSuchProcess:
        pass  # it ended in the meantime
    return total


if __name__ == "__main__":
    main()
