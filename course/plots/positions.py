"""Figures of position schemes: a table of position vectors, and scores against distance."""

import math
from collections.abc import Mapping, Sequence

from jaxtyping import Float
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from course.plots.attention import sketch_map
from course.plots.axes import draw_cells
from course.plots.colours import FREE, MODEL, NEUTRAL, SOURCE, TRUTH
from course.plots.sketch import WIDTH, Panel, finish_sketch, legend, steps_of
from course.plots.style import Picture, finish, new_figure
from course.plots.svg import Drawing

Distances = Sequence[tuple[int, float, float, float]]  # distance, mean, least and largest score


def plot_position_table(table: Float[Tensor, "l d"], *, title: str = "") -> Picture:
    """Position vectors as rows, one coordinate a column; orange below zero, purple above."""
    length, hidden_size = table.shape
    values = table.detach().float()
    figure, axis = new_figure(6.4, 3.2)
    limit = values.abs().max().item() or 1.0
    image = draw_cells(axis, values, (-limit, limit))
    axis.set(xlabel="coordinate", ylabel="position in the word", title=title)
    axis.yaxis.set_major_locator(MaxNLocator(integer=True))
    figure.colorbar(image, ax=axis, label="value")
    changes = (values[1:] - values[:-1]).abs().mean(dim=0)
    first = changes[: hidden_size // 4].mean().item()
    last = changes[-hidden_size // 4 :].mean().item()
    reading = (
        f"From one letter to the next the first quarter of the coordinates changes by {first:.2g}"
        f" on average, the last by {last:.2g}."
    )
    alt = f"Heat map of {length} position vectors with {hidden_size} coordinates. {reading}"
    return finish(figure, alt=alt, reading=reading)


def plot_clock_hands(
    frequencies: Float[Tensor, " i"], letters: Sequence[str], query: int, key: int
) -> Picture:
    """Rotary positions as clock hands: a row for each pair of coordinates, a dial for each letter.

    The hand of pair i stands at angle p·θ_i at place p: where the vector (1, 0) of that pair is
    turned to, counted from the top. The dials of the query and of the key are framed; the angle
    between their hands is all that a score can see.

    Args:
        frequencies: θ_i of the pairs to show, in radians a letter.
        letters: the word.
        query, key: two places in it, from 0.
    """
    pitch, radius = min(62.0, 640 / len(letters)), min(24.0, 250 / len(letters))
    drawing = Drawing(WIDTH, round(80 + 62 * len(frequencies)))
    told = []
    for row, frequency in enumerate(frequencies.tolist()):
        y = 74 + 62 * row
        drawing.text(20, y, f"θ = {frequency:.3g}", size=13, anchor="start")
        for place, letter in enumerate(letters):
            x, framed = 130 + pitch * place, place in (query, key)
            colour = TRUTH if framed else NEUTRAL
            if row == 0:
                drawing.text(x, 22, letter, size=15, colour=SOURCE)
            look = {"stroke": colour, "stroke_width": 2.5 if framed else 1}
            drawing.element("circle", cx=x, cy=y, r=radius, fill="#ffffff", **look)
            angle = place * frequency
            tip = (x + radius * math.sin(angle) * 0.9, y - radius * math.cos(angle) * 0.9)
            drawing.arrow((x, y), tip, colour=colour, head=False, width=2.5 if framed else 1.6)
        turn = math.degrees(abs(query - key) * frequency)
        told.append(f"{turn:.0f}° at θ = {frequency:.3g}")
    distance = abs(query - key)
    reading = (
        f"Between the two framed places, {distance} apart, the hands turn by {', '.join(told)}; any"
        f" two places {distance} apart show the same."
    )
    alt = (
        f"{len(frequencies)} rows of {len(letters)} dials, one for each letter of"
        f" {''.join(letters)}. In the first row the hand turns fast from letter to letter, in each"
        " row below more slowly."
    )
    return finish_sketch(drawing, alt=alt, reading=reading)


def plot_score_by_distance(schemes: Mapping[str, Float[Tensor, "l l"]]) -> Picture:
    """The score of a query (row, by position) for a key (column) against how far behind the key
    stands, one curve for each scheme.

    A line is the mean over all places in the word; the band around it runs from the smallest to the
    largest. No band to be seen means that the score depends on the distance alone.
    """
    drawing = Drawing(WIDTH, 380)
    found = [_by_distance(scores) for scores in schemes.values()]
    panel = _distance_panel(drawing, (80, 40, 480, 270), found)
    for distances, colour in zip(found, FREE):
        _draw_by_distance(panel, distances, colour)
    legend(drawing, [(name, colour, "") for name, colour in zip(schemes, FREE)], 590, 60)
    told = "; ".join(
        f"{name}: the band is up to {_width(distances):.2f} wide"
        for name, distances in zip(schemes, found)
    )
    alt = f"Curves of score against distance. {told}."
    reading = f"{told[0].upper()}{told[1:]}."
    return finish_sketch(drawing, alt=alt, reading=reading)


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
    drawing = Drawing(WIDTH, 400)
    distances = _by_distance(scores)
    left = _distance_panel(drawing, (70, 60, 300, 260), [distances])
    left.title(title)
    _draw_by_distance(left, distances, MODEL)
    asked = left.at(wanted, 0)[0]
    left.stroke([(asked, left.top), (asked, left.bottom)], TRUTH, 2, "6 4")
    label = f"asked for: {wanted}"
    drawing.text(asked + 6, 70, label, size=12, colour=TRUTH, anchor="start")
    band, size = _width(distances), len(letters)
    right = Panel(drawing, (470, 60, 326, 260), (-0.5, size - 0.5), (size - 0.5, -0.5))
    right.title(f"the pattern on this word (darkest: {weights.max():.2f})")
    sketch_map(right, weights, letters, letters, "source", (0.0, float(weights.max())))
    there = [(query, query - wanted) for query in range(size) if 0 <= query - wanted < size]
    for query, key in there:
        right.frame(query, key, TRUTH)
    gets = f"no letter of this word has another {wanted} behind it"
    if there:
        share = sum(float(weights[cell]) for cell in there) / len(there)
        gets = f"the letter {wanted} behind (green frames) gets {share:.0%} of the weight"
    steady = f"differs by up to {band:.2f} between places in the word"
    if band < 0.01:
        steady = "does not depend on the place in the word"
    reading = f"At one distance the score {steady}; {gets}."
    alt = f"Left: score against distance. Right: heat map of a head's pattern. {reading}"
    return finish_sketch(drawing, alt=alt, reading=reading)


def _by_distance(scores: Float[Tensor, "l l"]) -> Distances:
    """At each distance p − q the mean, least and largest score."""
    found = []
    for distance in range(1 - len(scores), len(scores)):
        group = scores.detach().float().diagonal(-distance)
        found.append((distance, float(group.mean()), float(group.min()), float(group.max())))
    return found


def _width(distances: Distances) -> float:
    return max(high - low for _, _, low, high in distances)


def _distance_panel(
    drawing: Drawing, box: tuple[float, float, float, float], found: Sequence[Distances]
) -> Panel:
    """Axes that have room for all scores; a flat line is drawn flat, not as its rounding errors."""
    reach = max(distances[-1][0] for distances in found)
    low = min(row[2] for distances in found for row in distances)
    high = max(row[3] for distances in found for row in distances)
    if high - low < 0.01:
        low, high = low - 1, high + 1
    room = 0.05 * (high - low)
    panel = Panel(drawing, box, (-reach, reach), (low - room, high + room))
    panel.axes("distance in letters (key before the query: positive)", "score: query · key")
    panel.ticks("x", steps_of(-reach, reach, 6))
    panel.ticks("y", steps_of(low - room, high + room), grid=True)
    zero = panel.at(0, 0)[0]
    panel.stroke([(zero, panel.top), (zero, panel.bottom)], NEUTRAL, 0.8)
    return panel


def _draw_by_distance(panel: Panel, distances: Distances, colour: str) -> None:
    """The mean at each distance as a line, from the least to the largest as a band."""
    places, means, lows, highs = zip(*distances)
    panel.area([*zip(places, lows), *reversed([*zip(places, highs)])], colour)
    panel.line(places, means, colour, width=2)
