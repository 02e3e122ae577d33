"""The machine a benchmark ran on."""

import os
import platform
from pathlib import Path


def describe() -> str:
    """Return processor, cores and Python version, as Linux tells them."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    facts = dict(line.split("\t: ", 1) for line in lines if "\t: " in line)
    name = facts.get("model name", platform.processor())
    return f"{name}, family {facts.get('cpu family', '?')}, {os.cpu_count()} cores, Python {platform.python_version()}"
