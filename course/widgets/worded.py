"""The box around what is operated: its text is stored whole, its dropdowns keep their keys."""

from collections.abc import Sequence
from typing import Any

from ipywidgets import HTML, Layout, VBox, Widget

# JupyterLab takes arrows and letters that are pressed on a dropdown as its own commands: "c", then
# "v" pastes a cell. This leaves them to the dropdown, from the moment it has the focus. A page that
# runs no such script keeps Alt+Down, which opens the list anywhere.
# A caption of two lines takes no more room than one of one line.
_KEYS = """<style onload="this.closest('.nmt-operated')?.addEventListener('focusin', event => {
    if (event.target.matches('select'))
        event.target.setAttribute('data-lm-suppress-shortcuts', 'true') })">
    .nmt-explorer figcaption { min-height: 2.8em }</style>"""


class Worded(VBox):
    """A column of widgets whose text form is its `repr` (the library's own is cut after 110
    characters), and which can be operated by keyboard.
    """

    def __init__(self, parts: Sequence[Widget]) -> None:
        keys = HTML(_KEYS, layout=Layout(height="0", margin="0"))
        super().__init__([*parts, keys])
        self.add_class("nmt-operated")

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        bundle: dict[str, Any] = super()._repr_mimebundle_(**options)
        return bundle | {"text/plain": repr(self)}
