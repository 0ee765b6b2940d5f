"""The figures of one word being spelled tell right from wrong in words."""

import pytest
import torch

from course.interpretability.spelling import Spelling
from course.plots.translation import plot_spelling
from nmt.data import VOCABULARY
from nmt.pig_latin import to_pig_latin


def spelling(word, answer, ended=True):
    written = (*answer, "<EOS>") if ended else tuple(answer)
    sure = torch.full((len(written), 29), 0.1 / 28)
    for row, token in enumerate(written):
        sure[row, VOCABULARY.tokens.index(token)] = 0.9
    return Spelling(word, written, (*to_pig_latin(word), "<EOS>"), sure)


def test_a_right_word_is_called_right():
    picture = plot_spelling(spelling("street", "eetstray"), 3)
    assert (
        picture.reading == "street → eetstray. Right: the rule says the same. "
        "Step 3 of 9: after “ee” the model finds t most probable (90%), and the rule asks for it."
    )
    assert "Step 3 is marked" in picture.alt and "green and hatched" in picture.alt


@pytest.mark.parametrize(
    ("answer", "first"), [("eetstay", 6), ("", 1), ("eetstrayy", 9), ("eetstrayway", 9)]
)
def test_a_wrong_word_is_called_wrong_with_its_first_difference(answer, first):
    picture = plot_spelling(spelling("street", answer))
    assert (
        f"Wrong: the rule says eetstray; the first difference is at step {first}."
        in picture.reading
    )


def test_any_step_can_be_looked_at_and_later_ones_mean_the_last():
    word = spelling("good-humoured", "oodgay-mouray")
    readings = {step: plot_spelling(word, step).reading for step in (1, 8, 9, 14, 15)}
    assert len(set(readings.values())) == 4 and readings[14] == readings[15]
    assert "the rule asks for u (0%)" in readings[8] and "the rule asks" not in readings[9]


def test_a_word_without_end_and_a_long_one_can_be_drawn():
    assert "Step 1 of 24" in plot_spelling(spelling("ox", "o" * 24, ended=False)).reading
    assert "Right" in plot_spelling(spelling("o" * 64, "o" * 64 + "way"), 60).reading


def test_steps_are_counted_from_one():
    with pytest.raises(ValueError, match="no step 0"):
        plot_spelling(spelling("ox", "oxway"), 0)
