"""Make the static site of the course from what is stored: `make site`, or `python
website/make_site.py [--out FOLDER]`.

One page for each notebook with the outputs it holds (nothing is run), one for each Markdown file,
one for each file of code that they link to. Everything that a page needs lies in the folder, so it
works from a local file and from any web server, without a network: formulas by KaTeX from
website/katex/, pictures as files. The same repository gives the same bytes. A link that leads
nowhere is an error.
"""

from __future__ import annotations

import argparse
import html
import re
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import nbformat
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from links import BrokenLink, Links, broken, relative, source_address
from render import (
    TEMPLATES,
    Renderer,
    pictures_as_files,
    render_markdown,
    render_notebook,
    render_source,
)

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
SHIPPED = ("style.css", "page.js", "katex/katex.min.js", "katex/katex.min.css", "katex/LICENSE.txt")
MARK = "made-by-make-site"  # a folder without it is not ours to replace


@dataclass(frozen=True)
class Step:
    """A neighbour in the course: where its page is, and its title."""

    url: str
    title: str


def addresses(root: Path) -> dict[str, str]:
    """Each file of the repository that has a page, with its address; README.md is the first."""
    files = [
        *sorted(root.glob("notebooks/*.ipynb")),
        *sorted(root.glob("*.md")),
        *sorted(root.glob("docs/*.md")),
    ]
    files += [root / "data" / "README.md", root / "assets" / "README.md"]
    names = [path.relative_to(root).as_posix() for path in files if path.is_file()]
    return {
        name: "index.html" if name == "README.md" else f"{name.rsplit('.', 1)[0]}.html"
        for name in names
    }


def title_of(path: Path) -> str:
    """The first heading of a notebook or a Markdown file, without its marks."""
    if path.suffix == ".ipynb":
        text = "\n".join(
            cell.source
            for cell in nbformat.read(path, as_version=4).cells
            if cell.cell_type == "markdown"
        )
    else:
        text = path.read_text(encoding="utf-8")
    found = re.search(r"^# (.+)$", text, re.M)
    return re.sub(r"[`*_$\\]", "", found[1]).strip() if found else path.stem


class Site:
    """The pages of one repository, made one by one into `folder`."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.root, self.folder = root, folder
        self.links = Links(root, addresses(root))
        self.titles = {source: title_of(root / source) for source in self.links.pages}
        self.course = [source for source in self.links.pages if source.startswith("notebooks/")]
        loader = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
        )
        self.template = loader.get_template("page.html.j2")

    def write(self, address: str, content: bytes) -> None:
        """One file of the site."""
        path = self.folder / address
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def page(
        self,
        address: str,
        title: str,
        body: str,
        *,
        sections: list[tuple[str, str]],
        source: str,
        wide: bool = False,
    ) -> None:
        """One page: `body` between the site's head and foot, with links to the neighbours where it
        is part of the course.
        """
        after = dict(zip(self.course, self.course[1:]))
        before = {two: one for one, two in after.items()}
        text = self.template.render(
            title=title,
            body=body,
            sections=sections,
            source=source,
            before=self._step(before.get(source), address),
            after=self._step(after.get(source), address),
            menu=[self._step(name, address, label) for name, label in self._menu()],
            wide=wide,
            here=relative(address, address),
            math='class="math"' in body,
            base=lambda name: relative(name, address),
        )
        self.write(address, text.encode())

    def _menu(self) -> list[tuple[str, str]]:
        pages = "README.md", "docs/glossary.md", "docs/teaching.md"
        labels = "Course", "Glossary", "Teaching"
        return [(name, label) for name, label in zip(pages, labels) if name in self.links.pages]

    def _step(self, source: str | None, address: str, label: str = "") -> Step | None:
        if source is None:
            return None
        return Step(relative(self.links.pages[source], address), label or self.titles[source])

    def build(self) -> None:
        """All pages, then what they need."""
        for source, address in self.links.pages.items():
            renderer = Renderer(self.links, source)
            path = self.root / source
            if path.suffix == ".ipynb":
                body = render_notebook(nbformat.read(path, as_version=4), renderer)
            else:
                body = render_markdown(path.read_text(encoding="utf-8"), renderer)
            body, pictures = pictures_as_files(body, address)
            for name, content in pictures.items():
                self.write(f"{Path(address).parent.as_posix()}/figures/{name}", content)
            sections = [
                (quote(name), text) for level, name, text in renderer.headings if level == 2
            ]
            self.page(address, self.titles[source], body, sections=sections, source=source)
        for source in sorted(self.links.sources):
            body = render_source((self.root / source).read_text(encoding="utf-8"), source)
            title = f"<h1><code>{html.escape(source)}</code></h1>"
            self.page(
                source_address(source), source, title + body, sections=[], source=source, wide=True
            )
        for name in sorted(self.links.copies):
            self.write(name, (self.root / name).read_bytes())
        for name in SHIPPED:
            self.write(f"static/{name}", (HERE / name).read_bytes())
        self.write(MARK, b"")


def build(root: Path, out: Path) -> int:
    """Build the site of `root` in `out`, whole or not at all; the number of its pages.

    Raises `BrokenLink` with every link that leads nowhere, `ValueError` where `out` holds something
    else, `OSError` where it cannot be written.
    """
    if out.exists() and not (out / MARK).is_file() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(
            f"{out} holds something that is not a site made here; choose an empty folder"
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as draft:
        folder = Path(draft) / "site"
        folder.mkdir()
        Site(root, folder).build()
        if complaints := broken(folder):
            raise BrokenLink("\n".join(complaints))
        if out.exists():
            shutil.rmtree(out)
        folder.rename(out)
    return len(list(out.rglob("*.html")))


def main() -> int:
    """Build the site; 1 with a sentence where that fails."""
    parser = argparse.ArgumentParser(
        description="Make the static site of the course from the stored notebooks."
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=ROOT / "build" / "site",
        help="folder of the site (default: build/site)",
    )
    out = parser.parse_args().out
    try:
        pages = build(ROOT, out)
    except (ValueError, OSError) as error:
        print(f"No site was made: {error}", file=sys.stderr)
        return 1
    print(f"{pages} pages; open {out / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
