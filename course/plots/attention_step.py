"""The figure of the attention explorer: models side by side on one word, a head of each at work,
and what comes next at one step.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from course.plots.bars import draw_bars_across
from course.plots.colours import INK, MODEL, SOURCE, TARGET, TRUTH
from course.plots.sketch import WIDTH, Panel, Zone, finish_sketch
from course.plots.style import Picture
from course.plots.svg import Drawing
from nmt.data import VOCABULARY

STEP = "Step"  # the control of the explorer
SHOWN = 5  # most probable tokens below each map
_ROW, _COLUMN = 24, 34  # pixels: the height of a row, the width of a column at most
_TOP, _BETWEEN = 60, 108  # pixels: above a map, and between it and its bars


@dataclass(frozen=True, eq=False)
class Look:
    """One head of one model, or a group of its channels, while a word is spelled.

    Args:
        name: of the model.
        title: above the map, what stands behind a colon on a second line.
        weights: a row for each of `asked`, the letters that are written, a column for each of
            `keys`, the tokens of the source.
        truth: for each row the place in the source that the rule copies there, or None.
        right: for each row the token that the rule asks for, or None after a mistake.
        probabilities: of the 29 tokens at each row.
    """

    name: str
    title: str
    weights: Float[Tensor, "t s"]
    keys: Sequence[str]
    asked: Sequence[str]
    truth: Sequence[int | None]
    right: Sequence[str | None]
    probabilities: Float[Tensor, "t v"]

    def best(self, step: int) -> dict[str, float]:
        """The most probable tokens at a step, the rule's among them."""
        values = dict(zip(VOCABULARY.tokens, self.probabilities[step].tolist()))
        best = sorted(values, key=values.__getitem__, reverse=True)[:SHOWN]
        right = self.right[step]
        if right is not None and right not in best:
            best[-1] = right
        return {token: values[token] for token in best}

    def told(self, step: int) -> str:
        """What the model does at a step, in words."""
        believed, row, place = self.best(step), self.weights[step], self.truth[step]
        first, looks = next(iter(believed)), int(row.argmax())
        words = f"{self.name}: {first} is most probable ({believed[first]:.0%}); it looks most at "
        words += f"{self.keys[looks]} (place {looks + 1}, weight {row[looks]:.2f})"
        if place is not None:
            words += f", and the rule copies {self.keys[place]} (place {place + 1}), which gets"
            return f"{words} {row[place]:.2f}."
        if self.right[step] is None:
            return f"{words}; the word went wrong before, so the rule asks for nothing here."
        return f"{words}; the rule copies nothing here, it adds {self.right[step]}."


def plot_attention_step(looks: Sequence[Look], step: int) -> Picture:
    """Models side by side, row by row: where a head of each looks while each letter is written,
    darkest at its largest weight, and below the most probable next letters at one step.

    The chosen step stands in a black frame, the letters that the rule copies in green ones; the
    rule's next letter is a green bar.

    Args:
        looks: one for each model.
        step: the row, from 0; a model with fewer shows its last.
    """
    rows = max(len(look.asked) for look in looks)
    steps = [min(step, len(look.asked) - 1) for look in looks]
    below = _TOP + _ROW * rows + _BETWEEN
    drawing = Drawing(WIDTH, below + _ROW * SHOWN + 56)
    room = (WIDTH - 20) / len(looks)
    zones = []
    for number, (look, row) in enumerate(zip(looks, steps)):
        left = 20 + number * room
        zones.append(_draw_map(drawing, look, row, left, room))
        _draw_bars(drawing, look, row, (left + 74, below, min(260, room - 130)))
    told = [look.told(row) for look, row in zip(looks, steps)]
    alt = " ".join(
        f"{look.name}, a heat map with the chosen row framed; strongest look of each row: "
        + ", ".join(
            f"{letter} at {look.keys[int(row.argmax())]} {row.max():.2f}"
            for letter, row in zip(look.asked, look.weights)
        )
        + "; bars: "
        + ", ".join(f"{token} {value:.1%}" for token, value in look.best(own).items())
        + "."
        for look, own in zip(looks, steps)
    )
    reading = f"Step {max(steps) + 1} of {rows}. {' '.join(told)}"
    return finish_sketch(drawing, alt=alt, reading=reading, zones=zones)


def _draw_map(drawing: Drawing, look: Look, step: int, left: float, room: float) -> Zone:
    """A heat map and its frames; a pointer on a row chooses the step."""
    columns, rows, darkest = len(look.keys), len(look.asked), float(look.weights.max())
    width = min(_COLUMN * columns, room - 100)
    box, across = (left + 74, _TOP, width, _ROW * rows), (-0.5, columns - 0.5)
    panel = Panel(drawing, box, across, (rows - 0.5, -0.5))
    for row, line in enumerate(look.title.split(": ", 1)):
        drawing.text(left, 20 + 20 * row, line, size=14, anchor="start")
    panel.cells(look.weights.tolist(), limits=(0.0, darkest or 1.0))
    panel.frame(step, 0, INK, columns=columns)
    pitch = width / columns
    for row, place in enumerate(look.truth):
        if place is not None:
            x, y = panel.at(place, row)
            size = {"width": pitch - 4, "height": _ROW - 6}
            around = {"fill": "none", "stroke": TRUTH, "stroke_width": 2.5}
            drawing.element("rect", x=x - pitch / 2 + 2, y=y - _ROW / 2 + 3, **size, **around)
    panel.ticks("x", range(columns), [key.strip("<>") for key in look.keys], SOURCE)
    panel.ticks("y", range(rows), look.asked, TARGET)
    middle = panel.left + width / 2
    legend = f"source letter (darkest: {darkest:.2f})"
    drawing.text(middle, panel.bottom + 48, legend, size=13, colour=SOURCE)
    height = panel.top + panel.height / 2
    drawing.text(left + 8, height, "letter that is written", size=13, colour=TARGET, turn=-90)
    return Zone(box, {"y": (STEP, rows + 0.5, 0.5)})


def _draw_bars(drawing: Drawing, look: Look, step: int, place: tuple[float, float, float]) -> None:
    """What comes next, most probable first."""
    best, right = look.best(step), look.right[step]
    panel = Panel(drawing, (*place, _ROW * SHOWN), (0, 1.2), (len(best) - 0.4, -0.6))
    panel.title(f"next at step {step + 1} of {len(look.asked)}")
    panel.ticks("x", (0, 0.5, 1), ("0%", "50%", "100%"), grid=True)
    colours = [TRUTH if token == right else MODEL for token in best]
    notes = [f"{value:.1%}" for value in best.values()]
    hatched = [row for row, token in enumerate(best) if token == right]
    draw_bars_across(panel, range(len(best)), [*best.values()], colours, notes, hatched=hatched)
    panel.axes("probability of the next letter", "")
    panel.ticks("y", range(len(best)), [*best], TARGET)
