"""Guess first: a question whose answer is kept in the notebook's session, and a comparison once the
figure is there.
"""

import html
from collections.abc import Sequence
from typing import Any

from ipywidgets import HTML, Dropdown, Layout

from course.widgets.worded import Worded

_NOTED: dict[str, str] = {}  # question's name → what the reader chose, in this session
_OPTIONS: dict[str, tuple[str, ...]] = {}
_OPEN = "choose…"


class Guess(Worded):
    """A named dropdown that notes what is chosen. Its text form is the same on every run."""

    def __init__(self, name: str, question: str, options: Sequence[str]) -> None:
        self.question, self.options = question, tuple(options)
        noted = _NOTED.get(name)
        self.choice = Dropdown(
            options=[_OPEN, *options],
            value=noted if noted in options else _OPEN,
            description=question,
            layout=Layout(width="auto", align_self="flex-start"),
        )
        self.choice.style.description_width = "initial"
        self.said = HTML()
        self._name = name
        self.choice.observe(self._note, names="value")
        super().__init__([self.choice, self.said])

    def _note(self, change: Any) -> None:
        if change["new"] == _OPEN:
            _NOTED.pop(self._name, None)
            self.said.value = ""
        else:
            _NOTED[self._name] = change["new"]
            self.said.value = (
                f'<div role="status">Noted: {html.escape(change["new"])}. Now run the next'
                " cells.</div>"
            )

    def __repr__(self) -> str:
        return f"Guess: {self.question} ({' / '.join(self.options)}) Run this cell to note yours."


class Revealed:
    """The answer beside the guess."""

    def __init__(self, answer: str | None, noted: str | None) -> None:
        self.answer, self.noted = answer, noted

    @property
    def right(self) -> bool | None:
        """Whether the guess was right; None where there was none, or nothing is measured yet."""
        return None if self.noted is None or self.answer is None else self.noted == self.answer

    def __repr__(self) -> str:
        measured = "Not measured yet" if self.answer is None else f"Measured: {self.answer}"
        if self.noted is None:
            return f"{measured}. No guess was noted."
        return f"{measured}. You guessed: {self.noted}." + (" ✓" if self.right else "")

    def _repr_html_(self) -> str:
        return (
            '<div role="status" style="padding:6px 12px;border-left:5px solid'
            ' #595959;background:#fff;color:#1a1a1a;border-radius:4px">'
            f"{html.escape(repr(self))}</div>"
        )


def guess(name: str, question: str, options: Sequence[str]) -> Guess:
    """Ask a question and note the reader's choice for this session.

    Args:
        name: by which `reveal` finds it again, such as "transformer.without-positions".
        question: short; it names the control.
        options: at least two answers, one of them right.
    """
    _OPTIONS[name] = tuple(options)
    return Guess(name, question, options)


def reveal(name: str, answer: str | None) -> Revealed:
    """Hold the measured `answer` against what the reader guessed; None where the runs that could
    tell are missing.

    Raises:
        ValueError: if the question was not asked, or the answer is none of its options.
    """
    if name not in _OPTIONS:
        raise ValueError(
            f"the question {name!r} was not asked; run the cell with guess({name!r}, …) first"
        )
    if answer is not None and answer not in _OPTIONS[name]:
        raise ValueError(f"{answer!r} is none of the options {', '.join(_OPTIONS[name])}")
    return Revealed(answer, _NOTED.get(name))
