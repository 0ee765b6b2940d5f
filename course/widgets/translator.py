"""Type a word and watch a trained model spell it, letter by letter, beside the rule's answer."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from ipywidgets import Dropdown, Widget

from course.interpretability.spelling import Spelling, spell
from course.plots.style import Picture
from course.plots.translation import STEP, plot_spelling
from course.widgets.common import Explorer, explorer
from course.widgets.fields import offer, one_word, word_field
from nmt.decoding import MAX_WORD, Seq2Seq


def show_spelling(model: Seq2Seq, word: str, step: int = 1) -> Picture:
    """The figure of one word being spelled; capitals and spaces around the word don't matter.

    Raises:
        ValueError: as `course.interpretability.spelling.spell`, with a hint for an empty field and
            for several words.
    """
    return plot_spelling(spell(model, one_word(word, MAX_WORD)), step)


def explore_translation(
    model: Seq2Seq,
    word: str = "street",
    step: int = 1,
    words: Sequence[str] = ("rhythm", "zzz", "a-b-c-d-e"),
) -> Explorer:
    """A field for a word and the step to look at, above the figure of `show_spelling`.

    A press on a letter of the figure chooses its step. There is a button for each of `words`, and
    one that goes to the first mistake. Each word is spelled once, however many of its steps are
    looked at.
    """

    @lru_cache(maxsize=16)
    def spelled(word: str) -> Spelling:
        return spell(model, word)

    def adjust(controls: Mapping[str, Widget]) -> Spelling | None:
        try:
            spelling = spelled(one_word(controls["word"].value, MAX_WORD))
        except ValueError:
            return None  # said when it is drawn
        offer(controls["step"], range(1, len(spelling.written) + 1))
        return spelling

    def draw(word: str, step: int) -> Picture:
        return plot_spelling(spelled(one_word(word, MAX_WORD)), step)

    def to_mistake(controls: Mapping[str, Widget]) -> str:
        spelling = adjust(controls)
        if spelling is None:
            return ""
        if spelling.first_mistake is None:
            return f"There is none: the model and the rule agree on {spelling.source}."
        controls["step"].value = spelling.first_mistake + 1
        return f"The first mistake is at letter number {spelling.first_mistake + 1}."

    def take(word: str) -> Callable[[Mapping[str, Widget]], str]:
        def act(controls: Mapping[str, Widget]) -> str:
            controls["word"].value = word
            return to_mistake(controls)

        return act

    controls = {
        "word": word_field(word, "Your word:"),
        "step": Dropdown(options=range(1, step + 1), value=step, description=f"{STEP}:"),
    }
    buttons = {"first mistake": to_mistake} | {word: take(word) for word in words}
    return explorer(controls, draw, adjust, buttons)
