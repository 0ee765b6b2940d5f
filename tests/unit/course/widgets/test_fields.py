"""Fields of explorers: numbers, words and choices, and what is said to one that can't be read."""

import pytest
from ipywidgets import Dropdown

from course.widgets.fields import offer, one_word


def test_every_number_field_steps_over_numbers_that_a_person_would_choose():
    """A field counts its steps from its least value, so that must be a whole number of steps."""
    from course.widgets.discretization import explore_discretization
    from course.widgets.mamba import explore_memory

    for box in (explore_discretization(), explore_memory()):
        for control in box.controls.values():
            if hasattr(control, "step"):
                for value in (control.value, control.min, control.max):
                    steps = value / control.step
                    assert steps == pytest.approx(round(steps)), control.description


@pytest.mark.parametrize(
    ("typed", "message"),
    [("", "Nothing typed"), ("don't go", "don and t and go."), ("a" * 9, "9 letters are more")],
)
def test_a_word_that_cannot_be_read_is_answered_in_words_for_the_page(typed, message):
    assert one_word(" Quiet-Ox ", 8) == "quiet-ox"
    with pytest.raises(ValueError, match=message):
        one_word(typed, 8)


def test_a_dropdown_keeps_what_it_can():
    control = Dropdown(options=[1, 2, 3, 4], value=4, description="Step:")
    offer(control, range(1, 3))
    assert control.value == 2
    offer(control, range(1, 9))
    assert control.value == 2 and list(control.options) == list(range(1, 9))
