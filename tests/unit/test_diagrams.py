"""The diagrams: well-formed, self-contained, with words for those who do not see them, nothing
outside the card, and stored as drawn.
"""

import xml.etree.ElementTree as ElementTree

import pytest
from draw import DIAGRAMS, DRAWINGS, draw_alignment
from pencil import Diagram

from course.plots.svg import tint
from nmt.pig_latin import align

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(params=DRAWINGS, scope="module")
def drawn(request: pytest.FixtureRequest) -> tuple[str, str]:
    return request.param, DRAWINGS[request.param]().to_svg()


def test_is_stored_as_drawn(drawn):
    name, svg = drawn
    assert (DIAGRAMS / f"{name}.svg").read_text(encoding="utf-8") == svg, "run: make diagrams"


def test_has_a_title_a_description_and_an_opaque_card(drawn):
    root = ElementTree.fromstring(drawn[1])
    assert root.get("role") == "img" and root.get("aria-labelledby") == "title description"
    assert len(root.find(f"{SVG}title").text) > 10 and len(root.find(f"{SVG}desc").text) > 80
    card = root.find(f"{SVG}rect")
    assert card.get("fill") == "#ffffff"
    assert float(card.get("width")) >= float(root.get("width")) - 2


def test_asks_for_nothing_from_elsewhere(drawn):
    assert drawn[1].count("http") == 1  # the name of SVG itself
    assert "<script" not in drawn[1] and "<image" not in drawn[1]


def test_everything_lies_on_the_card_and_no_text_is_tiny(drawn):
    root = ElementTree.fromstring(drawn[1])
    width, height = float(root.get("width")), float(root.get("height"))
    for text in root.iter(f"{SVG}text"):
        size, x, y = (float(text.get(name)) for name in ("font-size", "x", "y"))
        length = 0.62 * size * len(text.text)  # a generous mean width of a letter
        left = x - {"start": 0, "middle": 0.5, "end": 1}[text.get("text-anchor")] * length
        assert left > 4 and left + length < width - 4 and size < y < height - 4, (
            f"{text.text!r} leaves the card"
        )
        assert size >= 9, f"{text.text!r} is too small to read"
    for box in root.iter(f"{SVG}rect"):
        x, y, w, h = (float(box.get(name)) for name in ("x", "y", "width", "height"))
        assert x >= 0 and y >= 0 and x + w <= width and y + h <= height


@pytest.mark.parametrize("word", ["brown", "apple", "street", "is"])
def test_the_alignment_has_one_line_a_copied_letter(word):
    copied = [origin for origin in align(word) if origin is not None]
    assert draw_alignment(word).to_svg().count(" C") == len(copied)


def test_tint_mixes_with_white():
    assert [tint("#0072B2", share) for share in (0, 0.5, 1)] == ["#ffffff", "#80b8d8", "#0072b2"]


def test_text_is_escaped():
    drawing = Diagram(100, 50, "a < b", "c & d")
    drawing.text(50, 25, "<EOS>")
    assert "&lt;EOS&gt;" in drawing.to_svg()
    assert ElementTree.fromstring(drawing.to_svg()) is not None
