"""The floors of the design: a file imports only from below, and nothing below the top two floors knows how figures are shown."""

import ast
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Each floor from left to right: a file imports from lower floors, and on its own floor from files to its left.
FLOORS = [
    ["pig_latin", "data", "padding"],
    ["sizes", "allocator", "positions", "attention", "discretization", "scan", "selective_scan_by_rule", "selective_scan", "selective_ssm"],
    ["transformer", "mamba", "decoding"],
    ["timing", "scan_trials", "training", "files", "checkpoints", "experiments", "speedrun", "embedding_tables"],
    [
        "interventions",
        "hidden_attention",
        "trace",
        "evaluation",
        "spelling",
        "alignment",
        "heads",
        "causes",
        "claims",
        "patching",
        "probes",
        "embeddings",
        "frequencies",
        "memory",
        "mistakes",
        "look_alikes",
        "wugs",
        "beyond",
        "packing",
        "verdicts",
    ],
    ["plots", "attention_view", "report"],
    ["widgets", "exercises", "grading", "lab_commands", "grade_command", "__main__"],
]
SHOWING = 5
PLACE = {name: (floor, column) for floor, names in enumerate(FLOORS) for column, name in enumerate(names)}
HEAVY = ("matplotlib", "IPython", "ipywidgets", "bertviz", "transformers")
FILES = sorted(path for path in (ROOT / "nmt").rglob("*.py") if path != ROOT / "nmt/__init__.py")


def unit(path: Path) -> str:
    """The file's name, or its package's: nmt/plots/style.py counts as plots."""
    return path.relative_to(ROOT / "nmt").with_suffix("").parts[0]


def imports(path: Path) -> set[str]:
    """Every module that the file imports, anywhere in it, relative imports spelled out."""
    found = set()
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            found |= {f"{module}.{alias.name}" for alias in node.names} if module == "nmt" else {module}
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_imports_only_from_below(path):
    own = unit(path)
    assert own in PLACE, f"{own} stands on no floor: give it one in DESIGN's table and here"
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "nmt" and len(parts) > 1 and parts[1] != "__version__" and parts[1] != own:
            assert parts[1] in PLACE, f"{own} imports {name}, which stands on no floor"
            assert PLACE[parts[1]] < PLACE[own], f"{own} (floor {PLACE[own][0]}) imports {parts[1]} (floor {PLACE[parts[1]][0]})"


@pytest.mark.parametrize(
    "path", [path for path in FILES if PLACE.get(unit(path), (SHOWING,))[0] < SHOWING], ids=lambda path: str(path.relative_to(ROOT))
)
def test_below_the_top_two_floors_nothing_names_a_library_that_shows(path):
    assert not {name.split(".")[0] for name in imports(path)} & set(HEAVY)


def loaded_after(code: str) -> tuple[set[str], float]:
    """The heavy packages that a fresh Python has loaded after `code`, and the seconds it took."""
    started = time.perf_counter()
    report = f"{code}\nimport json, sys; print(json.dumps([m for m in {HEAVY!r} if m in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(json.loads(done.stdout.splitlines()[-1])), time.perf_counter() - started


def test_import_nmt_is_light_and_quick():
    loaded, seconds = loaded_after("import nmt")
    assert not loaded
    assert seconds < 10  # the aim is 2.5; the rest is for a busy machine


def test_floors_zero_to_four_load_nothing_that_shows():
    below = [path for path in FILES if PLACE.get(unit(path), (SHOWING,))[0] < SHOWING]
    assert below, "no module found"
    modules = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in below]
    loaded, _ = loaded_after("\n".join(f"import {module}" for module in modules))
    assert not loaded
