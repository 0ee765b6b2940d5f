"""The figure of the attention explorer: one head at work, and what comes next at one step."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from course.plots.attention import draw_attention
from course.plots.axes import percent_axis
from course.plots.shaded_table import frame_cell
from course.plots.style import INK, MODEL, NEUTRAL, TARGET, TRUTH, Picture, finish, new_figure
from nmt.data import VOCABULARY

SHOWN = 8  # most probable tokens in the right panel


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
        title: stands above the map.

    Raises:
        ValueError: if these do not fit together.
    """
    if (
        tuple(weights.shape) != (len(asked), len(keys))
        or len(truth) != len(asked)
        or not 0 <= step < len(asked)
    ):
        raise ValueError(
            f"weights {tuple(weights.shape)}, {len(asked)} letters, {len(truth)} truths and step"
            f" {step} do not fit together"
        )
    height = max(3.2, 1.2 + 0.27 * len(asked))
    figure, (left, right_axis) = new_figure(
        5.2 + 0.3 * len(keys), height, 1, 2, width_ratios=(2.0 + 0.3 * len(keys), 2.4)
    )
    names, darkest = [key.strip("<>") for key in keys], float(weights.max())
    draw_attention(left, weights, asked, names, "cross", limits=(0.0, darkest or 1.0))
    left.set(xlabel=f"source letter (darkest: {darkest:.2f})", ylabel="letter that is written")
    left.set_title(title)
    frame_cell(left, step, 0, INK, columns=len(keys))
    for row, place in enumerate(truth):
        if place is not None:
            frame_cell(left, row, place, TRUTH, inset=0.08, width=2)
    for label in left.get_xticklabels():
        label.set_rotation(90 if len(label.get_text()) > 1 else 0)
    values = dict(zip(VOCABULARY.tokens, probabilities.tolist()))
    best = sorted(values, key=values.__getitem__, reverse=True)[:SHOWN]
    if right is not None and right not in best:
        best[-1] = right
    bars = right_axis.barh(range(len(best)), [values[token] for token in best], color=MODEL)
    for row, token in enumerate(best):
        if token == right:
            bars[row].set(facecolor=TRUTH, hatch="///", edgecolor="white")
    notes = [f"{values[token]:.1%}" for token in best]
    right_axis.bar_label(bars, notes, padding=4, fontsize=8, color=NEUTRAL)
    right_axis.set_yticks(range(len(best)), best)
    right_axis.invert_yaxis()
    right_axis.set_title(f"step {step + 1} of {len(asked)}")
    percent_axis(right_axis, "x", "probability of the next letter", steps=2)
    right_axis.set_xlim(0, 1.3)
    for label in right_axis.get_yticklabels():
        label.set_color(TARGET)
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
    return finish(figure, alt=f"{alt}.", reading=reading)
