"""Widgets whose text form is stored whole (the library itself cuts it after 110 characters), and
which can be operated by keyboard.
"""

from collections.abc import Sequence
from typing import Any

from ipywidgets import VBox, Widget

from course.widgets.common import own_keys


class Worded(VBox):
    """A column of widgets whose text form is its `repr`."""

    def __init__(self, parts: Sequence[Widget]) -> None:
        super().__init__([*parts, own_keys()])
        self.add_class("nmt-operated")

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        bundle: dict[str, Any] = super()._repr_mimebundle_(**options)
        return bundle | {"text/plain": repr(self)}
