"""Figures of positions in a trained model: learned tables and rotary frequencies."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from course.interpretability.embeddings import cosines, principal_components
from course.interpretability.rotary_frequencies import FrequencyEffect
from course.plots.style import (
    DIVERGING,
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
        title: stands above the figure.

    Raises:
        ValueError: if the tables differ in shape, or `used` is not from 3 to their length.
    """
    if before.shape != after.shape or not 3 <= used <= len(before):
        raise ValueError(
            f"two tables of one shape, and 3 to {len(before)} places in use, not"
            f" {tuple(after.shape)} and {used}"
        )
    figure, axes = new_figure(8.6, 6.8, 2, 2, width_ratios=(1.15, 1))
    readings = []
    for (left, right), when, table in zip(axes, ("before", "after"), (before, after)):
        image = left.imshow(
            cosines(table).numpy(), cmap=DIVERGING, vmin=-1, vmax=1, interpolation="nearest"
        )
        for line in (left.axhline, left.axvline):
            line(used - 0.5, color=INK, lw=0.8, ls=":")
        left.set(
            title=f"{when} training: how alike two places are",
            xlabel="place in the word",
            ylabel="place in the word",
        )
        figure.colorbar(image, ax=left, label="cosine")
        flat = principal_components(table[:used])
        x, y = flat.coordinates.T.numpy()
        right.plot(x, y, color=NEUTRAL, lw=0.8, zorder=1)
        right.scatter(x, y, c=np.arange(used), cmap="viridis", s=26, zorder=2)
        for place in sorted({0, *range(4, used, 5), used - 1}):
            right.annotate(
                str(place),
                (x[place], y[place]),
                xytext=(4, 4),
                textcoords="offset points",
                fontsize=8,
            )
        right.set(title=f"{when}: map of places 0 to {used - 1}")
        right.xaxis.set_major_locator(MaxNLocator(4))
        right.set(
            xlabel=f"first axis ({flat.shares[0]:.0%} of variance)",
            ylabel=f"second axis ({flat.shares[1]:.0%})",
        )
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

    Raises:
        ValueError: without effects, or for a longest sequence below 2.
    """
    if not effects or longest < 2:
        raise ValueError("give at least one frequency, and a longest sequence of 2 or more")
    figure, (left, right) = new_figure(9.6, 3.6, 1, 2)
    distance = np.linspace(0, longest, 200)
    styles = ["-", "--", "-.", ":"]
    slow = [
        effect for effect in effects if effect.wavelength > 8 * longest
    ]  # these curves would lie on each other
    drawn = [effect for effect in effects if effect not in slow]
    for effect, colour, style in zip(drawn, SERIES, styles * 2):
        left.plot(
            distance,
            np.cos(2 * math.pi * distance / effect.wavelength),
            color=colour,
            ls=style,
            label=f"pair {effect.pair}",
        )
    if slow:
        left.axhspan(
            math.cos(2 * math.pi * longest / slow[0].wavelength), 1, color=NEUTRAL, alpha=0.3, lw=0
        )
        left.plot(
            [], [], color=NEUTRAL, alpha=0.4, lw=6, label=f"pairs {slow[0].pair} to {slow[-1].pair}"
        )
    left.set(
        xlabel="distance in letters", ylabel="share of the pair's score", title="cos(distance · θ)"
    )
    left.legend(fontsize=8, loc="upper center", ncols=3)
    left.set_ylim(-1.05, 1.75)
    left.set_yticks([-1, 0, 1])
    places = np.arange(len(effects))
    lost = [max(0.0, accuracy - effect.accuracy) for effect in effects]
    right.bar(
        places - 0.2,
        [effect.moved for effect in effects],
        0.4,
        color=NEUTRAL,
        label="weight that moves",
    )
    right.bar(places + 0.2, lost, 0.4, color=TRANSFORMER, label="words lost")
    right.set_xticks(
        places, [f"{effect.pair}\n{_letters(effect.wavelength)}" for effect in effects], fontsize=8
    )
    right.set(
        xlabel="pair that stands still; letters for a full turn",
        ylabel="share",
        title="without one frequency",
    )
    right.set_ylim(0, 1)
    right.legend(fontsize=8)
    once = sum(effect.wavelength > longest for effect in effects)
    worst = max(effects, key=lambda effect: accuracy - effect.accuracy)
    reading = (
        f"{once} of {len(effects)} frequencies turn less than once in {longest} signs; without pair"
        f" {worst.pair} ({_letters(worst.wavelength)} letters a turn) the accuracy falls from"
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
