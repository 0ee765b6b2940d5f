"""The figure of the attention explorer: one head at work, and what comes next at one step."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from course.plots.bars import draw_bars_across
from course.plots.sketch import WIDTH, Panel, Zone, finish_sketch
from course.plots.style import INK, MODEL, SOURCE, TARGET, TRUTH, Picture
from course.plots.svg import Drawing
from nmt.data import VOCABULARY

STEP = "Step"  # the control of the explorer
SHOWN = 8  # most probable tokens in the right panel
_ROW, _WIDEST = 26, 400  # pixels: the height of a row, the width of the map at most


def plot_attention_step(
    weights: Float[Tensor, "t s"],
    keys: Sequence[str],
    asked: Sequence[str],
    truth: Sequence[int | None],
    probabilities: Float[Tensor, " v"],
    right: str | None,
    step: int,
    *,
    title: str = "",
) -> Picture:
    """One head while a word is spelled, and what comes next at one step.

    Left: where it looks while each letter is written, darkest at its largest weight. The chosen
    step stands in a black frame, the letters that the rule copies in green ones. Right: the most
    probable next letters at that step, the rule's in green.

    Args:
        weights: a row for each letter that is written, a column for each of `keys`.
        keys: the tokens of the source.
        asked: the letter that is written at each row.
        truth: for each row the place in the source that the rule copies there, or None.
        probabilities: of the 29 tokens at this step.
        right: the token that the rule asks for at this step, or None after a mistake.
        step: the row, from 0.
    """
    values = dict(zip(VOCABULARY.tokens, probabilities.tolist()))
    best = sorted(values, key=values.__getitem__, reverse=True)[:SHOWN]
    if right is not None and right not in best:
        best[-1] = right
    drawing = Drawing(WIDTH, 150 + _ROW * max(len(asked), SHOWN), "", "")
    drawing.text(24, 22, title, size=14, anchor="start")
    zone = _draw_map(drawing, weights, keys, asked, truth, step)
    left = zone.box[0] + zone.box[2] + 90
    box = (left, 66, min(330, WIDTH - 20 - left), _ROW * SHOWN)
    panel = Panel(drawing, box, (0, 1.2), (len(best) - 0.4, -0.6))
    panel.title(f"step {step + 1} of {len(asked)}")
    panel.ticks("x", (0, 0.5, 1), ("0%", "50%", "100%"), grid=True)
    bars = [values[token] for token in best]
    colours = [TRUTH if token == right else MODEL for token in best]
    notes = [f"{value:.1%}" for value in bars]
    hatched = [row for row, token in enumerate(best) if token == right]
    draw_bars_across(panel, range(len(best)), bars, colours, notes, hatched=hatched)
    panel.axes("probability of the next letter", "")
    panel.ticks("y", range(len(best)), best, TARGET)
    looks = int(weights[step].argmax())
    reading = (
        f"Step {step + 1} of {len(asked)}: {best[0]} is most probable ({values[best[0]]:.0%}); "
    )
    reading += (
        f"this head looks most at {keys[looks]} (place {looks + 1}, weight"
        f" {weights[step, looks]:.2f})"
    )
    place = truth[step]
    if place is not None:
        reading += (
            f", and the rule copies {keys[place]} (place {place + 1}), which gets"
            f" {weights[step, place]:.2f}."
        )
    elif right is None:
        reading += "; the word went wrong before, so the rule asks for nothing here."
    else:
        reading += f"; the rule copies nothing here, it adds {right}."
    rows = ", ".join(
        f"{letter} at {keys[int(row.argmax())]} {row.max():.2f}"
        for letter, row in zip(asked, weights)
    )
    alt = (
        f"Left, a heat map with the chosen row framed; strongest look of each row: {rows}. Right,"
        " bars: " + ", ".join(f"{token} {values[token]:.1%}" for token in best)
    )
    return finish_sketch(drawing, alt=f"{alt}.", reading=reading, zones=[zone])


def _draw_map(
    drawing: Drawing,
    weights: Float[Tensor, "t s"],
    keys: Sequence[str],
    asked: Sequence[str],
    truth: Sequence[int | None],
    step: int,
) -> Zone:
    """The heat map and its frames; a pointer on a row chooses the step."""
    darkest, width = float(weights.max()), min(36 * len(keys), _WIDEST)
    box, across = (92, 66, width, _ROW * len(asked)), (-0.5, len(keys) - 0.5)
    panel = Panel(drawing, box, across, (len(asked) - 0.5, -0.5))
    panel.cells(weights.tolist(), limits=(0.0, darkest or 1.0))
    panel.frame(step, 0, INK, columns=len(keys))
    pitch = width / len(keys)
    for row, place in enumerate(truth):
        if place is not None:
            x, y = panel.at(place, row)
            size = {"width": pitch - 6, "height": _ROW - 6}
            look = {"fill": "none", "stroke": TRUTH, "stroke_width": 2.5}
            drawing.element("rect", x=x - pitch / 2 + 3, y=y - _ROW / 2 + 3, **size, **look)
    panel.ticks("x", range(len(keys)), [key.strip("<>") for key in keys], SOURCE)
    panel.ticks("y", range(len(asked)), asked, TARGET)
    middle = panel.left + width / 2
    drawing.text(middle, panel.bottom + 52, "source letter", colour=SOURCE)
    drawing.text(middle, panel.bottom + 72, f"(darkest: {darkest:.2f})", size=12)
    height = panel.top + panel.height / 2
    drawing.text(24, height, "letter that is written", colour=TARGET, turn=-90)
    return Zone(box, {"y": (STEP, len(asked) + 0.5, 0.5)})
