"""The lesson never looks at the classroom. In the classroom, look only downstairs."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from nmt import ROOT

# What each room of `course` may import besides itself and `nmt`.
MEASURE = {"lab", "interpretability"}
SEE = {"plots"} | MEASURE
DOWNSTAIRS = {
    "lab": set(),
    "interpretability": set(),
    "plots": MEASURE,
    "widgets": SEE,
    "checking": SEE | {"widgets"},
    "exercises": SEE | {"widgets", "checking"},
    "grading": SEE | {"checking", "exercises"},
    "__main__": SEE | {"checking", "exercises", "grading"},
}
SHOWING = ("matplotlib", "IPython", "ipywidgets", "bertviz", "sklearn")


def imports(path: Path) -> set[str]:
    """Every module and name that the file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: name the package in full"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_the_lesson_never_looks_at_the_classroom():
    files = sorted((ROOT / "nmt").rglob("*.py"))
    assert 10 < len(files) <= 24, "the lesson is small and flat"
    for path in files:
        assert not {name for name in imports(path) if name.split(".")[0] == "course"}, path


@pytest.mark.parametrize("room", DOWNSTAIRS)
def test_in_the_classroom_look_only_downstairs(room):
    files = sorted((ROOT / "course" / room).rglob("*.py")) or [ROOT / "course" / f"{room}.py"]
    for path in files:
        rooms = {name.split(".")[1] for name in imports(path) if name.startswith("course.")}
        assert rooms <= DOWNSTAIRS[room] | {room}, path


def test_every_room_is_named():
    names = {path.stem for path in (ROOT / "course").iterdir() if path.stem[:2] != "__"}
    assert names | {"__main__"} == set(DOWNSTAIRS)


def loaded(modules: list[str], wanted: tuple[str, ...]) -> list[str]:
    """Those of `wanted` that a fresh Python has loaded once it has imported `modules`."""
    code = f"import importlib, json, sys\nfor name in {modules!r}: importlib.import_module(name)\n"
    code += f"print(json.dumps([name for name in {wanted!r} if name in sys.modules]))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_importing_any_file_of_the_lesson_loads_nothing_that_shows():
    modules = [f"nmt.{path.stem}" for path in (ROOT / "nmt").glob("*.py") if path.stem[0] != "_"]
    assert loaded(modules, SHOWING) == []


def test_what_every_notebook_imports_loads_nothing_that_takes_a_second():
    heavy = ("sklearn", "scipy", "pandas", "sympy", "matplotlib.pyplot")
    assert loaded(["course.plots", "course.widgets", "course.exercises"], heavy) == []
