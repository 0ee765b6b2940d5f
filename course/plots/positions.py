"""Figures of position schemes: a table of position vectors, and scores against distance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from course.plots.attention import draw_attention, draw_truth
from course.plots.style import DIVERGING, NEUTRAL, SERIES, TRUTH, Picture, finish, new_figure


def plot_position_table(table: Float[Tensor, "l d"], *, title: str = "") -> Picture:
    """Position vectors as rows, one coordinate a column; orange below zero, purple above."""
    length, hidden_size = table.shape
    values = table.detach().float()
    figure, axis = new_figure(6.4, 3.2)
    limit = values.abs().max().item() or 1.0
    image = axis.imshow(values.numpy(), cmap=DIVERGING, vmin=-limit, vmax=limit, aspect="auto")
    axis.set(xlabel="coordinate", ylabel="position in the word", title=title)
    axis.yaxis.set_major_locator(MaxNLocator(integer=True))
    figure.colorbar(image, ax=axis, label="value")
    changes = (values[1:] - values[:-1]).abs().mean(dim=0)
    first, last = (
        changes[: hidden_size // 4].mean().item(),
        changes[-hidden_size // 4 :].mean().item(),
    )
    reading = (
        f"From one letter to the next the first quarter of the coordinates changes by {first:.2g}"
        f" on average, the last by {last:.2g}."
    )
    return finish(
        figure,
        alt=f"Heat map of {length} position vectors with {hidden_size} coordinates. {reading}",
        reading=reading,
    )


def plot_score_by_distance(
    schemes: Mapping[str, Float[Tensor, "l l"]], *, reading: str = ""
) -> Picture:
    """The score of a query for a key against how far behind the key stands, one curve for each
    scheme.

    A line is the mean over all places in the word; the band around it runs from the smallest to the
    largest. No band to be seen means that the score depends on the distance alone.

    Args:
        schemes: for each name the scores of all queries (rows, by position) with all keys (columns,
            by position).
    """
    figure, axis = new_figure(6.4, 3.4)
    widths = [
        _draw_by_distance(axis, scores, name, colour)
        for (name, scores), colour in zip(schemes.items(), SERIES)
    ]
    axis.legend()
    told = "; ".join(
        f"{name}: the band is up to {width:.2f} wide" for name, width in zip(schemes, widths)
    )
    return finish(
        figure,
        alt=f"Curves of score against distance. {told}.",
        reading=reading or f"{told[0].upper()}{told[1:]}.",
    )


def plot_looking_behind(
    scores: Float[Tensor, "l l"],
    weights: Float[Tensor, "q q"],
    letters: Sequence[str],
    wanted: int,
    *,
    title: str = "",
) -> Picture:
    """A head that looks for the letter `wanted` places behind: its scores by distance, and its
    pattern on a word.

    Args:
        scores: between positions that all hold the same letter, so that nothing but position
            speaks.
        weights: the head's pattern on `letters`.
        wanted: the distance that the head's query asks for, in letters.
    """
    figure, (left, right) = new_figure(9.0, 3.4, 1, 2, width_ratios=[1.0, 1.1])
    band = _draw_by_distance(left, scores, "score", SERIES[0])
    left.axvline(wanted, color=TRUTH, linestyle="--", label=f"asked for: {wanted}")
    left.legend()
    left.set_title(title)
    draw_attention(right, weights, letters, letters, "source")
    right.set_title("the pattern on this word")
    places = [
        query - wanted if 0 <= query - wanted < len(letters) else None
        for query in range(len(letters))
    ]
    found = (
        "none (the word is too short)"
        if set(places) == {None}
        else f"{draw_truth(right, weights, places):.0%}"
    )
    steady = (
        "does not depend on the place in the word"
        if band < 0.01
        else f"differs by up to {band:.2f} between places in the word"
    )
    reading = (
        f"At one distance the score {steady}; the letter {wanted} behind (green frames) gets"
        f" {found} of the weight."
    )
    return finish(
        figure,
        alt=f"Left: score against distance. Right: heat map of a head's pattern. {reading}",
        reading=reading,
    )


def _draw_by_distance(axis: Axes, scores: Float[Tensor, "l l"], name: str, colour: str) -> float:
    """Mean and range of the scores at each distance p − q; the widest range."""
    length = len(scores)
    distances = list(range(-(length - 1), length))
    by_distance = [scores.detach().float().diagonal(-distance) for distance in distances]
    low, high = (
        [float(bound(group)) for group in by_distance] for bound in (Tensor.amin, Tensor.amax)
    )
    axis.plot(distances, [group.mean().item() for group in by_distance], color=colour, label=name)
    axis.fill_between(distances, low, high, color=colour, alpha=0.25, linewidth=0)
    axis.axvline(0, color=NEUTRAL, linewidth=0.6)
    axis.set(
        xlabel="distance in letters (key before the query: positive)", ylabel="score: query · key"
    )
    if max(high) - min(low) < 0.01:  # a flat line, not its rounding errors
        axis.set_ylim(low[0] - 1, low[0] + 1)
    axis.ticklabel_format(useOffset=False)
    return max(top - bottom for top, bottom in zip(high, low))
