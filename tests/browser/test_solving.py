"""A student solves the exercises of notebook 02 in JupyterLab: types an answer, runs it and its
check by Shift+Enter, and reads.
"""

import re

import nbformat
import pytest
from lab import ROOT
from playwright.sync_api import Page
from reader import leave, open_notebook, run_some, settle

pytestmark = pytest.mark.browser

HEADS = """b, q, d = inputs.shape
    heads = lambda x: x.view(b, -1, num_heads, d // num_heads).transpose(1, 2)
    query, key, value = heads(inputs @ to_query), heads(memory @ to_key), heads(memory @ to_value)
    weights = (query @ key.transpose(-2, -1) / (d // num_heads) ** 0.5).softmax(dim=-1)
    return (weights @ value).transpose(1, 2).reshape(b, q, d) @ to_output"""
ANSWERS = {  # exercise: what is typed in place of the raise, and what the check says to it
    "attention.causal-mask": [
        (
            "return torch.ones(queries, keys, dtype=torch.bool).tril()",
            "(more keys than queries forgotten)",
        ),
        ("return torch.ones(queries, keys, dtype=torch.bool).tril(keys - queries)", "✓"),
    ],
    "attention.scaled-dot-product": [
        ("return query, kye", "NameError"),
        (
            (
                "scores = query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5\n"
                "    if mask is not None:\n"
                "        scores = scores.masked_fill(~mask, float('-inf'))\n"
                "    weights = scores.softmax(dim=-1)\n"
                "    return weights @ value, weights"
            ),
            "✓",
        ),
    ],
    "attention.multi-head": [
        (HEADS, "(maps not transposed)"),
        (re.sub(r"to_\w+", r"\g<0>.T", HEADS), "✓"),
    ],
}
# What is imported, the exercises, and their checks.
NEEDED = re.compile(r"from |import |@exercise|check\(")
FIND = """name => [...jupyterapp.shell.currentWidget.content.model.cells]
    .findIndex(cell => cell.sharedModel.getSource().includes(`@exercise("${name}")`))"""
SOURCE = """number =>
    jupyterapp.shell.currentWidget.content.model.cells.get(number).sharedModel.getSource()"""
SAID = """number => (jupyterapp.shell.currentWidget.content.model.cells.get(number)
        .sharedModel.toJSON().outputs ?? [])
    .map(output => output.data?.['text/plain'] ?? output.text ?? output.evalue ?? '')
    .map(text => [text].flat().join('')).join('\\n')"""


def answer(page: Page, number: int, body: str, before: str) -> str:
    """Write `body` in place of `before`, the end of the function in cell `number`, run it and the
    check below by Shift+Enter, and read what the check says.
    """
    wanted = page.evaluate(SOURCE, number).removesuffix(before) + body
    page.locator(".jp-Notebook .jp-Cell").nth(number).locator(".cm-content").click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(wanted)
    assert page.evaluate(SOURCE, number) == wanted
    page.evaluate(
        "number => jupyterapp.shell.currentWidget.content.model.cells.get(number).outputs.clear()",
        number + 1,
    )
    page.keyboard.press("Shift+Enter")
    page.keyboard.press("Shift+Enter")
    page.wait_for_function(f"number => ({SAID})(number) !== ''", arg=number + 1, polling=100)
    settle(page)
    return str(page.evaluate(SAID, number + 1))


def test_a_student_solves_exercises(lab, context):
    page, seen = open_notebook(context, lab, "02_attention")
    cells = nbformat.read(ROOT / "notebooks/02_attention.ipynb", 4).cells
    run_some(page, [cell.id for cell in cells if NEEDED.match(cell.source)])
    for name, tries in ANSWERS.items():
        number = page.evaluate(FIND, name)
        assert "not attempted yet" in page.evaluate(SAID, number + 1)
        before = "raise NotImplementedError"
        for body, expected in tries:
            said = answer(page, number, body, before)
            assert expected in said, f"{name}, after typing {body!r}: {said}"
            assert name in said and "not attempted" not in said
            before = body
    assert not seen.blocked
    leave(page, lab)
