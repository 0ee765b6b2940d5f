"""Write the first place of use of every entry of docs/glossary.md: `make glossary`. A test fails
where one is wrong or an entry is missing.

A person writes what a letter or term means, and which notebooks use a letter in that meaning; this
program finds the rest. Where one notebook gives a letter two meanings, only a person knows where
the second begins: its row says "05 §9", and that is checked.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).resolve().parent))

from glossary_scan import FORMULA, Place, Use, letters_of, used  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
PAGE = Path("docs") / "glossary.md"
STRESS_ONLY = {
    "question",
    "run",
    "before",
    "after",
    "several layers",
    "one channel",
    "output",
    "input",
    "widen",
    "narrow",
    "cells",
    "predict",
}

OTHER_SENSE = {
    ("run", "00"),
    ("gain", "03"),
    ("kernel", "02"),
}  # a term, and a notebook that has the same word in another sense
LABEL = re.compile(r"\[?(\d\d (?:§\d+|[^\]|]+))")


class Wrong(ValueError):
    """The glossary and the notebooks disagree; the message says where, and what to do."""


@dataclass(frozen=True)
class Row:
    """A row of one of the two tables: its names (letters in LaTeX, or terms in lower case), its
    cells, and its line.
    """

    line: int
    names: tuple[str, ...]
    cells: tuple[str, ...]

    @property
    def notebooks(self) -> list[str]:
        """The notebooks that use a letter in this meaning."""
        return self.cells[-1].split()


def rows(text: str, heading: str) -> list[Row]:
    """The rows of the table under "## `heading`"."""
    found, here = [], False
    for number, line in enumerate(text.splitlines()):
        if line.startswith("## "):
            here = line == f"## {heading}"
        if not here or not line.startswith("| ") or re.match(r"\| (?:---|letter \||term \|)", line):
            continue
        cells = tuple(cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1])
        formulas = [max(letters_of(m[2]), key=len) for m in FORMULA.finditer(cells[0])]
        found.append(Row(number, tuple(formulas) or tuple(cells[0].lower().split(", ")), cells))
    return found


def label(place: Place) -> str:
    """A place as the glossary names it: "02 §4", "02 top", or "02 Recap"."""
    numbered = re.match(r"(\d+) ·", place.heading)
    return f"{place.notebook} " + (
        "top" if not place.heading else f"§{numbered[1]}" if numbered else place.heading
    )


def link(place: Place, notebooks: dict[str, str]) -> str:
    """A Markdown link to a section, by the id that JupyterLab gives its heading."""
    heading = re.sub(r"[*`]", "", place.heading).replace(" ", "-")
    return f"[{label(place)}](../notebooks/{notebooks[place.notebook]}.ipynb{'#' + quote(heading, safe='') if heading else ''})"


def first_letter(row: Row, table: list[Row], use: Use) -> Place:
    """Where a letter's row begins: the first section of its first notebook that uses it, unless
    another row claims that notebook too.
    """
    found = sorted(
        {
            place
            for name in row.names
            for place in use.letters.get(name, [])
            if place.notebook in row.notebooks
        }
    )
    for notebook in row.notebooks:
        if notebook not in {place.notebook for place in found}:
            raise Wrong(
                f"line {row.line + 1}: no formula of notebook {notebook} has {row.cells[0]}: take"
                " the number out of the last column"
            )
    said = re.match(LABEL, row.cells[3])
    rivals = [
        other
        for other in table
        if other != row
        and set(other.names) & set(row.names)
        and found[0].notebook in other.notebooks
    ]
    if not rivals:
        return found[0]
    for place in found:
        if said and label(place) == said[1]:
            return place
    places = ", ".join(label(place) for place in found if place.notebook == found[0].notebook)
    raise Wrong(
        f"line {row.line + 1}: {row.cells[0]} has two meanings in notebook {found[0].notebook}; say"
        f" where this one begins: {places}"
    )


def first_term(row: Row, use: Use) -> Place:
    """Where a term is first set in bold or italics, or, where it never is, first written.

    A person may name an earlier section, where the word stands plainly in the same meaning; it is
    kept as long as the word is there.
    """
    spelled = {spelling for name in row.names for spelling in (name, f"{name}s")}
    pattern = re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, spelled))})(?![\w-])")
    fits = [place for place in use.prose if (row.names[0], place.notebook) not in OTHER_SENSE]
    stressed = [place for name in spelled for place in use.stressed.get(name, []) if place in fits]
    written = [place for place in fits if pattern.search(use.prose[place])]
    if not stressed and not written:
        raise Wrong(
            f"line {row.line + 1}: no notebook speaks of {row.cells[0]!r}: take the row out"
        )
    first = min(stressed or written)
    said = re.match(LABEL, row.cells[2])
    return next(
        (place for place in sorted(written) if said and label(place) == said[1] and place < first),
        first,
    )


def updated(text: str, root: Path = ROOT) -> str:
    """The glossary with every first place of use; raises `Wrong` where a row fits no notebook."""
    use = used(root)
    notebooks = {path.stem[:2]: path.stem for path in sorted((root / "notebooks").glob("*.ipynb"))}
    lines = text.splitlines()
    letters = rows(text, "Letters")
    for row in letters:
        cells = [
            *row.cells[:3],
            link(first_letter(row, letters, use), notebooks),
            " ".join(sorted(row.notebooks)),
        ]
        lines[row.line] = f"| {' | '.join(cells)} |".replace("|  |", "| |")
    for row in rows(text, "Terms"):
        lines[row.line] = (
            f"| {' | '.join([*row.cells[:2], link(first_term(row, use), notebooks)])} |"
        )
    return "\n".join(lines) + "\n"


def missing(text: str, root: Path = ROOT) -> list[str]:
    """One sentence for each letter, in each notebook that uses it, and for each term that the
    glossary lacks.
    """
    use = used(root)
    known = {
        (name, notebook)
        for row in rows(text, "Letters")
        for name in row.names
        for notebook in row.notebooks
    }
    terms = {
        spelling
        for row in rows(text, "Terms")
        for name in row.names
        for spelling in (name, f"{name}s")
    }
    lacks = []
    for name, places in use.letters.items():
        for notebook in sorted({place.notebook for place in places}):
            if (name, notebook) not in known:
                where = ", ".join(label(place) for place in places if place.notebook == notebook)
                lacks.append(f"the letter ${name}$ as notebook {notebook} uses it ({where})")
    lacks += [
        f"the term {name!r} ({label(places[0])})"
        for name, places in use.terms.items()
        if name not in terms | STRESS_ONLY
    ]
    return lacks


def main() -> int:
    """Write the glossary; 1 where it lacks something, or a row fits no notebook."""
    path = ROOT / PAGE
    try:
        text = updated(path.read_text(encoding="utf-8"))
    except Wrong as error:
        print(f"{PAGE}: {error}", file=sys.stderr)
        return 1
    path.write_text(text, encoding="utf-8")
    lacks = missing(text)
    for entry in lacks:
        print(f"{PAGE} lacks {entry}", file=sys.stderr)
    return 1 if lacks else 0


if __name__ == "__main__":
    sys.exit(main())
