"""The lesson never looks at the classroom. In the classroom, look only downstairs. And nobody looks
for a package that pyproject.toml does not name.
"""

import ast
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

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


def files(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def test_the_lesson_never_looks_at_the_classroom():
    assert 10 < len(files("nmt")) <= 24, "the lesson is small and flat"
    for path in files("nmt"):
        assert not {name for name in imports(path) if name.split(".")[0] == "course"}, path


@pytest.mark.parametrize("room", DOWNSTAIRS)
def test_in_the_classroom_look_only_downstairs(room):
    for path in files(f"course/{room}") or [ROOT / "course" / f"{room}.py"]:
        rooms = {name.split(".")[1] for name in imports(path) if name.startswith("course.")}
        assert rooms <= DOWNSTAIRS[room] | {room}, path


def test_every_room_is_named():
    names = {path.stem for path in (ROOT / "course").iterdir() if path.stem[:2] != "__"}
    assert names | {"__main__"} == set(DOWNSTAIRS)


def loaded(names: list[str], wanted: tuple[str, ...]) -> list[str]:
    """Those of `wanted` that a fresh Python has loaded once it has imported `names`."""
    code = f"import importlib, json, sys\nfor name in {names!r}: importlib.import_module(name)\n"
    code += f"print(json.dumps([name for name in {wanted!r} if name in sys.modules]))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_importing_any_file_of_the_lesson_loads_nothing_that_shows():
    names = [f"nmt.{path.stem}" for path in files("nmt") if path.stem[0] != "_"]
    assert loaded(names, SHOWING) == []


def test_what_every_notebook_imports_loads_nothing_that_takes_a_second():
    heavy = ("sklearn", "scipy", "pandas", "sympy", "matplotlib.pyplot")
    assert loaded(["course.plots", "course.widgets", "course.exercises"], heavy) == []


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# The package's name → what one imports, where they differ.
MODULES = {"scikit-learn": "sklearn", "pyyaml": "yaml", "pillow": "PIL", "ipython": "IPython"}
MODULES |= {"websocket-client": "websocket"}


def modules(lines: list[str]) -> set[str]:
    names = {canonicalize_name(Requirement(line).name) for line in lines}
    return {MODULES.get(name, name) for name in names}


def test_the_code_imports_only_what_is_declared():
    """A package that happens to be there, because another needs it, may be gone tomorrow."""
    extras = PROJECT["optional-dependencies"]
    users, developers = modules(PROJECT["dependencies"]), modules(extras["dev"])
    for folder in ("nmt", "course", "data", "tests", "tools", "website"):
        allowed = users if folder in ("nmt", "course") else users | developers
        places = {path for name in (folder, "website", "tools", "assets") for path in files(name)}
        allowed |= {path.stem for path in places} | {"nmt", "course", "tests"}
        for path in files(folder):
            mine = allowed | (modules(extras["cluster"]) if path.name == "cluster.py" else set())
            strange = {name.split(".")[0] for name in imports(path)} - mine
            strange -= set(sys.stdlib_module_names)
            assert not strange, f"{path} imports {strange}, which pyproject.toml does not name"
