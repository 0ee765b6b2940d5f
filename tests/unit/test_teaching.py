"""docs/teaching.md: its tables are those of the notebooks and of the measurement, and every mistake
that it names is one that is found.
"""

import json
import re
from pathlib import Path

import nbformat
import pytest
import teaching
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course.exercises.catalogue import find
from nmt import ROOT

TEXT = (ROOT / teaching.PAGE).read_text(encoding="utf-8")
RECORD = json.loads(teaching.MEMORY.read_text(encoding="utf-8"))
NAMED = re.findall(r"\| `([a-z]+\.[a-z-]+)`: (.+?) \|$", TEXT, re.M)


def write(root: Path, name: str, opening: str, *cells: str) -> None:
    (root / "notebooks").mkdir(exist_ok=True)
    made = [new_markdown_cell(opening), new_code_cell("*Exercise, in code, about 90 minutes")]
    made += map(new_markdown_cell, cells)
    nbformat.write(new_notebook(cells=made), root / "notebooks" / f"{name}.ipynb")


def test_tables_are_what_the_repository_holds():
    assert teaching.updated(TEXT) == TEXT, "run: make readme"


def test_minutes_and_what_is_presumed_come_from_the_notebooks(tmp_path):
    exercises = [
        "*Exercise, difficulty ●○○ (1 of 3), about 5 minutes.*",
        "## B\n\n*Exercise, difficulty ●●○ (2 of 3), about 15 minutes.*",
    ]
    known = "**Before you start:** [01_data](01_data.ipynb), and\nsums."
    time = "**Time:** about 60 minutes, and 20 more."
    write(tmp_path, "02_attention", f"# A\n\n{known} {time}", *exercises)
    opening = "# D\n\n**What to know before.** Python.\n\n**Time.** About 25 minutes."
    write(tmp_path, "01_data", opening)
    _, _, first, second, last = teaching.syllabus(tmp_path).splitlines()
    assert first == "| [`01_data`](../notebooks/01_data.ipynb) | 25 | | Python. |"
    lesson = "[`02_attention`](../notebooks/02_attention.ipynb)"
    presumed = "[01_data](../notebooks/01_data.ipynb), and sums."
    assert second == f"| {lesson} | 60 | 20 (2) | {presumed} |"
    assert last == "| **together** | **85** | **20** | |"


def test_a_notebook_that_does_not_say_how_long_it_takes_is_named(tmp_path):
    write(tmp_path, "01_data", "# D\n\n**What to know before.** Python.")
    with pytest.raises(ValueError, match=r"01_data.ipynb does not say how long"):
        teaching.syllabus(tmp_path)


def test_the_measurement_is_of_these_notebooks_and_plausible():
    names = {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert set(RECORD["notebooks"]) == names, "run: make memory"
    peaks = [found["peak_mib"] for found in RECORD["notebooks"].values()]
    assert min(peaks) > 200 and RECORD["server_mib"] > 50, "torch alone needs more"
    one, two = (number * max(peaks) + RECORD["server_mib"] for number in (1, 2))
    assert one < 1536 and two < 2560, "the page says that this much suffices"


def test_every_mistake_that_the_page_names_is_found_by_its_exercise():
    assert len(NAMED) >= 6
    for exercise, mistake in NAMED:
        assert mistake in {each.name for each in find(exercise).mistakes}, exercise


def test_the_steps_to_another_task_name_what_is_there():
    for name in re.findall(r"`((?:nmt|tests|data)/[\w/.]+\.(?:py|md))`", TEXT):
        assert (ROOT / name).is_file(), name
    rule = (ROOT / "nmt" / "pig_latin.py").read_text(encoding="utf-8")
    for there in ("def _spell(", "def _plan(", "RULE_CLASSES = ", "LETTERS = "):
        assert there in rule


def test_the_map_in_the_first_notebook_says_the_minutes_of_the_openings():
    """Notebook 00 draws the map of the course: the same minutes as the openings promise."""
    first = nbformat.read(ROOT / "notebooks" / "00_start_here.ipynb", as_version=4)
    text = "\n".join(cell.source for cell in first.cells)
    for path in sorted((ROOT / "notebooks").glob("0[1-9]*.ipynb")):
        minutes, exercises, _ = teaching.lesson(path)
        said = f"{minutes} + {sum(exercises)}" if exercises else f"{minutes}"
        assert re.search(rf"\]\({path.name}\) \|[^|]*\| {re.escape(said)} \|", text), path.stem
