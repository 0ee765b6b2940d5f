"""A short answer to an exercise, in its own signature, shown when the reader says twice that it
should be; below it the name of the course's own version.
"""

import html
import inspect
from typing import Any

from ipywidgets import HTML, Button, Layout

from course.checking.exercise import Exercise
from course.exercises.catalogue import find
from course.widgets.worded import Worded


class Solution:
    """The source of an answer: in a notebook coloured like any code, plain elsewhere."""

    def __init__(self, exercise: Exercise) -> None:
        self.names = [f"{each.__module__}.{each.__qualname__}" for each in exercise.course]
        self.source = inspect.getsource(exercise.answer).rstrip()

    def _course(self, quote: str) -> str:
        return f"The course's own: {' and '.join(quote.format(name) for name in self.names)}."

    def __repr__(self) -> str:
        return f"{self.source}\n\n# {self._course('{}')}"

    def _repr_markdown_(self) -> str:
        return f"```python\n{self.source}\n```\n\n{self._course('`{}`')}"

    def to_html(self) -> str:
        """The source on a white card, for a widget."""
        return (
            '<div role="status" style="background:#fff;color:#1a1a1a;padding:6px'
            ' 12px;border-radius:4px;overflow-x:auto;line-height:1.3"><pre'
            f' style="color:#1a1a1a">{html.escape(self.source)}</pre>'
            f"{self._course('<code>{}</code>')}</div>"
        )


class Hidden(Worded):
    """A question and a button; the answer appears below after a press. Its text form is the same
    on every run.
    """

    def __init__(self, exercise: Exercise) -> None:
        self.exercise = exercise
        self.button = Button(
            description=f"Yes, show the solution of {exercise.name}",
            tooltip="Spoils the exercise",
            layout=Layout(width="auto", align_self="flex-start"),
        )
        self.output = HTML(layout=Layout(width="100%"))
        self.button.on_click(self._show)
        asked = HTML("The solution spoils the exercise. Have you opened the last hint? Sure?")
        super().__init__([asked, self.button, self.output])

    def _show(self, _button: Any = None) -> None:
        self.output.value = Solution(self.exercise).to_html()

    def __repr__(self) -> str:
        name = self.exercise.name
        return (
            f"The solution of {name} is hidden. Sure? Press the button, or run"
            f' show_solution("{name}", sure=True).'
        )


def show_solution(name: str, sure: bool = False) -> Hidden | Solution:
    """Ask whether to spoil the exercise `name`; with `sure=True`, or after a press of the button,
    show a short answer to it.

    Raises:
        ValueError: if there is no such exercise.
    """
    exercise = find(name)
    return Solution(exercise) if sure else Hidden(exercise)
