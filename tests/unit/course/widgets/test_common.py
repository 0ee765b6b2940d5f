"""The wiring of explorers: named controls, a figure that follows, one line for what goes wrong."""

import pytest
from ipywidgets import Checkbox, Text

from course.plots.style import Picture, finish, new_figure
from course.widgets.common import Explorer, explorer, render


def controls() -> dict[str, Text | Checkbox]:
    return {"word": Text("and", description="Word:"), "loud": Checkbox(False, description="Loud")}


def shout(word: str, loud: bool) -> str:
    if not word:
        raise ValueError("type a word\nsecond line")
    return f"<b>{word.upper() if loud else word}</b>"


def line(reading: str) -> Picture:
    figure, axis = new_figure(2, 1)
    axis.plot([0, 1])
    return finish(figure, alt="a rising line", reading=reading)


def test_draws_at_once_and_after_each_change():
    shown = explorer(controls(), shout)
    assert isinstance(shown, Explorer) and "<b>and</b>" in shown.output.value
    # The script and the browser tests find it by this.
    assert {"nmt-operated", "nmt-explorer"} <= set(shown._dom_classes)
    assert "data-lm-suppress-shortcuts" in shown.children[-1].value
    shown.controls["word"].value = "brown"
    assert "<b>brown</b>" in shown.output.value
    shown.controls["loud"].value = True
    assert "<b>BROWN</b>" in shown.output.value


def test_an_error_becomes_its_first_line_and_goes_away_again():
    shown = explorer(controls(), shout)
    shown.controls["word"].value = ""
    assert 'role="alert"' in shown.output.value
    assert "type a word" in shown.output.value
    assert "second line" not in shown.output.value
    assert "<b>and</b>" in shown.output.value, "the last picture stays"
    shown.controls["word"].value = "is"
    assert 'role="alert"' not in shown.output.value and "<b>is</b>" in shown.output.value


def test_unforeseen_errors_are_named_and_escaped():
    def fail() -> str:
        raise KeyError("<script>")

    assert "KeyError" in render(fail, {}) and "<script>" not in render(fail, {})


def test_a_picture_is_shown_with_alt_text_in_a_live_region():
    shown = render(line, {"reading": "It rises."})
    assert 'role="status"' in shown and 'alt="a rising line"' in shown and "It rises." in shown


@pytest.mark.parametrize("description", ["", "  "])
def test_every_control_needs_a_name(description):
    with pytest.raises(ValueError, match="needs a description"):
        explorer({"word": Text("and", description=description)}, lambda word: word)


def test_the_text_form_says_how_the_figure_begins_whatever_the_reader_did_since():
    assert repr(explorer(controls(), shout)) == "Explorer (word, loud): run this cell to use it."
    long = "a name of more than the 110 characters after which ipywidgets cuts texts" + 40 * "!"
    word = Text("and", description=long)
    shown = explorer({"word": word}, lambda word: line(f"It says <{word}> & rises."))
    starts = "It starts with: It says <and> & rises."
    text = f"Explorer ({long}): run this cell to use it.\n{starts}"
    assert repr(shown) == shown._repr_mimebundle_()["text/plain"] == text
    shown.controls["word"].value = "or"
    assert "&lt;or&gt;" in shown.output.value and repr(shown) == text
