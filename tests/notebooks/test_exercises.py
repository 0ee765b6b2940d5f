"""Exercises in the notebooks: each has its stub, its check, its hints and its solution in place,
and a kernel survives every answer.
"""

import inspect
import re
from functools import cache
from pathlib import Path

import nbformat
import pytest
import torch
import torch.nn.functional as F
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from course.checking.recognition import statements
from course.exercises import exercises, judge

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
ALL = exercises()
STUB = re.compile(r'^@exercise\("([^"]+)"\)\ndef (\w+)\(', re.M)


@cache
def cells(notebook: str) -> list[nbformat.NotebookNode]:
    return nbformat.read(NOTEBOOKS / f"{notebook}.ipynb", as_version=4).cells


def place_of(name: str) -> int:
    """The number of the cell with an exercise's stub."""
    mark = f'@exercise("{name}")'
    page = cells(ALL[name].notebook)
    [place] = [n for n, cell in enumerate(page) if cell.cell_type == "code" and mark in cell.source]
    return place


@pytest.mark.parametrize("name", ALL)
def test_stands_in_its_notebook_with_all_that_belongs_to_it(name):
    each, place = ALL[name], place_of(name)
    text, stub, check, solution = cells(each.notebook)[place - 1 : place + 3]
    assert text.cell_type == "markdown" and text.source.startswith("### Now you: ")
    difficulty = f"difficulty {each.dots} ({each.difficulty} of 3)"
    assert f"*Exercise, {difficulty}, about {each.minutes} minutes.*" in text.source
    assert "**Goal.**" in text.source
    hints = re.findall(r"<details><summary>Hint (\d)", text.source)
    assert hints == ["1", "2", "3"] and text.source.endswith("</details>\n" * 2 + "</details>")
    last = "".join(text.source.rpartition("Hint 3")[2].split())
    code = ["".join(line.split()) for line in inspect.getsource(each.answer).splitlines()[2:]]
    assert not [line for line in code if len(line) > 24 and line in last], "a hint, not the code"
    marked, function = STUB.search(stub.source).groups()
    assert marked == name
    assert check.source == f"check({function})" and solution.source == f'show_solution("{name}")'
    shown = "".join(check.outputs[0].data["text/plain"])
    assert shown.strip() == f"○ {name}: not attempted yet"
    assert "is hidden. Sure?" in "".join(solution.outputs[0].data["text/plain"])


@pytest.mark.parametrize("name", ALL)
def test_the_stub_is_untouched_and_fits_the_inputs(name):
    stub = cells(ALL[name].notebook)[place_of(name)].source
    scope: dict = {"exercise": lambda _: lambda function: function, "torch": torch, "F": F}
    exec(f"from __future__ import annotations\n{stub}", scope)
    function = scope[STUB.search(stub)[2]]
    assert judge(name, function).status == "not attempted" and function.__doc__
    assert not ALL[name].stub or statements(stub) == statements(ALL[name].stub)
    counts = {len(case.arguments) for case in ALL[name].cases()}
    assert counts == {function.__code__.co_argcount}, "the stub takes other arguments"


def test_every_marked_stub_is_an_exercise():
    pages = [path.read_text() for path in sorted(NOTEBOOKS.glob("*.ipynb"))]
    marked = re.findall(r'@exercise\(\\"([^"]+)\\"\)', "\n".join(pages))
    assert sorted(marked) == sorted(ALL), "one stub for each exercise"


@pytest.mark.parametrize("notebook", sorted({each.notebook for each in ALL.values()}))
def test_every_question_that_is_asked_is_answered(notebook):
    """`reveal` itself raises where its question was not asked before."""
    source = "\n".join(cell.source for cell in cells(notebook) if cell.cell_type == "code")
    asked = re.findall(r'^guess\(\s*"([^"]+)"', source, re.M)
    assert set(asked) == set(re.findall(r'\breveal\(\s*"([^"]+)"', source))


ANSWERS = """
from course.exercises import check, exercise
import torch
---
@exercise("attention.causal-mask")
def causal(queries, keys):
    while True:
        queries += 1
---
check(causal, seconds=0.5)
---
@exercise("attention.causal-mask")
def causal(queries, keys):
    print("spam")
    return torch.ones(queries) @ torch.ones(9)
---
check(causal)
---
@exercise("attention.causal-mask")
def causal(q, k):
    return torch.ones(q, k).tril(k - q).bool()
---
check(causal)
---
import time
time.sleep(1)
1 + 1
"""


def test_a_kernel_survives_answers_that_loop_crash_and_print():
    """In Jupyter itself: a loop is stopped, an error shows the cell's line, and the next cells work
    as before.
    """
    notebook = new_notebook(
        cells=[new_code_cell(cell) for cell in ANSWERS.strip().split("\n---\n")]
    )
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    shown = [
        "".join(cell.outputs[-1].data["text/plain"]) if cell.outputs else ""
        for cell in notebook.cells
    ]
    assert "did not come to an end" in shown[2] and "Cell In[2], line " in shown[2]
    assert "Cell In[4], line 4: return torch.ones(queries)" in shown[4]
    assert "spam" in shown[4]
    assert len(notebook.cells[4].outputs) == 1
    assert shown[6].startswith("✓") and shown[7] == "2"
