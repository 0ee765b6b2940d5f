"""The static site's builder: links, pictures, explorers and formulas of a small course, then the
real one without a browser.
"""

import base64
import re
from pathlib import Path

import links
import make_site
import nbformat
import pytest
import render
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from nmt import ROOT

PNG = base64.b64encode(b"not really a picture").decode()
FIGURE = (
    '<figure><img alt="Two bars" width="30"'
    f' src="data:image/png;base64,{PNG}"><figcaption>Two.</figcaption></figure>'
)
FILES = {
    "README.md": "# Course\n\n[one](notebooks/01_one.ipynb)",
    "nmt/code.py": "answer = 42  # <b>\n",
    "docs/glossary.md": "# Glossary\n\n## Letters & `terms`\n",
    "docs/drawing.svg": "<svg xmlns='http://www.w3.org/2000/svg'><title>A</title></svg>",
}
LOADED = re.compile(
    r"""<(?:script|img|iframe|link|source|audio|video)\b[^>]*?\b(?:src|href)=["'](?!data:)([^"']+)["']"""
)


def shown(text: str, **data: str) -> nbformat.NotebookNode:
    """A code cell whose result has `text` as its plain form."""
    return new_code_cell(
        "show()",
        outputs=[new_output("execute_result", {"text/plain": text, **data}, execution_count=1)],
    )


def write_course(root: Path, *cells: nbformat.NotebookNode) -> Path:
    """A small repository: a front page, code, a picture, and two notebooks of which the first holds
    `cells`.
    """
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    (root / "notebooks").mkdir()
    for name, content in (("01_one", cells), ("02_two", ())):
        opening = new_markdown_cell(f"# Lesson {name[1]}\n\n## 1 · Begin")
        notebook = new_notebook(cells=[opening, *content])
        for number, cell in enumerate(notebook.cells):
            cell["id"] = f"cell-{number:02d}"
        nbformat.write(notebook, root / "notebooks" / f"{name}.ipynb")
    return root


def built(root: Path, out: Path) -> str:
    """The page of the first notebook."""
    make_site.build(root, out)
    return (out / "notebooks" / "01_one.html").read_text(encoding="utf-8")


def test_links_lead_to_pages_code_and_pictures(tmp_path):
    text = """[two](02_two.ipynb#1-·-Begin) [code](../nmt/code.py)
[g](../docs/glossary.md#letters--terms) [out](https://example.org/x.py)

`nmt/code.py` `nmt/none.py` `a/b`

![A drawing](../docs/drawing.svg)

<picture><source srcset="../docs/dark.svg"><img alt="B" src="../docs/drawing.svg"></picture>"""
    course = write_course(tmp_path / "a", new_markdown_cell(text))
    (course / "docs/dark.svg").write_text("<svg/>", encoding="utf-8")
    page = built(course, tmp_path / "site")
    for target in (
        "02_two.html#1-%C2%B7-Begin",
        "../nmt/code.py.html",
        "../docs/glossary.html#letters--terms",
        "https://example.org/x.py",
    ):
        assert f'href="{target}"' in page, target
    assert page.count('<a href="../nmt/code.py.html"><code>') == 1
    assert "<code>nmt/none.py</code>" in page
    assert page.count('src="../docs/drawing.svg"') == 2
    assert (tmp_path / "site/docs/drawing.svg").is_file()
    assert (tmp_path / "site/docs/dark.svg").is_file(), "only a dark page shows it"
    assert "&lt;b&gt;" in (tmp_path / "site/nmt/code.py.html").read_text()
    assert 'rel="next" href="02_two.html"' in page and 'rel="prev"' not in page
    assert '<html lang="en">' in page and "<title>Lesson 1 · nmt</title>" in page
    assert 'aria-current="page">Glossary' in (tmp_path / "site/docs/glossary.html").read_text()


@pytest.mark.parametrize(
    ("target", "complaint"),
    [
        ("03_three.ipynb", "one.ipynb links to 03_three.ipynb: notebooks/03_three.ipynb is not th"),
        ("../../secret.txt", "is not there"),
        ("02_two.ipynb#2-·-Nothing", "one.html links to 02_two.html#2-.*: no such place on that p"),
        ("#nowhere", "no such place"),
    ],
)
def test_a_link_to_nowhere_is_an_error_and_leaves_the_old_site(tmp_path, target, complaint):
    (tmp_path / "secret.txt").write_text("not part of the course")
    out = tmp_path / "site"
    built(write_course(tmp_path / "good"), out)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    with pytest.raises(links.BrokenLink, match=complaint):
        make_site.build(write_course(tmp_path / "bad", new_markdown_cell(f"[x]({target})")), out)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"bad", "good", "secret.txt", "site"}, "no draft is left"


def test_a_folder_with_something_else_is_left_alone(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(ValueError, match="choose an empty folder"):
        make_site.build(write_course(tmp_path / "a"), tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"


def test_pictures_become_files_once_and_keep_their_words(tmp_path):
    figures = shown("Figure. Two.", **{"text/html": FIGURE * 2})
    page = built(write_course(tmp_path / "a", figures), tmp_path / "site")
    (picture,) = (tmp_path / "site/notebooks/figures").iterdir()
    assert picture.read_bytes() == b"not really a picture"
    assert page.count(f'src="figures/{picture.name}"') == page.count('alt="Two bars"') == 2
    assert "data:image" not in page


def test_an_explorer_shows_the_figure_that_it_starts_with(tmp_path):
    figure = shown("Figure. Two.", **{"text/html": FIGURE})
    named = "Explorer (word, Δ: at a <letter>): run this cell to use it."
    explorer = shown(f"{named}\nIt starts with: Two.")
    near = built(write_course(tmp_path / "a", figure, explorer), tmp_path / "near")
    assert "(word, Δ: at a &lt;letter&gt;)" in near
    assert 'href="#cell-01"' in near and near.count("Two bars") == 1
    other = shown("Figure. Three.", **{"text/html": FIGURE.replace("Two bars", "Three bars")})
    far = built(write_course(tmp_path / "b", figure, other, explorer), tmp_path / "far")
    assert (far.count("Two bars"), far.count("Three bars")) == (2, 1)
    assert "run this cell to use it" not in far
    message = r"01_one.ipynb, cell-0\d: an explorer that names no figure above it"
    for number, cells in enumerate(((explorer,), (other, explorer))):
        with pytest.raises(ValueError, match=message):
            built(write_course(tmp_path / f"c{number}", *cells), tmp_path / "none")


def test_links_in_a_table_lead_to_pages(tmp_path):
    def table(target):
        text = f'<table><tr><td><a href="{target}">02_two</a></td></tr></table>'
        return shown("Table. Claims.", **{"text/html": text})

    page = built(write_course(tmp_path / "a", table("02_two.ipynb")), tmp_path / "there")
    assert '<a href="02_two.html">02_two</a>' in page
    with pytest.raises(make_site.BrokenLink, match="gone.ipynb is not there"):
        built(write_course(tmp_path / "b", table("gone.ipynb")), tmp_path / "gone")


def test_formulas_arrive_as_they_were_written(tmp_path):
    formula = r"\begin{aligned} a_{<t} &= \bar A \\ b &< *c* \end{aligned}"
    cells = [
        new_markdown_cell(f"$$\n{formula}\n$$\n\nInline $x_1 * y_2 * z$, not `$x$`."),
        shown("α", **{"text/latex": r"$\displaystyle \alpha$"}),
    ]
    page = built(write_course(tmp_path / "a", *cells), tmp_path / "site")
    escaped = formula.replace("&", "&amp;").replace("<", "&lt;")
    assert f'<div class="math" tabindex="0">{escaped}</div>' in page
    assert '<span class="math">x_1 * y_2 * z</span>' in page and "<code>$x$</code>" in page
    assert r'<div class="math" tabindex="0">\displaystyle \alpha</div>' in page
    other = (tmp_path / "site/notebooks/02_two.html").read_text()
    assert "katex.min.js" in page and "katex" not in other, "loaded where it is needed"


def test_text_outputs_cannot_be_read_as_html(tmp_path):
    printed = new_output("stream", name="stdout", text="<script>alert(1)</script>\n")
    cell = new_code_cell("print()", outputs=[printed])
    page = built(write_course(tmp_path / "a", cell), tmp_path / "site")
    assert "alert" in page and "<script>alert" not in page


@pytest.mark.parametrize(
    ("text", "notebook", "name"),
    [
        ("4 · The dot product, and why", True, "4-·-The-dot-product,-and-why"),
        ("Letters & terms", False, "letters--terms"),
        ("JupyterHub", False, "jupyterhub"),
    ],
)
def test_heading_ids_are_those_of_jupyterlab_and_github(text, notebook, name):
    assert render.heading_id(text, notebook=notebook) == name


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    out = tmp_path_factory.mktemp("site") / "site"
    make_site.build(ROOT, out)
    return out


def test_two_builds_are_equal_byte_for_byte(tmp_path):
    figure = shown("Figure. Two.", **{"text/html": FIGURE})
    course = write_course(tmp_path / "a", new_markdown_cell("$x$ [two](02_two.ipynb)"), figure)
    folders = [tmp_path / "once", tmp_path / "again"]
    for folder in folders:
        make_site.build(course, folder)
    first, second = (
        {p.relative_to(f): p.read_bytes() for p in f.rglob("*") if p.is_file()} for f in folders
    )
    assert first == second and len(first) > 10


def test_the_course_loads_nothing_from_elsewhere(site):
    pages = list(site.rglob("*.html"))
    texts = [page.read_text(encoding="utf-8") for page in pages]
    loaded = [target for text in texts for target in LOADED.findall(text)]
    assert len(loaded) > len(pages)
    assert not [target for target in loaded if re.match(r"[a-z]+:|//", target)]
    for style in site.rglob("*.css"):
        text = style.read_text(encoding="utf-8")
        assert not re.findall(r"url\((?!data:)|@import", text), style.name


@pytest.mark.parametrize(
    "path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem
)
def test_each_page_has_all_that_its_notebook_holds(site, path):
    notebook = nbformat.read(path, as_version=4)
    page = (site / "notebooks" / f"{path.stem}.html").read_text(encoding="utf-8")
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    html = "".join(output.data.get("text/html", "") for output in outputs if "data" in output)
    assert page.count("<figure") >= html.count("<figure")
    assert page.count("<iframe") == html.count("<iframe")
    plain = [output.get("data", {}).get("text/plain", "") for output in outputs]
    explorers = sum(text.startswith("Explorer (") for text in plain)
    assert page.count('<div class="explorer">') == explorers
    kinds = [cell.cell_type for cell in notebook.cells]
    assert page.count('<div class="code"') == kinds.count("code")
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    assert page.count("<details") >= sum(text.count("<details") for text in texts)
