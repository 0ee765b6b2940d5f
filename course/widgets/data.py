"""The explorer of notebook 01: any word, the class it falls under, and where each letter of its Pig
Latin comes from.
"""

from ipywidgets import Checkbox

from course.plots.data import LONGEST, plot_alignment
from course.plots.style import Picture
from course.widgets.common import Explorer, explorer, one_word, word_field


def explore_alignment() -> Explorer:
    """Type a word and see its alignment, redrawn at every key press; a word that can't be spelled
    is answered in place.
    """
    moves = Checkbox(value=True, description="the u of qu moves too", indent=False)
    return explorer({"word": word_field("street"), "move_qu": moves}, _draw)


def _draw(word: str, move_qu: bool) -> Picture:
    return plot_alignment(one_word(word, LONGEST), move_qu=move_qu)
