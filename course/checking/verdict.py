"""What a check says: plain data, with a form for eyes, for screen readers and for machines."""

import html
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Status = Literal["not attempted", "correct", "wrong", "error", "timeout"]
# How a status is shown: a sign, words, and the colour of the card's edge.
_SHOWN: Mapping[str, tuple[str, str, str]] = {
    "not attempted": ("○", "not attempted yet", "#595959"),
    "correct": ("✓", "correct", "#009E73"),
    "wrong": ("✗", "not right yet", "#D55E00"),
    "error": ("!", "stopped by an error", "#D55E00"),
    "timeout": ("…", "stopped, it did not come to an end", "#E69F00"),
}


@dataclass(frozen=True)
class Verdict:
    """The result of one check.

    Args:
        exercise: its name, such as "attention.causal-mask".
        status: "not attempted", "correct", "wrong", "error" (the answer raised) or "timeout" (it
            did not come to an end).
        message: what was seen, in one or a few sentences; where the answer is right, one thing to
            notice.
        mistake: the name of the mistake, where it is a known one; else empty.
        question: a question that leads on, where there is one.
        details: the facts behind the message as plain data, for programs: see
            `course.exercises.judge`.
        printed: what the answer printed, cut short.
        inputs: the arguments of the first input that failed, to be looked at by hand; not part of
            the data.
    """

    exercise: str
    status: Status
    message: str
    mistake: str = ""
    question: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    printed: str = ""
    inputs: tuple[Any, ...] = field(default=(), repr=False, compare=False)

    @property
    def headline(self) -> str:
        """One line: what, and how it stands."""
        mistake = f" ({self.mistake})" if self.mistake else ""
        return f"{self.exercise}: {_SHOWN[self.status][1]}{mistake}"

    def as_data(self) -> dict[str, Any]:
        """Everything but the inputs, as plain data that JSON can hold."""
        names = "exercise", "status", "mistake", "message", "question", "printed"
        return {name: getattr(self, name) for name in names} | {"details": dict(self.details)}

    def __repr__(self) -> str:
        lines = [f"{_SHOWN[self.status][0]} {self.headline}", self.message]
        if self.question:
            lines.append(f"Question: {self.question}")
        if self.printed:
            lines.append(f"It printed:\n{self.printed}")
        return "\n".join(line for line in lines if line)

    def _repr_html_(self) -> str:
        """A white card, readable in the light and the dark theme; sign and words say what the
        colour says.
        """
        sign, _, edge = _SHOWN[self.status]
        parts = [f"<strong>{sign} {html.escape(self.headline)}</strong>"]
        if self.message:
            parts += [f'<div style="white-space:pre-wrap">{html.escape(self.message)}</div>']
        if self.question:
            parts += [f"<div><em>Question:</em> {html.escape(self.question)}</div>"]
        if self.printed:
            text = f'<pre style="color:#1a1a1a;margin:0">{html.escape(self.printed)}</pre>'
            parts.append(f"<details><summary>What it printed</summary>{text}</details>")
        return (
            '<div role="status" style="padding:6px 12px;border-left:5px solid'
            f" {edge};background:#fff;color:#1a1a1a;"
            f'border-radius:4px;line-height:1.45">{"".join(parts)}</div>'
        )
