"""Shared by the benchmarks: the machine, the cost of a command, simulated lines and feeds, and results in a folder."""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.realtime.snapshot import Poll
from headway_prediction.files import atomic_path
from headway_prediction.simulate import DayService, Scenario
from headway_prediction.simulate.feed.faults import FeedFaults
from headway_prediction.simulate.feed.message import FeedContent
from headway_prediction.simulate.feed.polls import polls_from
from headway_prediction.transit.clock import service_day_start

DENSE_SERVICE = DayService(
    headways=((300, 6), (390, 3), (570, 5), (930, 3), (1140, 6)), last_departure_min=1500
)
"""A train every 3 minutes in the peaks, every 5 or 6 otherwise: minutes of the day and headways."""


def describe_machine() -> str:
    """Return processor, cores and Python version, from /proc/cpuinfo where there is one."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    facts = dict(line.split("\t: ", 1) for line in lines if "\t: " in line)
    name = facts.get("model name", platform.processor())
    return f"{name}, family {facts.get('cpu family', '?')}, {os.cpu_count()} cores, Python {platform.python_version()}"


@dataclass(frozen=True)
class CommandCost:
    """The exit status of a `headway` command, its wall-clock and CPU seconds, and its peak resident memory in GiB."""

    status: int
    seconds: float
    cpu_secs: float
    peak_gib: float

    def __str__(self) -> str:
        return (
            f"status {self.status}; {self.seconds:.1f} s, {self.cpu_secs:.1f} s of CPU; "
            f"peak memory {self.peak_gib:.2f} GiB"
        )


def run_headway(*args: object) -> CommandCost:
    """Run a `headway` command in a process of its own, without its output."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "headway_prediction", *map(str, args)]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    seconds, cpu_secs = time.perf_counter() - began, usage.ru_utime + usage.ru_stime
    return CommandCost(os.waitstatus_to_exitcode(status), seconds, cpu_secs, usage.ru_maxrss / 2**20)


def dense_line(stations: int) -> Scenario:
    """Return a simulated line with DENSE_SERVICE every day."""
    return Scenario.of_size(stations, weekday=DENSE_SERVICE, saturday=DENSE_SERVICE, sunday=DENSE_SERVICE)


def first_day_at(scenario: Scenario, hour: float) -> datetime:
    """Return an hour of the first service day of a scenario."""
    return service_day_start(scenario.start_date, scenario.time_zone) + timedelta(hours=hour)


def line_polls(
    scenario: Scenario, begin: datetime, interval_secs: int, content: FeedContent | None = None
) -> Iterator[Poll]:
    """Yield the polls of a simulated line's feed from `begin` on, without faults and without end."""
    return polls_from(
        scenario,
        begin,
        interval_secs=interval_secs,
        content=content or FeedContent(),
        faults=FeedFaults(),
        seed=0,
    )


def stage(path: Path, make: Callable[[Path], object]) -> Path:
    """Make the file or folder `path`, unless an earlier run did."""
    if not path.exists():
        print(f"making {path}", file=sys.stderr, flush=True)
        make(path)
    return path


def fastest(work: Callable[[], object], repeats: int) -> float:
    """Return the seconds of the fastest of `repeats` calls, after one that is not timed."""
    work()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


def print_figure(name: str, value: float, unit: str) -> None:
    """Print a figure as the JSON line that `run.py` keeps; names are unique over all benchmarks."""
    print(json.dumps({"figure": name, "value": float(f"{value:.4g}"), "unit": unit}), flush=True)


def figures_in(output: str) -> dict[str, dict[str, object]]:
    """Return value and unit by name of the figures that a benchmark printed among other text."""
    lines = [json.loads(line) for line in output.splitlines() if line.startswith('{"figure":')]
    return {line["figure"]: {"value": line["value"], "unit": line["unit"]} for line in lines}


def write_json(path: Path, content: Mapping[str, object]) -> None:
    with atomic_path(path) as unfinished:
        unfinished.write_text(json.dumps(content, indent=1), encoding="utf-8")


def refuse_other_settings(path: Path, settings: Mapping[str, object]) -> None:
    """Write the settings that the results beside `path` depend on; raise HeadwayError where it holds other ones."""
    stage(path, lambda path: write_json(path, settings))
    found = json.loads(path.read_text(encoding="utf-8"))
    other = sorted(name for name in settings if found.get(name) != settings[name])
    if other:
        raise HeadwayError(
            f"{path} is of other settings ({', '.join(other)})",
            "the settings that the folder was started with",
            "give them again, or another --out",
        )
