"""Where a link of the repository leads within the site, and whether all links of a finished site
lead somewhere.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

ELSEWHERE = re.compile(r"[a-zA-Z][a-zA-Z+.-]*:|//")  # https:, mailto:, data:, //host
# Folders whose files inline code may name.
SHOWN = "nmt course data tests website .ci tools .github notebooks docs".split()
CODE = (".py", ".toml", ".yml", ".cff", ".cfg", ".css", ".js", ".txt", "")  # "": LICENSE, Makefile


class BrokenLink(ValueError):
    """A page links to something that is not there; the message names both."""


def relative(url: str, page: str) -> str:
    """`url` as seen from `page`, both counted from the site's first folder."""
    return quote(posixpath.relpath(url, posixpath.dirname(page) or "."))


def source_address(path: str) -> str:
    """The address of the page that shows a file of code; without leading dots, which web servers
    hide.
    """
    return "/".join(part.lstrip(".") for part in path.split("/")) + ".html"


@dataclass
class Links:
    """Translates links between files of the repository into links between pages, and remembers what
    they need.

    `pages` maps each file that has a page (a notebook, a Markdown file) to its address. Pictures
    and data are to be copied (`copies`), code is to be shown as a page of its own (`sources`); both
    are paths within the repository.
    """

    root: Path
    pages: Mapping[str, str]
    copies: set[str] = field(default_factory=set)
    sources: set[str] = field(default_factory=set)

    def address(self, path: str) -> str:
        """The address in the site of a file of the repository; raises `BrokenLink` where there is
        none.
        """
        if (self.root / path).is_dir():
            path = posixpath.join(path, "README.md")
        if path in self.pages:
            return self.pages[path]
        if path.startswith("../") or not (self.root / path).is_file():
            raise BrokenLink(f"{path} is not there")
        if posixpath.splitext(path)[1] in CODE:
            self.sources.add(path)
            return source_address(path)
        self.copies.add(path)
        return path

    def resolve(self, source: str, target: str) -> str:
        """`target` of a link in the file `source`, as a link in that file's page; what leads to
        other hosts stays as it is.
        """
        if ELSEWHERE.match(target) or target.startswith("#"):
            return target
        path, _, fragment = target.partition("#")
        full = posixpath.normpath(posixpath.join(posixpath.dirname(source), unquote(path)))
        try:
            url = relative(self.address(full), self.pages[source])
        except BrokenLink as error:
            raise BrokenLink(f"{source} links to {target}: {error}") from None
        return f"{url}#{fragment}" if fragment else url

    def code(self, source: str, text: str) -> str | None:
        """The link for an inline `nmt/attention.py` that names a page or a file of code; None for
        any other code.
        """
        named = re.fullmatch(r"([\w.-]+)(?:/[\w.-]+)+", text)
        if not named or named[1] not in SHOWN or not (self.root / text).is_file():
            return None
        if text not in self.pages and posixpath.splitext(text)[1] not in CODE:
            return None
        return relative(self.address(text), self.pages[source])


class _Collector(HTMLParser):
    """The ids of a page, and what it links to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.targets: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note `id`, `href`, `src` and `srcset`."""
        for name, value in attrs:
            if name == "id" and value:
                self.ids.add(value)
            elif name in ("href", "src", "srcset") and value:
                self.targets.append(value)


def broken(folder: Path) -> list[str]:
    """One sentence for each link of the site in `folder` that leads nowhere, or that loads
    something from another host.
    """
    paths = sorted(folder.rglob("*.html"))
    pages = {path: _Collector(path.read_text(encoding="utf-8")) for path in paths}
    complaints = []
    for path, page in pages.items():
        for target in page.targets:
            if ELSEWHERE.match(target):
                continue
            parts = urlsplit(target)
            there = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            ids = pages[there].ids if there in pages else None
            name = f"{path.relative_to(folder).as_posix()} links to {target}"
            if not there.is_file():
                complaints.append(f"{name}: no such file")
            elif parts.fragment and ids is not None and unquote(parts.fragment) not in ids:
                complaints.append(f"{name}: no such place on that page")
    return complaints
