"""Figures of one word being spelled: what is written, how sure, and one step."""

from course.interpretability.spelling import Spelling
from course.plots.colours import INK, MODEL, TARGET, TRUTH
from course.plots.sketch import WIDTH, Panel, Zone, finish_sketch
from course.plots.style import Picture
from course.plots.svg import Drawing
from nmt.data import VOCABULARY

STEP = "Look before letter number"  # the control of the explorer
_SHADOW = ((-0.5, 0), (-0.5, 1.1), (0.5, 1.1), (0.5, 0))  # behind the chosen step


def plot_spelling(spelling: Spelling, step: int = 1) -> Picture:
    """A word as the model spells it, the rule's letters below, and what the model believed before
    one of the steps.

    Above: how sure it was of each token it wrote. Below: all 29 probabilities before it wrote
    number `step`, counted from 1; a larger number than there are steps means the last.
    """
    steps, mistake = len(spelling.written), spelling.first_mistake
    chosen = min(step, steps) - 1
    drawing = Drawing(WIDTH, 450)
    zone = _draw_steps(drawing, spelling, chosen)
    reading, alt = _draw_next_letter(drawing, 240, spelling, chosen)
    verdict = "Right: the rule says the same."
    if mistake is not None:
        where = f"the first difference is at step {mistake + 1}"
        verdict = f"Wrong: the rule says {spelling.truth}; {where}."
    alt = (
        f"Above, {steps} bars, one for each token that the model wrote:"
        f" {', '.join(spelling.written)}; the rule's tokens stand below:"
        f" {', '.join(spelling.rule)}. Step {chosen + 1} is marked. Below, {alt}"
    )
    told = f"Step {chosen + 1} of {steps}: {reading}"
    reading = f"{spelling.source} → {spelling.answer}. {verdict} {told}"
    return finish_sketch(drawing, alt=alt, reading=reading, zones=[zone])


def _draw_steps(drawing: Drawing, spelling: Spelling, chosen: int) -> Zone:
    """A bar a step, as high as its probability; a wrong one is hatched, its letter framed. The zone
    of bars and letters chooses the step.
    """
    sure = spelling.probabilities.max(dim=-1).values.tolist()
    steps = max(len(sure), len(spelling.rule))
    panel = Panel(drawing, (90, 40, 706, 100), (-0.7, max(steps, 10) - 0.3), (0, 1.1))
    title = f"“{spelling.source}”: how sure of each letter it writes"
    drawing.text(90, 20, title, size=14, anchor="start")
    panel.area([(chosen + side, height) for side, height in _SHADOW], "#e6e6e6", 1)
    _probability_axis(panel)
    written, rule = list(spelling.written), list(spelling.rule)
    wrong = [step for step in range(len(sure)) if written[step] != [*rule, *[""] * steps][step]]
    panel.bars(sure, MODEL, hatched=wrong)
    size = 14 if steps <= 26 else 10 if steps <= 60 else 7
    for tokens, below, colour in ((written, 16, TARGET), (rule, 42, TRUTH)):
        for step, token in enumerate(tokens):
            x = panel.at(step, 0)[0]
            if colour == TARGET and step in wrong:
                drawing.box(x - 8, panel.bottom + 6, 16, 20, colour=TARGET, fill=0.0, radius=3)
            shown, own = ("end", 0.75 * size) if token.startswith("<") else (token, size)
            bold, y = step in wrong, panel.bottom + below
            drawing.text(x, y, shown, size=own, colour=colour, bold=bold)
    for word, below, colour in (("model", 16, TARGET), ("rule", 42, TRUTH)):
        drawing.text(82, panel.bottom + below, word, size=12, colour=colour, anchor="end")
    low, high = 0.3, max(steps, 10) + 0.7  # as the panel's edges, with steps counted from 1
    return Zone((panel.left, panel.top, panel.width, 160), {"x": (STEP, low, high)})


def _draw_next_letter(
    drawing: Drawing, top: float, spelling: Spelling, chosen: int
) -> tuple[str, str]:
    """Draw the 29 bars; the reading and the alt text."""
    right, written = spelling.right_token(chosen), "".join(spelling.written[:chosen])
    values = dict(zip(VOCABULARY.tokens, spelling.probabilities[chosen].tolist()))
    best = max(values, key=values.__getitem__)
    highest = 1.0 if values[best] > 0.22 else 0.25  # small bars must be seen too
    box, across = (90, top + 20, 706, 120), (-0.7, len(values) - 0.3)
    panel = Panel(drawing, box, across, (0, 1.1 * highest))
    place = None if right is None else VOCABULARY.tokens.index(right)
    colours = [TRUTH if number == place else MODEL for number in range(len(values))]
    _probability_axis(panel, highest)
    panel.bars(list(values.values()), colours, hatched=[] if place is None else [place])
    if highest < 1:
        y = panel.at(0, 1 / VOCABULARY.size)[1]
        panel.stroke([(panel.left, y), (panel.right, y)], INK, 1.2, "5 4")
        drawing.text(panel.right, top, "dashed: 1/29, all tokens alike", size=12, anchor="end")
    if right is not None and place is not None:
        x, y = panel.at(place, values[right])
        drawing.text(x, y - 8, "right", size=12)
    panel.ticks("x", range(len(values)), [token.strip("<>") for token in values])
    panel.axes("next token", "")
    shown = written if len(written) <= 40 else "…" + written[-40:]
    title = f"after “{shown}”" if written else "before the first letter"
    drawing.text(90, top, title, size=14, anchor="start")
    reading = f"{title} the model finds {best} most probable ({values[best]:.0%})"
    if right is None:
        reading += "."
    elif right == best:
        reading += ", and the rule asks for it."
    else:
        reading += f"; the rule asks for {right} ({values[right]:.0%})."
    largest = sorted(values, key=values.__getitem__, reverse=True)[:3]
    listed = ", ".join(f"{token} {values[token]:.0%}" for token in largest)
    alt = f"bars: the probability of each of 29 tokens to come next. The largest: {listed}."
    return reading, alt + (f" The right one, {right}, is green and hatched." if right else "")


def _probability_axis(panel: Panel, highest: float = 1.0) -> None:
    panel.axes("", "probability", gap=6)
    ticks = [0.0, 0.5, 1.0] if highest == 1 else [0.0, 0.1, 0.2]
    panel.ticks("y", ticks, [f"{tick:.0%}" for tick in ticks], grid=True)
