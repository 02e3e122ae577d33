"""The house: where a training framework may be imported, and that importing a module does nothing else.

Which package may import which is the contract of import-linter in pyproject.toml, which `make lint` checks.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import headway_prediction

PACKAGE = Path(headway_prediction.__file__).parent
NAME = PACKAGE.name
FRAMEWORKS = {"keras", "tensorflow", "jax", "torch"}
# Where a network is built or trained; everything else starts without a framework.
WITH_A_FRAMEWORK = ("nn.", "training.onnx_export", "model", "trainer")
WITHOUT_ONE_IN_NN = ("nn.framework", "nn.prior_channels")
# Functions of these modules import the framework, in the process that trains.
WHEN_CALLED = ("nn.framework", "training.members", "training.arrival_residuals")

FILES = sorted(PACKAGE.rglob("*.py"))
MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in FILES
}
assert len(MODULES) > 30


def statements(path: Path) -> Iterator[tuple[ast.AST, bool]]:
    """Every node of a module, and whether it runs on import; what only a type checker reads is left out."""

    def walk(node: ast.AST, on_import: bool) -> Iterator[tuple[ast.AST, bool]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
                continue
            yield child, on_import
            in_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from walk(child, on_import and not in_function)

    yield from walk(ast.parse(path.read_text(encoding="utf-8")), True)


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """The full names that a module imports, and whether importing the module imports them."""
    for node, on_import in statements(path):
        if isinstance(node, ast.Import):
            yield from ((alias.name, on_import) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            yield from ((f"{node.module}.{alias.name}", on_import) for alias in node.names)


def own_imports(module: str) -> set[str]:
    """The modules of the package that a module imports."""
    named = {
        name.removeprefix(f"{NAME}.") for name, _ in imports(MODULES[module]) if name.startswith(f"{NAME}.")
    }
    found = {name if name in MODULES else name.rpartition(".")[0] for name in named}
    return {name for name in found if name in MODULES and name != NAME} - {module, ""}


def has_a_framework(module: str) -> bool:
    return module.startswith(WITH_A_FRAMEWORK) and not module.startswith(WITHOUT_ONE_IN_NN)


def test_no_modules_import_each_other_in_a_circle():
    graph = {module: own_imports(module) for module in MODULES if module != "__init__"}
    assert len(list(TopologicalSorter(graph).static_order())) >= len(graph)


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_training_framework_is_imported_only_where_a_network_is(module):
    found = {on_import for name, on_import in imports(MODULES[module]) if name.split(".")[0] in FRAMEWORKS}
    allowed = (
        {True, False} if has_a_framework(module) else {False} if module.startswith(WHEN_CALLED) else set()
    )
    assert found <= allowed


def loaded_frameworks(code: str) -> str:
    report = f"import sys\nprint(sorted(set(sys.modules) & {FRAMEWORKS | {'tensorboard'}}))"
    run = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"], capture_output=True, text=True, check=True
    )
    return run.stdout.strip().splitlines()[-1]


def test_everything_without_a_network_starts_without_a_framework():
    free = [module for module in MODULES if not has_a_framework(module) and not module.startswith("__")]
    lines = [f"import {NAME}", *(f"import {NAME}.{module}" for module in sorted(free))]
    assert loaded_frameworks("\n".join(lines)) == "[]"


def test_the_simple_chain_runs_without_a_framework():
    code = f"""
import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
import numpy as np
from helpers.lines import MONDAY, ZONE, log_of, regular_rows
from headway_prediction import AppConfig, Line
from headway_prediction.forecasters.registry import fit_simple_methods
from headway_prediction.grid.history import history_from_log
log = log_of(regular_rows())
history = history_from_log(log, Line.from_arrivals(log, ZONE))
for method in fit_simple_methods(history).values():
    assert method.forecast(history, MONDAY, np.array([500])).mean.shape == (1, 15, 4, 2)
"""
    assert loaded_frameworks(code) == "[]"


def test_the_check_sees_a_framework_where_there_is_one():
    assert "keras" in loaded_frameworks(
        f"import sys, types\nsys.modules['keras'] = types.ModuleType('keras')\nimport {NAME}"
    )


@pytest.mark.parametrize("module", sorted(set(MODULES) - {"__main__"}))
def test_no_module_works_on_import_or_keeps_state(module):
    """At the top of a module are definitions and constants, and no statement that is run for its effect."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    effects = [node for node in tree.body if isinstance(node, ast.For | ast.While | ast.With | ast.AugAssign)]
    effects += [
        node for node in tree.body if isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant)
    ]
    assert not effects
    assert not any(isinstance(node, ast.Global) for node in ast.walk(tree))
