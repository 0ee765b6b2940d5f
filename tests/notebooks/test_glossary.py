"""docs/glossary.md: it has every letter and every term of the notebooks, each with its first place
of use; and the reader of both.
"""

import re
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_markdown_cell, new_notebook

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import glossary  # noqa: E402
import glossary_scan as scan  # noqa: E402

TEXT = (ROOT / glossary.PAGE).read_text(encoding="utf-8")
HEAD = (
    "# G\n\n## Letters\n\n| letter | meaning | shape or unit | first used | notebooks |\n| --- |"
    " --- | --- | --- | --- |\n"
)
TERMS = "\n## Terms\n\n| term | meaning | first used |\n| --- | --- | --- |\n"


@pytest.fixture
def course(tmp_path):
    """Write two small notebooks, and return a glossary's text for given rows."""
    lessons = {
        "01_one": [
            "# One\n\nLet $x$ be. It is called a *wave*.",
            "## 1 · Then\n\n$$\\bar A_t = e^{x}$$\n\nA **grid** is drawn. **Predict:** nothing.",
        ],
        "02_two": ["# Two\n\nAnother $x$, and the wave.", "## 1 · More\n\n$W_Q$ and $x$."],
    }
    (tmp_path / "notebooks").mkdir()
    for name, cells in lessons.items():
        nbformat.write(
            new_notebook(cells=[new_markdown_cell(cell) for cell in cells]),
            tmp_path / "notebooks" / f"{name}.ipynb",
        )
    return tmp_path


def test_the_glossary_is_what_make_glossary_writes():
    assert glossary.updated(TEXT) == TEXT, "run: make glossary"


def test_no_letter_and_no_term_is_missing():
    assert not glossary.missing(TEXT), (
        "add a row for each to docs/glossary.md, then run: make glossary"
    )


def test_the_letters_of_shapes_are_all_there():
    axes = [row.names[0] for row in glossary.rows(TEXT, "The letters of shapes")]
    assert axes == list("bstldhkenrv")
    assert set(axes) <= {name for row in glossary.rows(TEXT, "Letters") for name in row.names}


def test_every_entry_says_something_once():
    for heading, cells in (("Letters", 5), ("Terms", 3)):
        found = glossary.rows(TEXT, heading)
        assert len(found) > 60 and all(len(row.cells) == cells for row in found)
        meanings = [row.cells[:2] for row in found]
        assert all(len(meaning) > 3 for _, meaning in meanings) and len(set(meanings)) == len(
            meanings
        )
    terms = [name for row in glossary.rows(TEXT, "Terms") for name in row.names]
    assert len(set(terms)) == len(terms), "a term has two rows"
    order = [row.cells[0].lower() for row in glossary.rows(TEXT, "Terms")]
    assert order == sorted(order), "terms stand in the order of the alphabet"


@pytest.mark.parametrize(
    "path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem
)
def test_every_notebook_links_to_the_glossary_in_its_opening(path):
    cells = nbformat.read(path, as_version=4).cells
    opening = "\n".join(
        cell.source
        for cell in cells[: next(i for i, cell in enumerate(cells) if cell.cell_type == "code")]
    )
    assert "](../docs/glossary.md)" in opening


@pytest.mark.parametrize(
    ("formula", "letters"),
    [
        (
            r"h_t = \bar A \circ h_{t-1} + \bar{B} x_t",
            ["h", "t", r"\bar A", "h", "t", r"\bar B", "x", "t"],
        ),
        (r"\text{weight}_{q,s} = \frac{e^{z}}{\sum_{s'} e^z}", ["q", "s", "e", "z", "s", "e", "z"]),
        (
            r"W_\Delta\,\text{low} + b_\Delta + \Delta_{\max}",
            [r"W_\Delta", "W", r"b_\Delta", "b", r"\Delta_\max", r"\Delta"],
        ),
        (
            r"W_Q, W_1, \varphi_1(Z), \bar A_{blen}",
            ["W", "W_Q", "W", r"\varphi", "Z", r"\bar A", "b", "l", "e", "n"],
        ),
        (r"\begin{aligned} \operatorname{softplus}(u) &\le \infty \end{aligned}", ["u"]),
        (r"\big(R_p\, \text{query}\big) \cdot \sigma(u)", ["R", "p", r"\sigma", "u"]),
    ],
)
def test_letters_of_a_formula(formula, letters):
    assert sorted(scan.letters_of(formula)) == sorted(letters)


def test_letters_between_the_words_and_in_code():
    prose = "Shape (b, l, e), Δ and B̄, but `(q, r)` is code and max(u, v) is a call. Take n = 4."
    prose += "\n\n| r | rank |\n| d, e | sizes |\n| word | none |"
    assert set(scan.letters_of_prose(prose)) == {"b", "l", "e", r"\Delta", r"\bar B", "n", "r", "d"}
    assert set(
        scan.letters_of_code('rearrange(x, "b t (h k) -> b h t k", h=2)\nprint("z a")')
    ) == set("bthk")
    assert scan.letters_of_code("%timeit f(x)") == []


def test_terms_are_short_phrases_in_bold_or_after_called():
    text = (
        "**Predict:** x. A **mask** hides; **Look here.** Its name is called a *gate*, *really*."
        " **$x$ too**, **a long bold phrase here**."
    )
    assert scan.terms_of(text) == ["mask", "gate"]
    assert scan.functions_of(r"$\mathrm{softplus}(x)$ and $\mathrm{d}x$") == ["softplus"]


def test_places_are_found_and_written(course):
    rows = "| $x$ | a | b | ? | 01 02 |\n| $\\bar A$ | a | b | ? | 01 |\n"
    text = glossary.updated(
        HEAD + rows + TERMS + "| grid | m | ? |\n| wave | m | 02 top |\n", course
    )
    assert "| $x$ | a | b | [01 top](../notebooks/01_one.ipynb) | 01 02 |" in text
    assert "| $\\bar A$ | a | b | [01 §1](../notebooks/01_one.ipynb#1-%C2%B7-Then) | 01 |" in text
    assert "| grid | m | [01 §1]" in text and "| wave | m | [01 top]" in text
    assert glossary.updated(text, course) == text, "writing twice changes nothing"


def test_two_meanings_in_one_notebook_need_a_word_from_a_person(course):
    two = "| $x$ | a | b | ? | 02 |\n| $x$ | c | d | {} | 02 |\n"
    with pytest.raises(
        glossary.Wrong,
        match="two meanings in notebook 02; say where this one begins: 02 top, 02 §1",
    ):
        glossary.updated(HEAD + two.format("?") + TERMS, course)
    said = two.replace("b | ?", "b | 02 top").format("02 §1")
    assert "| c | d | [02 §1]" in glossary.updated(HEAD + said + TERMS, course)
    with pytest.raises(glossary.Wrong, match="say where"):
        glossary.updated(HEAD + said.replace("02 §1", "02 §7") + TERMS, course)


def test_what_is_missing_or_too_much_is_named(course):
    rows = "| $x$ | a | b | ? | 01 |\n| $e$ | a | b | ? | 01 |\n| $\\bar A$ | a | b | ? | 01 |\n"
    lacks = glossary.missing(HEAD + rows + TERMS + "| wave | m | ? |\n", course)
    assert [re.sub(r" as.*| \(.*", "", line) for line in lacks] == [
        "the letter $x$",
        "the letter $t$",
        "the letter $W$",
        "the letter $W_Q$",
        "the term 'grid'",
    ]
    with pytest.raises(glossary.Wrong, match="no formula of notebook 02 has"):
        glossary.updated(HEAD + "| $e$ | a | b | ? | 01 02 |\n" + TERMS, course)
    with pytest.raises(glossary.Wrong, match="no notebook speaks of 'comb'"):
        glossary.updated(HEAD + TERMS + "| comb | m | ? |\n", course)
