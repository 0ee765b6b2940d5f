"""Figures of embeddings: flat maps of the letters, and what their width does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from course.interpretability.embeddings import Angles, Grouping, kind_of_token
from course.plots.axes import draw_dots
from course.plots.sketch import WIDTH, Panel, finish_sketch, show, steps_of
from course.plots.style import CONSONANT, INK, NEUTRAL, VOWEL, Picture, finish, new_figure
from course.plots.svg import Drawing
from nmt.data import VOCABULARY

_DISCS = {  # kind of token: (face, edge, ink)
    "vowel": (VOWEL, VOWEL, "#ffffff"),
    "consonant": (CONSONANT, CONSONANT, INK),
    "y": ("#ffffff", VOWEL, INK),
    "other": (NEUTRAL, NEUTRAL, "#ffffff"),
}
_RADIUS = 9.5  # pixels
_SHORT = {"<SOS>": "SOS", "<EOS>": "EOS"}


@dataclass(frozen=True, eq=False)
class LetterMap:
    """A flat map of the 29 tokens; axes without a name have no meaning."""

    title: str
    coordinates: Float[Tensor, "n c"] = field(repr=False)
    axes: tuple[str, str] = ("", "")


def plot_letter_maps(maps: Sequence[LetterMap], *, reading: str, columns: int = 3) -> Picture:
    """Flat maps of an embedding side by side, a disc for each letter: vowels dark, consonants
    light, y between, other tokens grey.

    Discs that would hide each other are moved apart, by a disc's width at most or so.

    Args:
        maps: one to nine, drawn row by row.
        columns: maps in a row.
    """
    across = min(columns, len(maps))
    # A single map has the room for names of its axes, with and without: nothing jumps.
    named = across == 1 or any(any(letter_map.axes) for letter_map in maps)
    beside, below = (70, 96) if named else (16, 50)
    size = 430 if across == 1 else (WIDTH - 20) // across - beside
    height = -(-len(maps) // across) * (size + below)
    drawing = Drawing(20 + across * (size + beside), height, "", "")
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
            steps = steps_of(*limits, 4)
            panel.ticks(which, steps, [show(step) for step in steps])
    else:
        drawing.element(
            "rect", x=box[0], y=box[1], width=box[2], height=box[3], fill="none", stroke=NEUTRAL
        )
    discs = list(zip(VOCABULARY.tokens, points.tolist()))
    for token, point in sorted(discs, key=lambda disc: kind_of_token(disc[0]) == "vowel"):
        face, edge, ink = _DISCS[kind_of_token(token)]
        (left, top), short = panel.at(*point), _SHORT.get(token, token)
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
        placed = placed + (overlap[..., None] / 2 * way / distance.clamp(min=1e-9)[..., None]).sum(
            dim=1
        )
    return low + placed * width


def _neighbours(letter_map: LetterMap) -> str:
    """For each vowel the vowel nearest on the map, and that one's rank among all tokens."""
    points = letter_map.coordinates.double()
    vowels = [
        number for number, token in enumerate(VOCABULARY.tokens) if kind_of_token(token) == "vowel"
    ]
    told = []
    for vowel in vowels:
        order = (points - points[vowel]).norm(dim=1).argsort(stable=True).tolist()
        order.remove(vowel)
        rank, nearest = next(
            (rank, other) for rank, other in enumerate(order, start=1) if other in vowels
        )
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
    for axis, rows, marks, colour in (
        (left, silhouettes, highs, VOWEL),
        (right, cosines, chances, INK),
    ):
        dots = {"color": colour, "mec": "white", "ms": 9}
        draw_dots(axis, rows, marks, dots=dots, bars={"color": NEUTRAL, "lw": 3, "zorder": 1})
    left.axvline(0, color=NEUTRAL, lw=0.6)
    left.set(xlabel="silhouette of vowels against consonants", title="do vowels keep together?")
    right.set(xlabel="typical |cosine| between two tokens", title="are tokens at right angles?")
    right.set_xlim(0, None)
    told = "; ".join(
        f"{name}: silhouettes {', '.join(f'{one:.2f}' for one in silhouettes[name])} (bar"
        f" {groupings[name][0].high:.2f}), cosines"
        f" {', '.join(f'{one:.2f}' for one in cosines[name])} (bar {measured[name][0].chance:.2f})"
        for name in names
    )
    alt = f"Two panels with a row for each model, a disc for each run. {told}."
    return finish(figure, alt=alt, reading=reading)
