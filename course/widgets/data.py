"""The explorers of notebook 01: where each letter of a word's Pig Latin comes from, and in which
split the word lies.
"""

from ipywidgets import Checkbox

from course.plots.data import LONGEST, plot_alignment, plot_split
from course.plots.style import Picture
from course.widgets.common import Explorer, explorer
from course.widgets.fields import one_word, word_field


def explore_alignment() -> Explorer:
    """Type a word and see its alignment, redrawn at every key press; a word that can't be spelled
    is answered in place.
    """
    moves = Checkbox(value=True, description="the u of qu moves too", indent=False)
    return explorer({"word": word_field("street"), "move_qu": moves}, _draw)


def _draw(word: str, move_qu: bool) -> Picture:
    return plot_alignment(one_word(word, LONGEST), move_qu=move_qu)


def show_split(word: str) -> Picture:
    """The split of a word, by its hash; capitals don't matter."""
    return plot_split(one_word(word, LONGEST))


def explore_split() -> Explorer:
    """Type a word and see its hash, and the split that follows from it."""
    return explorer({"word": word_field("elinor")}, show_split)
