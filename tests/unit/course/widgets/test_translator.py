"""The translator, driven through its controls and buttons."""

import json
import re

from tiny import tiny_transformer

from course.widgets.translator import explore_translation, show_spelling

MODEL = tiny_transformer()


def test_every_step_is_shown_and_stays_within_the_word():
    """A word whose answer is shorter shows its last step."""
    box = explore_translation(MODEL, "good-humoured")
    for value in (options := box.controls["step"].options):
        box.controls["step"].value = value
        assert f"Step {value} of {options[-1]}:" in box.output.value
    box.controls["word"].value = "a"
    last = box.controls["step"].options[-1]
    assert last < options[-1] and box.controls["step"].value == last
    assert f"Step {last} of {last}:" in box.output.value


def test_buttons_take_a_word_and_go_to_its_first_mistake():
    box = explore_translation(MODEL, "street", words=("ox",))
    go, ox = box.buttons
    ox.click()
    assert box.controls["word"].value == "ox" and "ox →" in box.output.value
    go.click()
    found = int(re.search(r"first mistake is at letter number (\d+)", box.output.value)[1])
    assert box.controls["step"].value == found and f"Step {found} of" in box.output.value
    box.controls["word"].value = ""
    go.click()
    assert "Nothing typed yet" in box.output.value, "a bad word keeps its message"


def test_a_letter_of_the_figure_names_the_control_that_it_sets():
    picture = show_spelling(MODEL, "tree")
    (zone,) = json.loads(picture.touch)
    name, low, high = zone["sets"]["x"]
    step = explore_translation(MODEL, "tree").controls["step"]
    assert step.description == f"{name}:"
    steps, (left, _top, width, _height) = step.options[-1], zone["box"]
    assert low < 1 and high > steps and left > 0 and width < picture.width
