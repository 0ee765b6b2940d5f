"""Widgets whose text form is stored whole: the library itself cuts it after 110 characters."""

from __future__ import annotations

from typing import Any

from ipywidgets import VBox


class Worded(VBox):
    """A column of widgets whose text form is its `repr`."""

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        bundle: dict[str, Any] = super()._repr_mimebundle_(**options)
        return bundle | {"text/plain": repr(self)}
