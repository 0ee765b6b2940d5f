"""The form of every notebook, where a program can see it: opening and closing, short cells, clean
outputs, words for pictures.
"""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
from refresh import KEPT_CELL_METADATA, KERNEL, WIDGET_VIEW, normalise

ROOT = Path(__file__).resolve().parents[2]
PATHS = sorted((ROOT / "notebooks").glob("*.ipynb"))
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


class Images(HTMLParser):
    """Collects what a reader who does not see needs: the alt text of each image, and whether each
    drawing has a title.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.alts: list[str] = []
        self.drawings = self.titles = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.alts.append(dict(attrs).get("alt") or "")
        self.drawings += tag == "svg"
        self.titles += tag == "title"


def text_of(value: str | list[str]) -> str:
    return value if isinstance(value, str) else "".join(value)


def outputs(notebook: nbformat.NotebookNode) -> list[tuple[str, nbformat.NotebookNode]]:
    """Each output with the id of its cell."""
    return [
        (cell["id"], output)
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
    ]


def prose(cells: list[nbformat.NotebookNode]) -> str:
    return "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


@pytest.fixture(params=PATHS, ids=lambda path: path.stem, scope="module")
def notebook(request: pytest.FixtureRequest) -> nbformat.NotebookNode:
    return nbformat.read(request.param, as_version=4)


def test_there_are_notebooks():
    assert PATHS, "notebooks/ is empty"


def test_opens_with_title_goals_what_to_know_and_minutes(notebook):
    first_code = next(i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code")
    opening = prose(notebook.cells[:first_code])
    assert opening.startswith("# "), "the first line is the title"
    for what, pattern in (
        ("the goals", r"(?i)\bgoals?\b|you will be able|you will learn"),
        ("what to know before", r"(?i)\bbefore\b"),
        ("the minutes", r"\d\s*minutes"),
    ):
        assert re.search(pattern, opening), f"the opening does not say {what}"


def test_closes_with_a_recap_and_the_next_step(notebook):
    closing = prose(notebook.cells[-3:])
    assert re.search(r"(?i)\brecap\b|\bwhat you (?:now )?(?:have|know)\b", closing)
    assert re.search(r"(?i)\bnext\b", closing)


def test_cells_are_short(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.source.strip(), f"{cell['id']} is empty"
            lines = cell.source.count("\n") + 1
            assert lines <= LONGEST_CELL, f"{cell['id']} has {lines} lines; {LONGEST_CELL} at most"


def test_is_stored_as_one_clean_run_leaves_it(notebook):
    """What `make notebooks` would tidy is tidy: ids, counts, metadata, no widget views, no widget
    state.
    """
    tidy = json.loads(json.dumps(notebook))
    tidy = nbformat.from_dict(tidy)
    normalise(tidy)
    assert notebook == tidy, "run: make notebooks"
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert notebook.metadata.kernelspec == KERNEL
    for cell in notebook.cells:
        assert set(cell.metadata) <= set(KEPT_CELL_METADATA)


def test_outputs_are_stored(notebook):
    assert any(output.get("data") for _, output in outputs(notebook)), (
        "no cell shows anything: run make notebooks"
    )
    for cell in notebook.cells:
        if cell.cell_type == "code" and re.search(
            r"^(?:print|show)\(", cell.source.splitlines()[-1]
        ):
            assert cell.outputs, (
                f"{cell['id']} ends in a print and has no stored output: run make notebooks"
            )


def test_no_errors_warnings_or_widget_state_in_outputs(notebook):
    for cell_id, output in outputs(notebook):
        assert output.output_type != "error", f"{cell_id} stored an error"
        assert output.get("name") != "stderr", (
            f"{cell_id} stored warnings: {text_of(output.text)[:200]}"
        )
        assert WIDGET_VIEW not in output.get("data", {})
    assert "widgets" not in notebook.metadata


def test_every_cell_is_compared(notebook):
    """Cells may hide what varies from nbval, not themselves."""
    for cell in notebook.cells:
        assert "NBVAL_SKIP" not in cell.source and "NBVAL_RAISES_EXCEPTION" not in cell.source, (
            cell["id"]
        )
        if cell.cell_type == "code" and "NBVAL_IGNORE_OUTPUT" in cell.source:
            assert cell.source.startswith("# NBVAL_IGNORE_OUTPUT"), (
                f"{cell['id']}: the mark stands on the first line"
            )


def test_no_paths_and_no_network(notebook):
    for cell in notebook.cells:
        assert cell.cell_type != "code" or not RELATIVE.search(cell.source), cell["id"]
        assert not ABSOLUTE.search(cell.source), f"{cell['id']}: {ABSOLUTE.search(cell.source)}"
        assert not NETWORK.search(cell.source), f"{cell['id']}: {NETWORK.search(cell.source)}"
        assert "pyplot" not in cell.source, f"{cell['id']}: figures come from course.plots"
    for cell_id, output in outputs(notebook):
        for text in [
            output.get("text", ""),
            *(v for k, v in output.get("data", {}).items() if k.startswith("text/")),
        ]:
            bare = re.sub(r"base64,[A-Za-z0-9+/=]+", "", text_of(text))
            assert not ABSOLUTE.search(bare), (
                f"{cell_id} shows a path of this machine: {ABSOLUTE.search(bare)}"
            )


def test_every_picture_has_words(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            assert not re.search(r"!\[\s*\]\(", cell.source), (
                f"{cell['id']}: a picture without alt text"
            )
            assert all(alt.strip() for alt in Images(cell.source).alts), (
                f"{cell['id']}: a picture without alt text"
            )
    for cell_id, output in outputs(notebook):
        data = output.get("data", {})
        html = Images(text_of(data.get("text/html", "")))
        assert all(alt.strip() for alt in html.alts), f"{cell_id}: a picture without alt text"
        assert html.titles >= html.drawings, f"{cell_id}: a drawing without a title"
        bare = {kind for kind in data if kind.startswith("image/")}
        assert not bare, (
            f"{cell_id} shows a bare {bare}: return a Picture of course.plots, which has alt text"
        )


def test_shows_a_figure_and_an_explorer(notebook):
    texts = [
        text_of(output.data.get("text/plain", ""))
        for _, output in outputs(notebook)
        if "data" in output
    ]
    assert any(text.startswith("Figure. ") for text in texts), "no figure of course.plots is shown"
    assert any(text.startswith("Explorer (") for text in texts), "no explorer is shown"


def test_each_explorer_starts_with_a_figure_that_stands_above_it(notebook):
    """A widget never carries content alone; its text form names the reading of the figure that it
    starts with.
    """
    readings = set()
    for cell_id, output in outputs(notebook):
        text = text_of(output.get("data", {}).get("text/plain", ""))
        readings |= set(re.findall(r"^Figure\. (.+)$", text, re.M))  # also one that is folded
        if text.startswith("Explorer ("):
            starts = re.findall(r"^It starts with: (.+)$", text, re.M)
            assert starts, f"{cell_id} does not say how it starts: run make notebooks"
            assert set(starts) <= readings, (
                f"{cell_id}: no figure above it has the reading {starts}"
            )


def test_links_lead_somewhere(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for target in re.findall(r"\]\(([^)\s]+)\)", cell.source) + re.findall(
                r"src=\"([^\"]+)\"", cell.source
            ):
                if not re.match(r"[a-z]+:|#", target):
                    assert (ROOT / "notebooks" / target.split("#")[0]).exists(), (
                        f"{cell['id']} links to {target}, which is not there"
                    )
