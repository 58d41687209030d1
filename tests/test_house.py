"""The house is as the design says: who may import whom, how long files are, what lies where."""

from __future__ import annotations

import ast
import graphlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import ROOT

PACKAGE = ROOT / "src" / "penstock"
FLOORS = [
    {"errors", "units", "text", "model", "historic", "fields", "expressions", "aggregates", "detecting"},
    {"kernels"},
    {"strings", "buffers", "key_tables", "snapshots", "key_states", "durable"},
    {"text_keys", "gathering"},
    {"key_columns"},
    {"keys"},
    {"lives"},
    {"codecs", "windows", "detectors", "generating"},
    {"sources", "stages", "sinks"},
    {"engine"},
    {
        "binding",
        "fingerprint",
        "pipeline",
        "config",
        "components",
        "settings",
        "comparing",
        "replaying",
        "twin_runs",
        "sorted_runs",
        "sorting",
    },
    {"measuring"},
    {"cli"},
    {"__main__"},
]
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
MODULES = {
    ".".join(("penstock", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in PACKAGE.rglob("*.py")
}
FILES = sorted(path for folder in ("src", "tests", "benchmarks") for path in (ROOT / folder).rglob("*.py"))
VAGUE = {"util", "utils", "helper", "helpers", "manager", "managers", "base", "core"}


def imports_of(tree: ast.AST) -> Iterator[str]:
    """Return the modules that a module's code names, wherever in it, as absolute names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            assert node.module is not None
            # `from penstock.kernels import order` names a module, `from penstock.model import Stream` not.
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from {name if name in MODULES else node.module for name in names}


def imported(path: Path) -> set[str]:
    return set(imports_of(ast.parse(path.read_text())))


def ours(path: Path) -> set[str]:
    return {name for name in imported(path) if name.split(".")[0] == "penstock"}


def room_of(module: str) -> str:
    return module.split(".")[1]


INNER = sorted(module for module in MODULES if module != "penstock")


def test_every_room_is_on_a_floor():
    assert {room_of(module) for module in INNER} == FLOOR.keys()


@pytest.mark.parametrize("module", INNER)
def test_a_file_imports_from_below_only(module: str):
    room = room_of(module)
    for name in ours(MODULES[module]):
        assert name != "penstock", "a name of the package's face pulls the upper floors in"
        other = room_of(name)
        below = FLOOR[other] < FLOOR[room]
        folders = (PACKAGE / room).is_dir() or (PACKAGE / other).is_dir()
        beside = FLOOR[other] == FLOOR[room] and not folders
        assert below or beside or other == room, f"{module} (floor {FLOOR[room]}) imports {name}"


def test_no_file_needs_itself():
    needs = {module: ours(MODULES[module]) for module in INNER}
    tuple(graphlib.TopologicalSorter(needs).static_order())  # raises CycleError


def test_the_face_of_the_package_imports_nothing_when_it_is_imported():
    tree = ast.parse(MODULES["penstock"].read_text())
    for_types = [
        node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    rest = ast.Module([node for node in tree.body if node not in for_types], [])
    assert set(imports_of(rest)) <= sys.stdlib_module_names | {"__future__"}


@pytest.mark.parametrize("module", [module for module in INNER if room_of(module) == "kernels"])
def test_a_kernel_knows_numpy_and_numba_only(module: str):
    for name in imported(MODULES[module]):
        top = name.split(".")[0]
        known = {"numpy", "numba", "llvmlite"} | sys.stdlib_module_names
        assert top in known or name.startswith("penstock.kernels")


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(ROOT)) for path in FILES])
def test_a_file_is_short_and_its_name_says_something(path: Path):
    assert len(path.read_text().splitlines()) <= 300, "300 lines is the point to split"
    names = {part.removeprefix("test_") for part in path.relative_to(ROOT).with_suffix("").parts}
    assert not names & VAGUE


@pytest.mark.parametrize("module", sorted(MODULES))
def test_only_the_command_speaks_and_not_by_print(module: str):
    tree = ast.parse(MODULES[module].read_text())
    called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert "print" not in {function.id for function in called if isinstance(function, ast.Name)}


def test_the_top_level_holds_what_it_should():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("this is no checkout")
    top = {name.split("/")[0] for name in listed.stdout.split("\0") if name}
    wanted = {"pyproject.toml", "src", "benchmarks", "tests", "data", "README.md", "LICENSE"}
    others = {name for name in top - wanted if not name.startswith(".")}
    assert len(others) <= 1
    assert all("lock" in name for name in others)
