"""Figures of one word being spelled: what the model writes, how sure it is, and what it believes at
one step.
"""

from __future__ import annotations

from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter
from torch import Tensor

from course.interpretability.spelling import Spelling
from course.plots.style import INK, MODEL, NEUTRAL, TARGET, TRUTH, Picture, finish, new_figure
from nmt.data import VOCABULARY


def plot_next_letter(
    probabilities: Float[Tensor, " v"], right: str | None, *, written: str = ""
) -> Picture:
    """What the model would write next: one bar for each of the 29 tokens; the one that the rule
    asks for is green and hatched.

    Args:
        probabilities: of the 29 tokens; they sum to 1.
        right: the token that the rule asks for ("a" … "z", "-", "<EOS>"), or None where there is no
            right one.
        written: what has been written so far, for the title.

    Raises:
        ValueError: if there are not 29 probabilities that sum to 1, or `right` is no token.
    """
    figure, axis = new_figure(8.5, 2.6)
    reading, alt = _draw_next_letter(axis, probabilities, right, written)
    return finish(figure, alt=alt, reading=reading)


def plot_spelling(spelling: Spelling, step: int = 1) -> Picture:
    """A word as the model spells it, the rule's letters below, and what the model believed before
    one of the steps.

    Above: how sure it was of each token it wrote. Below: all 29 probabilities before it wrote
    number `step`.

    Args:
        spelling: from `course.interpretability.spelling.spell`.
        step: counted from 1; a larger number than there are steps means the last.

    Raises:
        ValueError: for a step below 1.
    """
    if step < 1:
        raise ValueError(f"steps are counted from 1, so there is no step {step}")
    steps, mistake = len(spelling.written), spelling.first_mistake
    chosen = min(step, steps) - 1
    figure, (above, below) = new_figure(8.5, 4.6, 2, 1)
    _draw_steps(above, spelling, chosen)
    so_far = "".join(spelling.written[:chosen])
    reading, alt = _draw_next_letter(
        below, spelling.probabilities[chosen], spelling.right_token(chosen), so_far
    )
    verdict = f"{spelling.source} → {spelling.answer}. "
    if mistake is None:
        verdict += "Right: the rule says the same. "
    else:
        verdict += (
            f"Wrong: the rule says {spelling.truth}; the first difference is at step"
            f" {mistake + 1}. "
        )
    alt = (
        f"Above, {steps} bars, one for each token that the model wrote:"
        f" {', '.join(spelling.written)}; the rule's tokens stand below:"
        f" {', '.join(spelling.rule)}. Step {chosen + 1} is marked. Below,"
        f" {alt[0].lower()}{alt[1:]}"
    )
    return finish(
        figure,
        alt=alt,
        reading=f"{verdict}Step {chosen + 1} of {steps}: {reading[0].lower()}{reading[1:]}",
    )


def _draw_steps(axis: Axes, spelling: Spelling, chosen: int) -> None:
    """A bar for each step, as high as the probability of what was written; a wrong one is hatched
    and its label boxed.
    """
    sure = spelling.probabilities.max(dim=-1).values.tolist()
    steps = max(len(sure), len(spelling.rule))
    bars = axis.bar(range(len(sure)), sure, color=MODEL)
    axis.axvspan(chosen - 0.5, chosen + 0.5, color="#e6e6e6", zorder=0)
    size = 10 if steps <= 26 else 7 if steps <= 60 else 5
    axis.set_xticks([])
    for step in range(steps):
        written = spelling.written[step] if step < len(sure) else ""
        asked = spelling.rule[step] if step < len(spelling.rule) else ""
        wrong = written != asked
        if wrong and step < len(sure):
            bars[step].set(hatch="xx", edgecolor="white")
        box = (
            {"boxstyle": "round,pad=0.15", "fc": "white", "ec": TARGET}
            if wrong and written
            else None
        )
        for text, height, colour, frame in (
            (written, -0.13, TARGET, box),
            (asked, -0.36, TRUTH, None),
        ):
            end = text.startswith("<")
            axis.text(step, height, "end" if end else text, color=colour, ha="center", va="center", bbox=frame,
                      fontsize=size * (0.75 if end else 1), fontweight="bold" if wrong else "normal")  # fmt: skip
    axis.text(-0.8, -0.13, "model", color=TARGET, ha="right", va="center")
    axis.text(-0.8, -0.36, "rule", color=TRUTH, ha="right", va="center")
    axis.set_xlim(-0.7, max(steps, 10) - 0.3)
    axis.set_title(f"“{spelling.source}”: how sure of each letter it writes", loc="left")
    _percent(axis)


def _draw_next_letter(
    axis: Axes, probabilities: Tensor, right: str | None, written: str
) -> tuple[str, str]:
    """Draw the 29 bars; the reading and the alt text."""
    if probabilities.shape != (VOCABULARY.size,) or abs(float(probabilities.sum()) - 1) > 1e-3:
        raise ValueError(
            f"needs one probability for each of the {VOCABULARY.size} tokens, with sum 1"
        )
    if right is not None and right not in VOCABULARY.tokens:
        raise ValueError(f"{right!r} is no token; choose a letter, the dash, <SOS> or <EOS>")
    values = dict(zip(VOCABULARY.tokens, probabilities.tolist()))
    bars = axis.bar(range(len(values)), list(values.values()), color=MODEL)
    if right is not None:
        place = VOCABULARY.tokens.index(right)
        bars[place].set(facecolor=TRUTH, hatch="///", edgecolor="white")
        axis.annotate(
            "right", (place, values[right]), ha="center", va="bottom", color=INK, fontsize=9
        )
    axis.set_xticks(range(len(values)), [token.strip("<>") for token in values])
    for label in axis.get_xticklabels()[-2:]:
        label.set(rotation=90, fontsize=8, color=NEUTRAL)
    axis.set_xlabel("next token")
    shown = written if len(written) <= 40 else "…" + written[-40:]
    axis.set_title(f"after “{shown}”" if written else "before the first letter", loc="left")
    axis.set_xlim(-0.7, len(values) - 0.3)
    _percent(axis)
    best = max(values, key=values.__getitem__)
    reading = (
        f"{f'After “{shown}”' if written else 'Before the first letter'} the model finds {best}"
        f" most probable ({values[best]:.0%})"
    )
    if right is None:
        reading += "."
    elif right == best:
        reading += ", and the rule asks for it."
    else:
        reading += f"; the rule asks for {right} ({values[right]:.0%})."
    largest = sorted(values, key=values.__getitem__, reverse=True)[:3]
    alt = "Bars: the probability of each of 29 tokens to come next. The largest: " + ", ".join(
        f"{t} {values[t]:.0%}" for t in largest
    )
    return reading, alt + (f". The right one, {right}, is green and hatched." if right else ".")


def _percent(axis: Axes) -> None:
    axis.set_ylabel("probability")
    axis.set_ylim(0, 1.14)
    axis.set_yticks([0, 0.5, 1])
    axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
