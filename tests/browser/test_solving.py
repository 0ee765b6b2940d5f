"""A student solves an exercise of notebook 02 in JupyterLab: types an answer, runs it and its
check by Shift+Enter, reads, and tries again.
"""

import re

import nbformat
import pytest
from lab import ROOT
from playwright.sync_api import Page
from reader import open_notebook, run_some, settle

pytestmark = pytest.mark.browser

EXERCISE = "attention.causal-mask"
MASK = "return torch.ones(queries, keys, dtype=torch.bool)"
TRIES = (  # what is typed in place of the raise, and what the check says to it
    ("return torch.ones(queries, kyes)", "NameError"),
    (f"{MASK}.tril()", "(more keys than queries forgotten)"),
    (f"{MASK}.tril(keys - queries)", "✓"),
)
# What is imported, the exercises, and their checks.
NEEDED = re.compile(r"from |import |@exercise|check\(")
CELL = "jupyterapp.shell.currentWidget.content.model.cells.get(number)"
SAID = f"""number => ({CELL}.sharedModel.toJSON().outputs ?? [])
    .map(output => output.data?.['text/plain'] ?? output.text ?? output.evalue ?? '')
    .map(text => [text].flat().join('')).join('\\n')"""


def answer(page: Page, number: int, text: str) -> str:
    """Write `text` into cell `number`, run it and the check below by Shift+Enter, and read what the
    check says.
    """
    page.locator(".jp-Notebook .jp-Cell").nth(number).locator(".cm-content").click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(text)
    assert page.evaluate(f"number => {CELL}.sharedModel.getSource()", number) == text
    page.evaluate(f"number => {CELL}.outputs.clear()", number + 1)
    page.keyboard.press("Shift+Enter")
    page.keyboard.press("Shift+Enter")
    page.wait_for_function(f"number => ({SAID})(number) !== ''", arg=number + 1, polling=100)
    settle(page)
    return str(page.evaluate(SAID, number + 1))


def test_a_student_solves_an_exercise(lab, context):
    page, seen = open_notebook(context, lab, "02_attention")
    cells = nbformat.read(ROOT / "notebooks/02_attention.ipynb", 4).cells
    run_some(page, [cell.id for cell in cells if NEEDED.match(cell.source)])
    [number] = [n for n, cell in enumerate(cells) if f'@exercise("{EXERCISE}")' in cell.source]
    assert "not attempted yet" in page.evaluate(SAID, number + 1)
    for body, expected in TRIES:
        stub = cells[number].source
        said = answer(page, number, stub.removesuffix("raise NotImplementedError") + body)
        assert expected in said, f"after typing {body!r}: {said}"
        assert EXERCISE in said and "not attempted" not in said
    assert not seen.blocked
