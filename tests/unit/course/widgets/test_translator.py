"""The translator, driven through its controls: every step, and every kind of word that has no
answer.
"""

import pytest
import torch

from course.widgets.translator import explore_translation, show_spelling
from nmt.transformer import Transformer, TransformerConfig

torch.manual_seed(0)
MODEL = Transformer(
    TransformerConfig(hidden_size=16, num_heads=2, encoder_layers=1, decoder_layers=1, mlp_size=16)
)


def test_it_begins_with_the_figure_above_it():
    assert (
        explore_translation(MODEL, "tree", 2).output.value.count(
            show_spelling(MODEL, "tree", 2).to_html()
        )
        == 1
    )


def test_every_step_is_shown_and_none_ends_in_an_error():
    box = explore_translation(MODEL)
    step = box.controls["step"]
    for value in [*range(1, 26), step.max]:
        step.value = value
        assert "<figure" in box.output.value and f"Step {min(value, 24)} of" in box.output.value


def test_a_number_outside_the_field_is_brought_back():
    box = explore_translation(MODEL)
    box.controls["step"].value = -5
    assert "Step 1 of" in box.output.value


@pytest.mark.parametrize("word", ["ox", "Ox", "  ox ", "a" * 64, "-", "well-known", "mr"])
def test_words_are_spelled(word):
    box = explore_translation(MODEL)
    box.controls["word"].value = word
    assert 'role="status"' in box.output.value and f"{word.strip().lower()} →" in box.output.value


@pytest.mark.parametrize(
    ("word", "message"),
    [("", "Nothing typed yet"), ("   ", "Nothing typed yet"), ("naïve", "character 3"), ("a" * 200, "200 letters are more than the 64"),
     ("two words", "One word at a time"), ("don't", "character 4"), ("<b>", "character 1"), ("日本", "character 1"), ("4", "character 1")],
)  # fmt: skip
def test_a_word_without_an_answer_gets_one_line_in_place(word, message):
    box = explore_translation(MODEL)
    box.controls["word"].value = word
    assert (
        'role="alert"' in box.output.value
        and message in box.output.value
        and "<img" not in box.output.value
    )
    assert "<b>" not in box.output.value
    box.controls["word"].value = "ox"
    assert "<img" in box.output.value


def test_every_control_has_a_name():
    assert all(control.description for control in explore_translation(MODEL).controls.values())
