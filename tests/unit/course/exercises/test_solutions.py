"""What stands in notebooks beside the checks: solutions that ask first, guesses that are kept."""

import pytest

from course.exercises import guess, reveal, show_solution
from course.exercises.guesses import Revealed


def test_a_solution_asks_first_and_says_the_same_each_time():
    hidden = show_solution("attention.causal-mask")
    assert repr(hidden) == repr(show_solution("attention.causal-mask"))
    assert "sure=True" in repr(hidden) and "arange" not in repr(hidden)
    assert hidden.output.value == ""
    assert hidden._repr_mimebundle_()["text/plain"] == repr(hidden)
    hidden.button.click()
    assert "arange" in hidden.output.value and 'role="status"' in hidden.output.value


def test_with_sure_it_is_shown_at_once():
    shown = show_solution("attention.causal-mask", sure=True)
    assert repr(shown).startswith("def causal(queries: int, keys: int)")
    assert repr(shown).endswith("# The course's own: nmt.attention.causal_mask.")
    assert "```python\ndef causal(" in shown._repr_markdown_()


def test_a_guess_is_kept_and_held_against_the_answer():
    asked = guess("test.size", "How many?", ["one", "two"])
    assert repr(reveal("test.size", "two")) == "Measured: two. No guess was noted."
    asked.choice.value = "one"
    assert "Noted: one" in asked.said.value
    shown = reveal("test.size", "two")
    assert shown.right is False and repr(shown) == "Measured: two. You guessed: one."
    assert 'role="status"' in shown._repr_html_()
    again = guess("test.size", "How many?", ["one", "two"])
    assert again.choice.value == "one", "the cell run again keeps the guess"
    assert reveal("test.size", "one").right is True
    later = reveal("test.size", None)
    assert later.right is None and repr(later) == "Not measured yet. You guessed: one."
    asked.choice.value = asked.choice.options[0]
    assert reveal("test.size", "one").right is None


def test_the_control_is_named_and_its_text_stays():
    asked = guess("test.other", "How <many>?", ["one", "two"])
    assert asked.choice.description == "How <many>?"
    assert repr(asked) == repr(guess("test.other", "How <many>?", ["one", "two"]))
    assert "<b>" not in Revealed("<b>", None)._repr_html_()


def test_what_was_not_asked_is_refused():
    with pytest.raises(ValueError, match="there is no exercise"):
        show_solution("attention.nothing")
    with pytest.raises(ValueError, match="was not asked"):
        reveal("test.never", "one")
    guess("test.options", "?", ["one", "two"])
    with pytest.raises(ValueError, match="none of the options"):
        reveal("test.options", "three")
