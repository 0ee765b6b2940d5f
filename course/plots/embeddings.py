"""Figures of embeddings (flat maps of the letters, and what their width does), and of positions in
a trained model: learned tables and rotary frequencies.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from course.interpretability.embeddings import (
    Angles,
    Grouping,
    cosines,
    kind_of_token,
    principal_components,
)
from course.interpretability.rotary_frequencies import FrequencyEffect
from course.plots.axes import draw_cells, draw_dots, draw_pairs
from course.plots.colours import CONSONANT, INK, NEUTRAL, SERIES, TRANSFORMER, VOWEL
from course.plots.sketch import WIDTH, Panel, finish_sketch, steps_of
from course.plots.style import Picture, finish, new_figure
from course.plots.svg import Drawing
from nmt.data import VOCABULARY

_DISCS = {  # kind of token: (face, edge, ink)
    "vowel": (VOWEL, VOWEL, "#ffffff"),
    "consonant": (CONSONANT, CONSONANT, INK),
    "y": ("#ffffff", VOWEL, INK),
    "other": (NEUTRAL, NEUTRAL, "#ffffff"),
}
_RADIUS = 9.5  # pixels


@dataclass(frozen=True, eq=False)
class LetterMap:
    """A flat map of the 29 tokens; axes without a name have no meaning."""

    title: str
    coordinates: Float[Tensor, "n c"] = field(repr=False)
    axes: tuple[str, str] = ("", "")


def plot_letter_maps(maps: Sequence[LetterMap], *, reading: str, columns: int = 3) -> Picture:
    """Flat maps of an embedding, so many columns in a row, a disc for each letter: vowels dark,
    consonants light, y between, other tokens grey. Discs that would hide each other are moved
    apart, by a disc's width at most or so.
    """
    across = min(columns, len(maps))
    # A single map has the room for names of its axes, with and without: nothing jumps.
    named = across == 1 or any(any(letter_map.axes) for letter_map in maps)
    beside, below = (70, 96) if named else (16, 50)
    size = 430 if across == 1 else (WIDTH - 20) // across - beside
    height = -(-len(maps) // across) * (size + below)
    drawing = Drawing(20 + across * (size + beside), height)
    for place, letter_map in enumerate(maps):
        row, column = divmod(place, across)
        left, top = 4 + beside + column * (size + beside), 40 + row * (size + below)
        _draw_letters(drawing, letter_map, (left, top, size, size))
    told = " ".join(f"{letter_map.title}: {_neighbours(letter_map)}." for letter_map in maps)
    alt = (
        "Maps of the 29 tokens as discs, vowels dark, consonants light. The vowel nearest to each"
        f" vowel, and its rank among all. {told}"
    )
    return finish_sketch(drawing, alt=alt, reading=reading)


def _draw_letters(
    drawing: Drawing, letter_map: LetterMap, box: tuple[float, float, float, float]
) -> None:
    points = _apart(letter_map.coordinates.double(), 1.2 * 2 * _RADIUS / box[2])
    low, high = points.amin(0), points.amax(0)
    margin = torch.where(high > low, 0.1 * (high - low), 1.0)
    x, y = zip((low - margin).tolist(), (high + margin).tolist())
    panel = Panel(drawing, box, x, y)
    panel.title(letter_map.title)
    if any(letter_map.axes):
        panel.axes(*letter_map.axes)
        for which, limits in (("x", x), ("y", y)):
            panel.ticks(which, steps_of(*limits, 4))
    else:
        size = dict(zip(("x", "y", "width", "height"), box))
        drawing.element("rect", **size, fill="none", stroke=NEUTRAL)
    discs = list(zip(VOCABULARY.tokens, points.tolist()))
    for token, point in sorted(discs, key=lambda disc: kind_of_token(disc[0]) == "vowel"):
        face, edge, ink = _DISCS[kind_of_token(token)]
        (left, top), short = panel.at(*point), token.strip("<>")
        look = {"fill": face, "stroke": edge, "stroke_width": 1.6}
        drawing.element("circle", cx=left, cy=top, r=_RADIUS, **look)
        drawing.text(left, top, short, size=12 if len(short) == 1 else 7.5, colour=ink)


def _apart(points: Float[Tensor, "n 2"], disc: float) -> Float[Tensor, "n 2"]:
    """The points, moved apart until discs of `disc` times the width of the map only touch."""
    low, high = points.amin(0), points.amax(0)
    width = (high - low).clamp(min=1e-9)
    placed = (points - low) / width
    for _ in range(60):
        way = placed[:, None] - placed  # from each other disc to this one
        distance = way.norm(dim=-1).fill_diagonal_(1)
        overlap = (disc - distance).clamp(min=0)
        if not bool(overlap.any()):
            break
        push = overlap[..., None] / 2 * way / distance.clamp(min=1e-9)[..., None]
        placed = placed + push.sum(dim=1)
    return low + placed * width


def _neighbours(letter_map: LetterMap) -> str:
    """For each vowel the vowel nearest on the map, and that one's rank among all tokens."""
    points = letter_map.coordinates.double()
    tokens = enumerate(VOCABULARY.tokens)
    vowels, told = [number for number, token in tokens if kind_of_token(token) == "vowel"], []
    for vowel in vowels:
        order = (points - points[vowel]).norm(dim=1).argsort(stable=True).tolist()
        order.remove(vowel)
        nearest = next(other for other in order if other in vowels)
        rank = order.index(nearest) + 1
        told.append(f"{VOCABULARY.token(vowel)} {VOCABULARY.token(nearest)} ({rank})")
    return ", ".join(told)


def plot_widths(
    groupings: Mapping[str, Sequence[Grouping]],
    measured: Mapping[str, Sequence[Angles]],
    *,
    reading: str,
) -> Picture:
    """What becomes of an embedding at each width: do vowels keep together, and how nearly at right
    angles do the tokens stand?

    Left: the silhouette of vowels against consonants, a disc for each run; below the grey bar lie
    95 % of all other labellings. Right: the typical |cosine| between two tokens, beside that of
    random directions (grey bar).

    Args:
        groupings, measured: for each model's name one value for each run, in the order to draw.
    """
    names = list(groupings)
    figure, (left, right) = new_figure(10.0, 0.9 + 0.42 * len(names), 1, 2, sharey=True)
    silhouettes = {name: [run.silhouette for run in runs] for name, runs in groupings.items()}
    cosines = {name: [turn.typical for turn in turns] for name, turns in measured.items()}
    highs = [sum(run.high for run in runs) / len(runs) for runs in groupings.values()]
    chances = [turns[0].chance for turns in measured.values()]
    drawn = (left, silhouettes, highs, VOWEL), (right, cosines, chances, INK)
    for axis, rows, marks, colour in drawn:
        dots = {"color": colour, "mec": "white", "ms": 9}
        draw_dots(axis, rows, marks, dots=dots, bars={"color": NEUTRAL, "lw": 3, "zorder": 1})
    left.axvline(0, color=NEUTRAL, lw=0.6)
    left.set(xlabel="silhouette of vowels against consonants", title="do vowels keep together?")
    right.set(xlabel="typical |cosine| between two tokens", title="are tokens at right angles?")
    right.set_xlim(0, None)
    told = "; ".join(
        f"{name}: silhouettes {_listed(silhouettes[name])} (bar {groupings[name][0].high:.2f}),"
        f" cosines {_listed(cosines[name])} (bar {measured[name][0].chance:.2f})"
        for name in names
    )
    alt = f"Two panels with a row for each model, a disc for each run. {told}."
    return finish(figure, alt=alt, reading=reading)


def _listed(values: Sequence[float]) -> str:
    return ", ".join(f"{one:.2f}" for one in values)


def step_cosine(table: Float[Tensor, "l d"], distance: int) -> float:
    """The mean cosine between the vectors of two places `distance` letters apart."""
    return float(cosines(table).diagonal(distance).mean())


def plot_learned_positions(
    before: Float[Tensor, "l d"], after: Float[Tensor, "l d"], used: int, *, title: str = ""
) -> Picture:
    """A table of position vectors before (above) and after training: how alike any two places are,
    and a flat map (PCA) of those `used` by the words of the training data, in reading order.
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
    """Left: what each frequency (of `frequency_effects`) adds to a score as the distance grows, up
    to the `longest` sequence in tokens. Right: what a trained model loses when it stands still;
    `accuracy` is that of words with all of them.
    """
    figure, (left, right) = new_figure(9.6, 3.6, 1, 2)
    distance = np.linspace(0, longest, 200)
    # Slow ones would lie on each other.
    slow = [effect for effect in effects if effect.wavelength > 8 * longest]
    drawn = [effect for effect in effects if effect not in slow]
    for effect, colour, style in zip(drawn, SERIES, ["-", "--", "-.", ":"] * 2):
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
    alt = f"Left: cosines against distance. Right: bars. {told}."
    return finish(figure, alt=alt, reading=reading)


def _letters(wavelength: float) -> str:
    return f"{wavelength:.1f}" if wavelength < 10 else f"{wavelength:,.0f}"
