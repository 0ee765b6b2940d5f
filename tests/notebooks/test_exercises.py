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


@pytest.mark.parametrize("name", ALL)
def test_stands_in_its_notebook_with_all_that_belongs_to_it(name):
    each, page = ALL[name], cells(ALL[name].notebook)
    [place] = [
        i
        for i, cell in enumerate(page)
        if cell.cell_type == "code" and f'@exercise("{name}")' in cell.source
    ]
    text, stub, check, solution = page[place - 1 : place + 3]
    assert text.cell_type == "markdown" and text.source.startswith("### Now you: ")
    assert (
        f"*Exercise, difficulty {each.dots} ({each.difficulty} of 3), about {each.minutes}"
        " minutes.*" in text.source
    )
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
    [stub] = [
        cell.source for cell in cells(ALL[name].notebook) if f'@exercise("{name}")' in cell.source
    ]
    scope: dict = {"exercise": lambda _: lambda function: function, "torch": torch, "F": F}
    exec(f"from __future__ import annotations\n{stub}", scope)
    function = scope[STUB.search(stub)[2]]
    assert judge(name, function).status == "not attempted" and function.__doc__
    assert not ALL[name].stub or statements(stub) == statements(ALL[name].stub)
    for case in ALL[name].cases():
        assert function.__code__.co_argcount == len(case.arguments), (
            f"{case.label}: the stub takes other arguments"
        )


def test_every_marked_stub_is_an_exercise():
    marked = [
        name
        for path in sorted(NOTEBOOKS.glob("*.ipynb"))
        for name in re.findall(r'@exercise\(\\"([^"]+)\\"\)', path.read_text())
    ]
    assert sorted(marked) == sorted(ALL), "one stub for each exercise"


@pytest.mark.parametrize("notebook", sorted({each.notebook for each in ALL.values()}))
def test_guesses_are_asked_before_they_are_revealed(notebook):
    source = "\n".join(cell.source for cell in cells(notebook) if cell.cell_type == "code")
    asked = {
        name: place.start()
        for place in re.finditer(r'^guess\(\s*"([^"]+)"', source, re.M)
        if (name := place[1])
    }
    shown = {
        name: place.start()
        for place in re.finditer(r'\breveal\(\s*"([^"]+)"', source)
        if (name := place[1])
    }
    assert asked.keys() == shown.keys() and all(asked[name] < shown[name] for name in asked)


def test_a_kernel_survives_answers_that_loop_crash_and_print():
    """In Jupyter itself: a loop is stopped, an error shows the cell's line, and the next cells work
    as before.
    """
    sources = [
        "from course.exercises import check, exercise\nimport torch",
        (
            '@exercise("attention.causal-mask")\ndef causal(queries, keys):\n    while True:\n     '
            "   queries += 1"
        ),
        "check(causal, seconds=0.5)",
        (
            '@exercise("attention.causal-mask")\ndef causal(queries, keys):\n    print("spam")\n   '
            " return torch.ones(queries) @ torch.ones(9)"
        ),
        "check(causal)",
        (
            '@exercise("attention.causal-mask")\ndef causal(q, k):\n    return torch.ones(q,'
            " k).tril(k - q).bool()"
        ),
        "check(causal)",
        "import time\ntime.sleep(1)\n1 + 1",
    ]
    notebook = new_notebook(cells=[new_code_cell(source) for source in sources])
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
