"""From Markdown and stored notebooks to HTML: nbconvert, with formulas for KaTeX, links within the
site, and pictures as files.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from pathlib import Path
from typing import Any

from links import Links
from nbconvert.exporters import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_for_filename
from pygments.lexers.special import TextLexer
from pygments.util import ClassNotFound

TEMPLATES = Path(__file__).resolve().parent / "templates"
# How the text forms of these outputs begin; a table may also stand folded below a figure.
EXPLORER, FIGURE, TABLE = "Explorer (", "Figure. ", "Table. "
EMBEDDED = re.compile(r'src="data:image/(png|jpeg|gif|webp);base64,([A-Za-z0-9+/=]+)"')
LINKED = re.compile(r'(<(?:img|a|source)\b[^>]*?\b(?:src|href|srcset)=")([^"]+)(")')


class Renderer(IPythonRenderer):
    """Markdown of one file (`source`). It collects `headings`: (level, id, HTML)."""

    def __init__(self, links: Links, source: str) -> None:
        super().__init__(escape=False)
        self.links, self.source = links, source
        self.headings: list[tuple[int, str, str]] = []

    def block_math(self, body: str) -> str:
        """Source for KaTeX, on a line of its own."""
        return f'<div class="math" tabindex="0">{html.escape(body.strip())}</div>'

    def inline_math(self, body: str) -> str:
        """Source for KaTeX, within a line."""
        return f'<span class="math">{html.escape(body.strip())}</span>'

    def heading(self, text: str, level: int, **attrs: Any) -> str:
        """A heading that can be linked to, by the id that JupyterLab gives it (in notebooks) or
        GitHub (elsewhere).
        """
        plain = re.sub(r'<span class="math">(.*?)</span>', r"$\1$", text)
        plain = html.unescape(re.sub(r"<[^>]+>", "", plain))
        name = heading_id(plain, notebook=self.source.endswith(".ipynb"))
        self.headings.append((level, name, text))
        return f'<h{level} id="{html.escape(name)}">{text}</h{level}>\n'

    def link(self, text: str, url: str, title: str | None = None) -> str:
        """A link within the site."""
        return str(super().link(text, self.links.resolve(self.source, url), title))

    def image(self, text: str, url: str, title: str | None = None) -> str:
        """A picture, copied into the site."""
        return str(super().image(text, self.links.resolve(self.source, url), title))

    def block_html(self, html: str) -> str:
        """HTML in Markdown: its links count too."""
        return str(super().block_html(self.links_of(html)))

    def inline_html(self, html: str) -> str:
        """HTML within a line: its links count too."""
        return str(super().inline_html(self.links_of(html)))

    def codespan(self, text: str) -> str:
        """Code within a line; the name of a file leads to that file."""
        code = str(super().codespan(text))
        url = self.links.code(self.source, html.unescape(text))
        return f'<a href="{url}">{code}</a>' if url else code

    def table(self, text: str) -> str:
        """A table that scrolls by itself where the page is narrow."""
        return f'<div class="table" tabindex="0"><table>\n{text}</table></div>\n'

    def links_of(self, text: str) -> str:
        """HTML with its links between files of the repository turned into links between pages."""
        return LINKED.sub(
            lambda found: found[1] + self.links.resolve(self.source, found[2]) + found[3], text
        )


def heading_id(text: str, *, notebook: bool) -> str:
    """The id of a heading, so that links that work in JupyterLab (notebooks) or on GitHub (Markdown
    files) work in the site.
    """
    if notebook:
        return text.replace(" ", "-")
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")


def render_markdown(text: str, renderer: Renderer) -> str:
    """HTML of a Markdown text."""
    return str(MarkdownWithMath(renderer=renderer).render(text))


class CourseExporter(HTMLExporter):
    """nbconvert's HTML exporter with the course's template and renderer."""

    def __init__(self, renderer: Renderer) -> None:
        super().__init__(extra_template_basedirs=[str(TEMPLATES)], template_name="course")
        self.renderer = renderer

    def default_filters(self) -> Any:
        """The renderer takes the place of nbconvert's; it needs no context."""
        yield from super().default_filters()
        yield ("markdown2html", lambda source: render_markdown(source, self.renderer))
        yield ("latex_source", lambda text: str(text).strip().strip("$"))


def render_notebook(notebook: NotebookNode, renderer: Renderer) -> str:
    """HTML of a stored notebook. It is not run: what the site shows is what the notebook holds."""
    show_explorers(notebook, renderer.source)
    for output in (output for cell in notebook.cells for output in cell.get("outputs", [])):
        if re.search(f"^{TABLE}", output.get("data", {}).get("text/plain", ""), re.M):
            output.data["text/html"] = renderer.links_of(output.data["text/html"])
    body, _ = CourseExporter(renderer).from_notebook_node(notebook)
    return str(body)


def show_explorers(notebook: NotebookNode, source: str) -> None:
    """Put words, and the figure that it starts with, in the place of each explorer, in place.

    That figure stands above it, by the course's rule that an explorer never carries content alone;
    the explorer's text form says its reading. It is shown again where other cells lie between.
    Raises `ValueError` where there is none.
    """
    # By reading: number of the code cell, its id, HTML.
    figures: dict[str, tuple[int, str, str]] = {}
    number = 0
    for cell in notebook.cells:
        number += cell.cell_type == "code"
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            text = data.get("text/plain", "")
            readings = re.findall(f"^{re.escape(FIGURE)}(.+)$", text, re.M)
            shown = re.findall("<figure.*?</figure>", data.get("text/html", ""), re.S)
            for reading, figure in zip(readings, shown):  # folded ones, too
                figures[reading] = (number, cell["id"], figure)
            if text.startswith(EXPLORER):
                start = re.search(r"^It starts with: (.+)$", text, re.M)
                if not start or start[1] not in figures:
                    where = f"{source}, {cell['id']}"
                    raise ValueError(
                        f"{where}: an explorer that names no figure above it; run make notebooks"
                    )
                place, name, figure = figures[start[1]]
                controls = html.escape(text[: text.index("): ") + 1].removeprefix("Explorer "))
                again = figure if number - place > 1 else ""
                words = (
                    f'<strong>Explorer</strong> {controls}. It starts with <a href="#{name}">the'
                    f" figure above</a>. To turn its controls, open <code>{html.escape(source)}"
                    "</code> in JupyterLab and run this cell."
                )
                shown_instead = f'<div class="explorer"><p>{words}</p>{again}</div>'
                output.data = NotebookNode({"text/html": shown_instead})


def pictures_as_files(body: str, page: str) -> tuple[str, dict[str, bytes]]:
    """`body` with its embedded pictures replaced by links to files beside `page`, and these files
    by name: each once, named by content.
    """
    files: dict[str, bytes] = {}

    def move(found: re.Match[str]) -> str:
        content = base64.b64decode(found[2])
        name = f"{Path(page).stem}-{hashlib.sha256(content).hexdigest()[:16]}.{found[1]}"
        files[name] = content
        return f'src="figures/{name}"'

    return EMBEDDED.sub(move, body), files


def render_source(text: str, name: str) -> str:
    """HTML of a file of code, with numbered lines that can be linked to (#line-12)."""
    try:
        lexer = get_lexer_for_filename(name)
    except ClassNotFound:
        lexer = TextLexer()
    anchors = {"lineanchors": "line", "anchorlinenos": True}
    lines = HtmlFormatter(linenos="inline", cssclass="highlight source", wrapcode=True, **anchors)
    return str(highlight(text, lexer, lines))
