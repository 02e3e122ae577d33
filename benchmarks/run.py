"""Run benchmarks one after the other and keep their figures in benchmarks/results/, one JSON file per machine.

    python benchmarks/run.py [--long] [SCRIPT ...]

With names such as `grid.py` or `"commands.py --train"`, only these run. A benchmark that fails keeps its earlier figures,
and the exit status is 1. `page.py` makes docs/performance.md of the files.
"""

import argparse
import hashlib
import importlib.metadata
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from common import describe_machine, figures_in, write_json
from page import write_page

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results"
SHORT = (
    "import_time.py",
    "simulate_day.py",
    "training_throughput.py",
    "recurrent_layer.py",
    "scaling.py --plot docs/scaling.svg",
    "gpu.py",
    "forecast_time.py",
    "commands.py",
)
LONG = (
    "commands.py --install",
    "commands.py --train",
    "commands.py --make-demo",
    "feeds.py",
    "grid.py",
    "year_of_archive.py",
    "commands.py --hour",
)
LIBRARIES = ("numpy", "polars", "onnxruntime", "keras", "tensorflow")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--long", action="store_true", help="those of several minutes instead")
    parser.add_argument("script", nargs="*", help="only these")
    args = parser.parse_args()
    machine = describe_machine()
    # The processor alone does not name a file safely; the digest does.
    path = RESULTS / f"machine-{hashlib.sha256(machine.encode()).hexdigest()[:8]}.json"
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"figures": {}}
    failed = []
    for script in args.script or (LONG if args.long else SHORT):
        print(f"\n== {script}", flush=True)
        figures = run(script)
        if figures is None:
            failed.append(script)
            continue
        source = {"script": script.split()[0], "commit": commit(), "date": f"{datetime.now(UTC):%Y-%m-%d}"}
        kept["figures"] |= {name: figure | source for name, figure in figures.items()}
        RESULTS.mkdir(exist_ok=True)
        write_json(path, {"machine": machine, "versions": versions(), "figures": kept["figures"]})
    write_page()
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


def run(script: str) -> dict[str, dict[str, object]] | None:
    """Return the figures of a script, None where it failed; its output is printed as it comes."""
    name, *args = script.split()
    command = [sys.executable, str(FOLDER / name), *args]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        lines = []
        for line in child.stdout:
            print(line, end="", flush=True)
            lines.append(line)
    return None if child.returncode else figures_in("".join(lines))


def commit() -> str:
    """Return the abbreviated commit, with "+" where the tree has changes."""
    command = ["git", "-C", str(FOLDER), "describe", "--always", "--dirty=+", "--exclude=*"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def versions() -> dict[str, str]:
    found = {
        dist.metadata["Name"].lower().replace("_", "-"): dist.version
        for dist in importlib.metadata.distributions()
    }
    aliases = {"tensorflow": found.get("tensorflow", found.get("tensorflow-cpu"))}
    return {name: aliases.get(name) or found.get(name, "absent") for name in LIBRARIES}


if __name__ == "__main__":
    main()
