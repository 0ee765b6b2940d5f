"""Type a word and watch a trained model spell it, letter by letter, beside the rule's own answer."""

from __future__ import annotations

from ipywidgets import BoundedIntText, Text

from course.interpretability.spelling import spell
from course.plots.style import Picture
from course.plots.translation import plot_spelling
from course.widgets.common import Explorer, explorer
from nmt.decoding import Seq2Seq

MOST_STEPS = 128  # twice the longest word that a model reads


def show_spelling(model: Seq2Seq, word: str, step: int = 1) -> Picture:
    """The figure of one word being spelled; capitals and spaces around the word don't matter.

    Raises:
        ValueError: as `course.interpretability.spelling.spell`, with a hint for an empty field and
            for several words.
    """
    word = word.strip().lower()
    if not word:
        raise ValueError("Nothing typed yet: type an English word, such as street.")
    if " " in word:
        raise ValueError("One word at a time here; nmt.decoding.translate takes whole sentences.")
    return plot_spelling(spell(model, word), step)


def explore_translation(model: Seq2Seq, word: str = "street", step: int = 1) -> Explorer:
    """A field for a word and one for a step, above the figure of `show_spelling`."""
    controls = {
        "word": Text(value=word, description="Your word:", placeholder="an English word"),
        "step": BoundedIntText(
            value=step, min=1, max=MOST_STEPS, description="Look before letter number:"
        ),
    }
    return explorer(controls, lambda word, step: show_spelling(model, word, step))
