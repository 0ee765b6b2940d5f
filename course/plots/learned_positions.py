"""Figures of positions in a trained model: learned tables and rotary frequencies."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from course.interpretability.embeddings import cosines, principal_components
from course.interpretability.rotary_frequencies import FrequencyEffect
from course.plots.axes import draw_pairs
from course.plots.shaded_table import draw_cells
from course.plots.style import (
    INK,
    NEUTRAL,
    SERIES,
    TRANSFORMER,
    Picture,
    finish,
    new_figure,
)


def step_cosine(table: Float[Tensor, "l d"], distance: int) -> float:
    """The mean cosine between the vectors of two places `distance` letters apart."""
    return float(cosines(table).diagonal(distance).mean())


def plot_learned_positions(
    before: Float[Tensor, "l d"], after: Float[Tensor, "l d"], used: int, *, title: str = ""
) -> Picture:
    """A table of position vectors before (above) and after training: how alike any two places are,
    and a flat map of them (PCA).

    Args:
        before, after: a vector for each place.
        used: how many places the words of the training data reach; the map shows those only, joined
            in reading order.
    """
    figure, axes = new_figure(8.6, 6.8, 2, 2, width_ratios=(1.15, 1))
    readings = []
    for (left, right), when, table in zip(axes, ("before", "after"), (before, after)):
        image = draw_cells(left, cosines(table), (-1, 1), aspect="equal")
        for line in (left.axhline, left.axvline):
            line(used - 0.5, color=INK, lw=0.8, ls=":")
        left.set(xlabel="place in the word", ylabel="place in the word")
        left.set_title(f"{when} training: how alike two places are")
        figure.colorbar(image, ax=left, label="cosine")
        flat = principal_components(table[:used])
        x, y = flat.coordinates.T.numpy()
        right.plot(x, y, color=NEUTRAL, lw=0.8, zorder=1)
        right.scatter(x, y, c=np.arange(used), cmap="viridis", s=26, zorder=2)
        for place in sorted({0, *range(4, used, 5), used - 1}):
            nearby = {"xytext": (4, 4), "textcoords": "offset points", "fontsize": 8}
            right.annotate(str(place), (x[place], y[place]), **nearby)
        right.set(title=f"{when}: map of places 0 to {used - 1}")
        right.xaxis.set_major_locator(MaxNLocator(4))
        right.set_xlabel(f"first axis ({flat.shares[0]:.0%} of variance)")
        right.set_ylabel(f"second axis ({flat.shares[1]:.0%})")
        readings.append(f"{when} training {step_cosine(table[:used], 1):.2f}")
    if title:
        figure.suptitle(title)
    moved = float((after - before)[:used].norm() / before[:used].norm())
    reading = (
        f"The mean cosine of neighbouring places is {' and '.join(readings)}; "
        f"training has moved the places in use by {moved:.0%} of their length."
    )
    alt = (
        "Above before, below after training: a heat map of cosines between all places, and a flat"
        f" map of the {used} in use. {reading}"
    )
    return finish(figure, alt=alt, reading=reading)


def plot_frequencies(effects: Sequence[FrequencyEffect], accuracy: float, longest: int) -> Picture:
    """Left: what each frequency adds to a score as the distance grows. Right: what a trained model
    loses when it stands still.

    Args:
        effects: from `frequency_effects`, one for each pair of coordinates.
        accuracy: word accuracy with all of them.
        longest: tokens in the longest sequence, which is how far the left panel reaches.
    """
    figure, (left, right) = new_figure(9.6, 3.6, 1, 2)
    distance = np.linspace(0, longest, 200)
    styles = ["-", "--", "-.", ":"]
    # Slow ones would lie on each other.
    slow = [effect for effect in effects if effect.wavelength > 8 * longest]
    drawn = [effect for effect in effects if effect not in slow]
    for effect, colour, style in zip(drawn, SERIES, styles * 2):
        curve = np.cos(2 * math.pi * distance / effect.wavelength)
        left.plot(distance, curve, color=colour, ls=style, label=f"pair {effect.pair}")
    if slow:
        least = math.cos(2 * math.pi * longest / slow[0].wavelength)
        name = f"pairs {slow[0].pair} to {slow[-1].pair}"
        left.axhspan(least, 1, color=NEUTRAL, alpha=0.3, lw=0, label=name)
    left.set(xlabel="distance in letters", ylabel="share of the pair's score")
    left.set_title("cos(distance · θ)")
    left.legend(fontsize=8, loc="upper center", ncols=3)
    left.set_ylim(-1.05, 1.75)
    left.set_yticks([-1, 0, 1])
    lost = [max(0.0, accuracy - effect.accuracy) for effect in effects]
    moved = [effect.moved for effect in effects]
    bars = {"weight that moves": moved, "words lost": lost}
    draw_pairs(right, range(len(effects)), bars, (NEUTRAL, TRANSFORMER))
    names = [f"{effect.pair}\n{_letters(effect.wavelength)}" for effect in effects]
    right.set_xticks(range(len(effects)), names, fontsize=8)
    right.set_xlabel("pair that stands still; letters for a full turn")
    right.set(ylabel="share", ylim=(0, 1), title="without one frequency")
    right.legend(fontsize=8)
    once = sum(effect.wavelength > longest for effect in effects)
    worst = max(effects, key=lambda effect: accuracy - effect.accuracy)
    reading = (
        f"{once} of {len(effects)} frequencies turn less than once in {longest} tokens; without"
        f" pair {worst.pair} ({_letters(worst.wavelength)} letters a turn) the accuracy falls from"
        f" {accuracy:.0%} to {worst.accuracy:.0%}."
    )
    told = "; ".join(
        f"pair {e.pair}, {_letters(e.wavelength)} letters: {e.moved:.1%} moves, {loss:.0%} lost"
        for e, loss in zip(effects, lost)
    )
    return finish(
        figure, alt=f"Left: cosines against distance. Right: bars. {told}.", reading=reading
    )


def _letters(wavelength: float) -> str:
    return f"{wavelength:.1f}" if wavelength < 10 else f"{wavelength:,.0f}"
