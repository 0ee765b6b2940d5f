"""The form of every notebook, where a program can see it: opening and closing, short cells, clean
outputs, words for pictures. That links and explorers' figures are there, tests/unit/test_website.py
sees: the site cannot be built without them.
"""

import copy
import re
from pathlib import Path

import nbformat
import pytest
from refresh import normalise

PATHS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))
LONGEST_CELL = 30
ABSOLUTE = re.compile(
    r"(?<![\w.:/])(?:/(?:home|root|Users|tmp|work|var|opt|usr|mnt)/|[A-Z]:\\\\?(?:Users|Windows))"
)
# A notebook that was copied elsewhere finds data by the package: `course.lab.records.RECORDS`.
RELATIVE = re.compile(r"""(["'])(?:\.\.?/|(?:assets|course|data|docs|notebooks|runs)/)""")
NETWORK = re.compile(
    r"^\s*(?:[!%]pip|[!%]conda|import (?:requests|urllib)|from"
    r" (?:requests|urllib))|(?:https?://\S+\.(?:png|svg|jpe?g|gif|js|css))",
    re.M,
)
WORDLESS = re.compile(r"""!\[\s*\]\(|<img\b(?![^>]*\balt=["'][^"']*\w)""")


def text_of(output: nbformat.NotebookNode, kind: str) -> str:
    return "".join(output.get("data", {}).get(kind, ""))


@pytest.fixture(params=PATHS, ids=lambda path: path.stem, scope="module")
def notebook(request: pytest.FixtureRequest) -> nbformat.NotebookNode:
    return nbformat.read(request.param, as_version=4)


@pytest.fixture
def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@pytest.fixture
def outputs(code):
    """Each output with the id of its cell."""
    return [(cell["id"], output) for cell in code for output in cell.outputs]


@pytest.mark.parametrize(
    ("place", "pattern"),
    [
        ("opening", r"\A# "),
        ("opening", r"(?i)\bgoals?\b|you will be able|you will learn"),
        ("opening", r"(?i)\bbefore\b"),
        ("opening", r"\d\s*minutes"),
        ("closing", r"(?i)\brecap\b|\bwhat you (?:now )?(?:have|know)\b"),
        ("closing", r"(?i)\bnext\b"),
    ],
    ids=["title", "goals", "what to know before", "minutes", "recap", "next step"],
)
def test_opens_and_closes_with_what_a_reader_needs(notebook, code, place, pattern):
    cells = notebook.cells
    part = cells[: cells.index(code[0])] if place == "opening" else cells[-3:]
    prose = "\n".join(cell.source for cell in part if cell.cell_type == "markdown")
    assert re.search(pattern, prose), f"the {place} lacks {pattern}"


def test_cells_are_short_and_all_are_compared(code):
    """Cells may hide what varies from nbval, not themselves."""
    for cell in code:
        assert cell.source.strip(), f"{cell['id']} is empty"
        lines = cell.source.count("\n") + 1
        assert lines <= LONGEST_CELL, f"{cell['id']} has {lines} lines; {LONGEST_CELL} at most"
        assert not re.search("NBVAL_(SKIP|RAISES_EXCEPTION)", cell.source), cell["id"]
        marks = [n for n, line in enumerate(cell.source.splitlines()) if "NBVAL_IGNORE" in line]
        assert marks in ([], [0]), f"{cell['id']}: the mark stands on the first line"


def test_is_stored_as_one_clean_run_leaves_it(notebook):
    """What `make notebooks` would tidy is tidy: ids, counts, metadata, no widget views, no widget
    state.
    """
    tidy = copy.deepcopy(notebook)
    normalise(tidy)
    assert notebook == tidy, "run: make notebooks"


def test_outputs_are_stored_without_errors_and_warnings(code, outputs):
    for cell_id, output in outputs:
        assert output.output_type != "error", f"{cell_id} stored an error"
        assert output.get("name") != "stderr", f"{cell_id} stored warnings: {output.text[:200]}"
    for cell in code:
        prints = re.match(r"(?:print|show)\(", cell.source.splitlines()[-1])
        assert cell.outputs or not prints, f"{cell['id']} stored nothing: run make notebooks"
    texts = [text_of(output, "text/plain") for _, output in outputs]
    for kind in ("Figure. ", "Explorer ("):
        assert any(text.startswith(kind) for text in texts), f"nothing begins with {kind!r}"


def test_no_paths_and_no_network(notebook, code, outputs):
    for cell in code:
        assert not RELATIVE.search(cell.source), cell["id"]
    for cell in notebook.cells:
        for wrong in (ABSOLUTE, NETWORK):
            assert not wrong.search(cell.source), f"{cell['id']}: {wrong.search(cell.source)}"
        assert "pyplot" not in cell.source, f"{cell['id']}: figures come from course.plots"
    for cell_id, output in outputs:
        kinds = [kind for kind in output.get("data", {}) if kind.startswith("text/")]
        for text in (output.get("text", ""), *(text_of(output, kind) for kind in kinds)):
            found = ABSOLUTE.search(re.sub(r"base64,[A-Za-z0-9+/=]+", "", text))
            assert not found, f"{cell_id} shows a path of this machine: {found}"


def test_every_picture_has_words(notebook, outputs):
    texts = [(cell["id"], cell.source) for cell in notebook.cells if cell.cell_type == "markdown"]
    for cell_id, output in outputs:
        html = text_of(output, "text/html")
        texts.append((cell_id, html))
        drawings, titles = (len(re.findall(f"<{tag}[ >]", html)) for tag in ("svg", "title"))
        assert titles >= drawings, f"{cell_id}: a drawing without a title"
        bare = [kind for kind in output.get("data", {}) if kind.startswith("image/")]
        assert not bare, f"{cell_id} shows a bare {bare}: return a Picture of course.plots"
    for cell_id, text in texts:
        assert not WORDLESS.search(text), f"{cell_id}: a picture without alt text"
