"""One query and a few keys as arrows in a plane, and the weights that their angles make."""

import math
from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from course.plots.colours import MODEL, SOURCE, TARGET
from course.plots.sketch import WIDTH, Panel, Zone, finish_sketch
from course.plots.style import Picture
from course.plots.svg import Drawing

REACH = 3.0  # the plane goes from −3 to 3
SIDE = 330  # pixels


def plot_plane(query: tuple[float, float], keys: Mapping[str, tuple[float, float]]) -> Picture:
    """A query and keys with two coordinates each, and softmax(query · key / √2) over the keys.

    In an explorer a pointer moves the tip of the query or of the first key, whichever is nearer.

    Args:
        query: across and up, each from −3 to 3.
        keys: the same for each source letter.
    """
    asked = torch.tensor(query, dtype=torch.float64)
    table = torch.tensor(list(keys.values()), dtype=torch.float64)  # (s, 2)
    scores = table @ asked  # (s)
    weights = (scores / math.sqrt(2)).softmax(dim=-1)
    drawing = Drawing(WIDTH, SIDE + 112)
    box = (70.0, 44.0, float(SIDE), float(SIDE))
    plane = Panel(drawing, box, (-REACH, REACH), (-REACH, REACH))
    plane.title("query and keys")
    for axis in ("x", "y"):
        plane.ticks(axis, range(-3, 4), [f"{n}".replace("-", "−") for n in range(-3, 4)], grid=True)
    plane.stroke([plane.at(-REACH, 0), plane.at(REACH, 0)])
    plane.stroke([plane.at(0, -REACH), plane.at(0, REACH)])
    for letter, tip in keys.items():
        _arrow(plane, tip, SOURCE, letter)
    _arrow(plane, query, TARGET, "query")
    _draw_weights(drawing, list(keys), scores, weights)
    first = next(iter(keys))
    handles = {"Query": query, f"Key {first}": keys[first]}
    zones = [Zone(box, _sets(name), plane.at(*tip)) for name, tip in handles.items()]
    best = list(keys)[int(weights.argmax())]
    reading = (
        f"The key of {best} has the highest score, {float(scores.max()):.1f}, and gets"
        f" {float(weights.max()):.0%} of the weight; {first} gets {float(weights[0]):.0%}."
    )
    parts = ", ".join(
        f"{letter} at {tip[0]:.1f}, {tip[1]:.1f} with score {score:.1f} and weight {weight:.0%}"
        for (letter, tip), score, weight in zip(keys.items(), scores.tolist(), weights.tolist())
    )
    alt = (
        f"Left, arrows from the middle of a plane: the query to {query[0]:.1f}, {query[1]:.1f}, and"
        f" the keys {parts}. Right, a bar for each weight."
    )
    return finish_sketch(drawing, alt=alt, reading=reading, zones=zones)


def _sets(name: str) -> dict[str, tuple[str, float, float]]:
    return {"x": (f"{name}, across", -REACH, REACH), "y": (f"{name}, up", -REACH, REACH)}


def _arrow(plane: Panel, tip: tuple[float, float], colour: str, label: str) -> None:
    start, end = plane.at(0, 0), plane.at(*tip)
    plane.drawing.dot(*end, colour)
    if start != end:
        plane.drawing.arrow(start, end, colour=colour, width=2.4)
    beside, anchor = (12, "start") if tip[0] >= 0 else (-12, "end")
    x = min(max(end[0] + beside, plane.left + 14), plane.right - 14)
    y = end[1] + (12 if colour == TARGET else -8)
    plane.drawing.text(x, y, label, size=15, colour=colour, bold=True, anchor=anchor)


def _draw_weights(
    drawing: Drawing, letters: list[str], scores: Float[Tensor, " s"], weights: Float[Tensor, " s"]
) -> None:
    """A bar for each key, the score written below its letter."""
    panel = Panel(drawing, (510, 44, 280, SIDE), (-0.7, len(letters) - 0.3), (0, 1.1))
    panel.title("weights: softmax of score / √2")
    panel.axes("source letter, and query · key", "weight", gap=6)
    panel.ticks("y", [0, 0.5, 1], ["0%", "50%", "100%"], grid=True)
    panel.bars(weights.tolist(), MODEL)
    for place, letter in enumerate(letters):
        x, y = panel.at(place, float(weights[place]))
        drawing.text(x, y - 10, f"{float(weights[place]):.0%}", size=13)
        drawing.text(x, panel.bottom + 13, letter, size=15, colour=SOURCE, bold=True)
        score = f"{float(scores[place]):.1f}".replace("-", "−")
        drawing.text(x, panel.bottom + 30, score, size=12)
