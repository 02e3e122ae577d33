"""The house: which stage may use which, where a training framework may be imported, and how long things may be."""

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

# Each stage may import its own modules and those of the stages above it in this list.
STAGES = [
    {"errors", "files"},
    {"config"},
    {"transit"},
    {"feeds"},
    {"simulate"},
    {"grid"},
    {"aligned", "data_loader", "dataset", "guided_dataset", "nn", "model", "guided", "trainer"},
    {"forecasters"},
    {"evaluation"},
    {"bundle"},
    {"training"},
    {"quality", "reporting"},
    {"what_if"},
    {"service"},
    {"cli"},
    {"__main__"},
]
FRAMEWORKS = {"keras", "tensorflow", "jax", "torch"}
AT_ONCE = {
    "nn.layers",
    "nn.losses",
    "nn.distribution_loss",
    "nn.lead_features",
    "nn.checkpoint",
    "nn.callbacks",
    "model",
    "guided",
    "guided_dataset",
    "dataset",
    "trainer",
    "training.arrival_residuals",
    "training.ensemble",
    "training.line_windows",
    "training.train_line",
    "training.train_lines",
}
WHEN_USED = {"bundle.files", "forecasters.st_convnet", "cli.common"}
LONGEST_FILE, LONGEST_FUNCTION = 300, 50

FILES = sorted(PACKAGE.rglob("*.py"))
MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in FILES
}
assert len(MODULES) > 30


def statements(path: Path) -> Iterator[tuple[ast.AST, bool]]:
    """Every node of a module, and whether it runs on import; what only a type checker sees is left out."""

    def walk(node: ast.AST, at_once: bool) -> Iterator[tuple[ast.AST, bool]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
                continue
            yield child, at_once
            yield from walk(
                child, at_once and not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            )

    yield from walk(ast.parse(path.read_text(encoding="utf-8")), True)


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """The full names that a module imports, and whether it does so on being imported itself."""
    for node, at_once in statements(path):
        if isinstance(node, ast.Import):
            yield from ((alias.name, at_once) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            yield from ((f"{node.module}.{alias.name}", at_once) for alias in node.names)


def own_imports(module: str) -> set[str]:
    """The modules of the package that a module imports."""
    named = {
        name.removeprefix(f"{NAME}.") for name, _ in imports(MODULES[module]) if name.startswith(f"{NAME}.")
    }
    found = {name if name in MODULES else name.rpartition(".")[0] for name in named}
    return {name for name in found if name in MODULES and name != NAME} - {module, ""}


def stage_of(module: str) -> int:
    top = module.split(".")[0]
    return next(index for index, names in enumerate(STAGES) if top in names)


def test_every_module_belongs_to_one_stage():
    tops = {module.split(".")[0] for module in MODULES} - {"__init__"}
    assert tops == set().union(*STAGES)
    assert sum(map(len, STAGES)) == len(tops)


@pytest.mark.parametrize("module", sorted(set(MODULES) - {"__init__"}))
def test_dependencies_point_down_the_list_of_stages(module):
    upward = {other for other in own_imports(module) if stage_of(other) > stage_of(module)}
    assert not upward


def test_no_modules_import_each_other_in_a_circle():
    graph = {module: own_imports(module) for module in MODULES if module != "__init__"}
    assert len(list(TopologicalSorter(graph).static_order())) >= len(graph)


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_training_framework_is_imported_only_where_a_network_is(module):
    found = {at_once for name, at_once in imports(MODULES[module]) if name.split(".")[0] in FRAMEWORKS}
    allowed = {True, False} if module in AT_ONCE else {False} if module in WHEN_USED else set()
    assert found <= allowed


def loaded_frameworks(code: str) -> str:
    report = f"import sys\nprint(sorted(set(sys.modules) & {FRAMEWORKS | {'tensorboard'}}))"
    run = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"], capture_output=True, text=True, check=True
    )
    return run.stdout.strip().splitlines()[-1]


FREE = sorted(set(MODULES) - AT_ONCE - {"__init__", "__main__"})


def test_everything_without_a_network_starts_without_a_framework():
    lines = [f"import {NAME}", *(f"import {NAME}.{module}" for module in FREE)]
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


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_and_functions_stay_readable(path):
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= LONGEST_FILE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno - node.lineno + 1 <= LONGEST_FUNCTION, f"{node.name} is too long"


@pytest.mark.parametrize("module", sorted(set(MODULES) - {"__main__"}))
def test_no_module_works_on_import_or_keeps_state(module):
    """At the top of a module stand definitions and constants: nothing is done for its effect."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    effects = [node for node in tree.body if isinstance(node, ast.For | ast.While | ast.With | ast.AugAssign)]
    effects += [
        node for node in tree.body if isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant)
    ]
    registered = module == "cli" or module.startswith("cli.")  # verbs are registered where they are defined
    assert registered or not effects
    assert not any(isinstance(node, ast.Global) for node in ast.walk(tree))
