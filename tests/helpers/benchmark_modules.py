"""Modules of the folder benchmarks, which are scripts and no package."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def load_benchmark(name: str) -> ModuleType:
    """Import benchmarks/NAME.py under a name of its own: the folder on `sys.path` would hide folders of tests."""
    if "common" not in sys.modules:
        _load("common", "common")  # the scripts import it by this name
    return _load(name, f"benchmark_{name}")


def _load(name: str, module_name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(module_name, BENCHMARKS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
