"""The explorer of notebook 01: any word, the class it falls under, and where each letter of its Pig
Latin comes from.
"""

from __future__ import annotations

from ipywidgets import Checkbox, Text

from course.plots.data import plot_alignment
from course.plots.style import Picture
from course.widgets.common import Explorer, explorer


def explore_alignment() -> Explorer:
    """Type a word and see its alignment, redrawn at every key press; a word that can't be spelled
    is answered in place.
    """
    return explorer(
        {
            "word": Text(value="street", description="Word"),
            "move_qu": Checkbox(value=True, description="the u of qu moves too", indent=False),
        },
        _draw,
    )


def _draw(word: str, move_qu: bool) -> Picture:
    return plot_alignment(word.strip(), move_qu=move_qu)
