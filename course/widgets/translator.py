"""Type a word and watch a trained model spell it, letter by letter, beside the rule's answer."""

from collections.abc import Mapping
from functools import lru_cache

from ipywidgets import Dropdown, Widget

from course.interpretability.spelling import Spelling, spell
from course.plots.style import Picture
from course.plots.translation import plot_spelling
from course.widgets.common import Explorer, explorer, offer, one_word, word_field
from nmt.decoding import MAX_WORD, Seq2Seq


def show_spelling(model: Seq2Seq, word: str, step: int = 1) -> Picture:
    """The figure of one word being spelled; capitals and spaces around the word don't matter.

    Raises:
        ValueError: as `course.interpretability.spelling.spell`, with a hint for an empty field and
            for several words.
    """
    return plot_spelling(spell(model, one_word(word, MAX_WORD)), step)


def explore_translation(model: Seq2Seq, word: str = "street", step: int = 1) -> Explorer:
    """A field for a word and the step to look at, above the figure of `show_spelling`.

    Each word is spelled once, however many of its steps are looked at.
    """

    @lru_cache(maxsize=16)
    def spelled(word: str) -> Spelling:
        return spell(model, word)

    def adjust(controls: Mapping[str, Widget]) -> None:
        try:
            spelling = spelled(one_word(controls["word"].value, MAX_WORD))
        except ValueError:
            return  # said when it is drawn
        offer(controls["step"], range(1, len(spelling.written) + 1))

    def draw(word: str, step: int) -> Picture:
        return plot_spelling(spelled(one_word(word, MAX_WORD)), step)

    controls = {
        "word": word_field(word, "Your word:"),
        "step": Dropdown(
            options=range(1, step + 1), value=step, description="Look before letter number:"
        ),
    }
    return explorer(controls, draw, adjust)
