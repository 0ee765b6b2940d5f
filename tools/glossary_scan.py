"""What the notebooks call by a letter or mark as a term, and where: the facts that docs/glossary.md
is held against.

A place is a notebook's number and one of its sections. Letters are found in formulas ($…$ and
$$…$$), in shapes such as (b, l, e), in the patterns of einops, and as Greek or barred letters in
the prose. Terms are what the prose sets in bold or italics.
"""

from __future__ import annotations

import ast
import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

GREEK = (
    "alpha beta gamma delta epsilon varepsilon zeta eta theta lambda mu nu xi pi rho sigma tau phi"
    " varphi chi psi omega".split()
)
GREEK += "Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega".split()
LETTER = rf"(?:\\(?:{'|'.join(GREEK)})(?![a-zA-Z])|[A-Za-z])"
ACCENTED = re.compile(rf"\\(bar|hat|tilde|vec)\s*\{{?\s*({LETTER})\s*\}}?")
NAMES = re.compile(
    r"\\(?:text|mathrm|operatorname|textbf|mathit)\*?\{([^}]*)\}"
)  # words in formulas: functions and labels
FUNCTION = re.compile(r"\\(?:mathrm|operatorname)\*?\{([A-Za-z]{2,})\}")
ENVIRONMENT = re.compile(r"\\(?:begin|end)\{[a-z]+\*?\}(?:\{[^}]*\})?")
MARKED = re.compile(
    rf"(\\bar\s*{LETTER}|{LETTER})_(?:\{{?({LETTER}|\\max|\\min)\}}?)(?![A-Za-z])"
)  # W_Q, b_\Delta, \Delta_{{\max}}
FORMULA = re.compile(r"\$\$(.+?)\$\$|(?<![\\$])\$([^$\n]+?)\$", re.S)
SHAPE = re.compile(r"(?<![\w}])\(((?:[a-z]\d?, )*[a-z]\d?,?)\)")
CELL = re.compile(
    r"^\| *([A-Za-zΔ](?:, [A-Za-zΔ])*) *\|", re.M
)  # the first cell of a row in a table of letters
VALUE = re.compile(r"(?<![\w'’])([A-Za-z]) = ")  # "n = 16" in prose
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.S)
BARRED = {"Ā": r"\bar A", "B̄": r"\bar B", "C̄": r"\bar C", "D̄": r"\bar D"}
PROSE_GREEK = {
    "Δ": r"\Delta",
    "α": r"\alpha",
    "ε": r"\varepsilon",
    "θ": r"\theta",
    "λ": r"\lambda",
    "σ": r"\sigma",
    "φ": r"\varphi",
}
CALLED = re.compile(r"\b(?:called|speaks of)\s+(?:an? |the )?$")
EINOPS = {"rearrange", "einsum", "reduce", "repeat"}
STRESSED = re.compile(r"\*\*(.+?)\*\*|(?<![*\w])\*([^*\n]+?)\*(?!\*)", re.S)


@dataclass(frozen=True, order=True)
class Place:
    """A section of a notebook: the notebook's number, the heading's number in it (0 is the
    opening), and the heading.
    """

    notebook: str
    number: int
    heading: str


def letters_of(formula: str) -> list[str]:
    r"""The symbols of a LaTeX formula, in order: letters, accented letters (\bar A), and letters
    with a mark that is no index (W_Q).
    """
    text = ENVIRONMENT.sub(" ", NAMES.sub(" ", formula))
    found = [(m.start(), f"\\{m[1]} {m[2]}") for m in ACCENTED.finditer(text)]
    bare = text
    for m in MARKED.finditer(text):
        if not m[2].islower() or m[2].startswith("\\"):
            found.append((m.start(), f"{_plain(m[1])}_{m[2]}"))
            bare = (
                bare[: m.start(2)] + " " * len(m[2]) + bare[m.end(2) :]
            )  # the mark is no letter of its own
    bare = ACCENTED.sub(lambda m: " " * len(m[0]), bare)
    found += [
        (m.start(), m[0])
        for m in re.finditer(rf"\\[a-zA-Z]+|{LETTER}", bare)
        if re.fullmatch(LETTER, m[0])
    ]
    return [symbol for _, symbol in sorted(found)]


def _plain(symbol: str) -> str:
    return re.sub(r"\\bar\s*", r"\\bar ", symbol)


def letters_of_prose(text: str) -> list[str]:
    """The symbols of a Markdown text: those of its formulas, of shapes in brackets, and Greek and
    barred letters between the words.
    """
    text = unicodedata.normalize("NFC", CODE.sub(" ", text))
    found = [symbol for m in FORMULA.finditer(text) for symbol in letters_of(m[1] or m[2])]
    rest = FORMULA.sub(" ", text)
    found += [name for m in SHAPE.finditer(rest) for name in re.findall(r"[a-z]", m[1])]
    found += [
        name
        for m in (*CELL.finditer(rest), *VALUE.finditer(rest))
        for name in re.findall(r"[A-Za-z]", m[1])
    ]
    for letter, symbol in BARRED.items():
        found += [symbol] * rest.count(unicodedata.normalize("NFC", letter))
    return found + [PROSE_GREEK[letter] for letter in rest if letter in PROSE_GREEK]


def letters_of_code(source: str) -> list[str]:
    """The one-letter axis names in the patterns of einops' functions."""
    try:
        tree = ast.parse(source)
    except SyntaxError:  # a line for IPython, such as %timeit
        return []
    found = []
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and getattr(node.func, "id", getattr(node.func, "attr", "")) in EINOPS
        ):
            for argument in node.args:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    found += re.findall(r"\b[a-z]\b", argument.value)
    return found


def stressed_of(text: str) -> list[str]:
    """What a Markdown text sets in bold or italics, without marks of punctuation at the end;
    formulas and code become "…".
    """
    return [name for name, _ in _stressed(text)]


def terms_of(text: str) -> list[str]:
    """What a Markdown text marks as a term: short phrases in bold that are no label ("Predict:"),
    and italics after "called".
    """
    return [name for name, is_term in _stressed(text) if is_term]


def functions_of(text: str) -> list[str]:
    r"""The functions that formulas name in upright letters, such as \mathrm{softplus}."""
    return [m[1] for formula in FORMULA.finditer(text) for m in FUNCTION.finditer(formula[0])]


def _words(formula: re.Match[str]) -> str:
    return f" {' '.join(NAMES.findall(formula[0]))} "


def _stressed(text: str) -> Iterator[tuple[str, bool]]:
    text = FORMULA.sub("…", CODE.sub("…", text))
    for m in STRESSED.finditer(text):
        phrase = " ".join((m[1] or m[2]).split())
        name = phrase.rstrip(".:?!,")
        short = (
            name == phrase
            and len(name.split()) <= 3
            and not re.search(r"[…+\d*]", name)
            and text[m.end() : m.end() + 1] != "."
        )
        yield name, short if m[1] else bool(re.search(CALLED, text[: m.start()]))


def places(notebook: Path) -> Iterator[tuple[Place, str, str]]:
    """Each section of a notebook with its prose and its code."""
    place = Place(notebook.stem[:2], 0, "")
    prose: list[str] = []
    code: list[str] = []
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            code.append(source)
            continue
        for number, part in enumerate(re.split(r"^## +(.+)$", source, flags=re.M)):
            if number % 2:
                yield place, "\n".join(prose), "\n".join(code)
                prose, code = [], []
                place = Place(place.notebook, place.number + 1, part.strip())
            else:
                prose.append(part)
    yield place, "\n".join(prose), "\n".join(code)


@dataclass
class Use:
    """What all notebooks use, each name with its sections: letters, stressed words, those that are
    marked as terms; and the prose.
    """

    letters: dict[str, list[Place]] = field(default_factory=dict)
    stressed: dict[str, list[Place]] = field(default_factory=dict)
    terms: dict[str, list[Place]] = field(default_factory=dict)
    prose: dict[Place, str] = field(default_factory=dict)


def used(root: Path) -> Use:
    """Read all notebooks of the course in `root`; words in lower case."""
    use = Use()
    for notebook in sorted((root / "notebooks").glob("*.ipynb")):
        for place, prose, code in places(notebook):
            use.prose[place] = CODE.sub(
                " ", FORMULA.sub(_words, f"{place.heading}\n{prose}")
            ).lower()
            for table, names in (
                (
                    use.letters,
                    letters_of_prose(f"{place.heading}\n{prose}") + letters_of_code(code),
                ),
                (use.stressed, [name.lower() for name in stressed_of(prose)]),
                (use.terms, [name.lower() for name in terms_of(prose) + functions_of(prose)]),
            ):
                for name in names:
                    if place not in table.setdefault(name, []):
                        table[name].append(place)
    return use
