"""Figures of scans: what a recurrence remembers, who joins whom, what that costs, and Blelloch's
scan as two trees beside each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from course.lab.scan_steps import PREFIXES, Cost, Join, Span, watch
from course.plots.colours import INK, MAMBA, MODEL, NEUTRAL, SOURCE, TARGET, TRANSFORMER, TRUTH
from course.plots.sketch import SMALL, WIDTH, Panel, finish_sketch
from course.plots.style import Picture, finish, new_figure
from course.plots.svg import Drawing, Point
from nmt.scan import scan

ROW, PITCH, BOX, HIGH = 62, 46, 42, 26  # pixels: of a row, from leaf to leaf, and of a box
_SCANS = {  # name, colour, dash, marker
    "sequential": ("loop, unbind", NEUTRAL, "-", "o"),
    "sequential_indexed": ("loop, a[:, t]", TARGET, "-", "s"),
    "fast": ("fast loop", TRUTH, "-", "D"),
    "chunked": ("chunked", MAMBA, "-", "^"),
    "hillis_steele": ("Hillis–Steele", SOURCE, "--", "v"),
    "sklansky": ("Sklansky", TRANSFORMER, "-", "<"),
    "blelloch": ("Blelloch", MODEL, "-", ">"),
    "heinsen": ("Heinsen, log space", INK, "-", "x"),
    "log_pairs": ("log pairs", INK, "--", "P"),
    "one_by_one": ("one by one", NEUTRAL, "-", "o"),
}
SCAN_NAMES, SCAN_COLOURS, SCAN_LINES, _ = (
    dict(zip(_SCANS, column)) for column in zip(*_SCANS.values())
)


def scan_style(method: str) -> dict[str, Any]:
    """How the line of a scan looks in every figure: colour, dash, marker and name."""
    look = dict(zip(("label", "color", "linestyle", "marker"), _SCANS[method]))
    return look | {"markersize": 4}


def plot_recurrence(decays: Sequence[float], inputs: Sequence[float]) -> Picture:
    """The states of h_t = a h_{t−1} + b_t for the same inputs b and several constant decays a."""
    figure, (above, below) = new_figure(6.5, 3.4, rows=2, sharex=True, height_ratios=[1, 2])
    positions = range(1, len(inputs) + 1)
    above.bar(positions, inputs, width=0.4, color=SOURCE)
    above.set(ylabel="input b", title="The same inputs, three decays a")
    b = torch.tensor([list(inputs)], dtype=torch.float64)
    last = {}
    for decay, colour, marker in zip(decays, (TARGET, MODEL, TRUTH), "v^o", strict=True):
        h = scan(torch.full_like(b, decay), b)[0].tolist()
        below.plot(positions, h, color=colour, marker=marker, markersize=4, label=f"a = {decay:g}")
        last[decay] = h[-1] / sum(inputs)
    below.set(xlabel="position t", ylabel="state h", xticks=range(1, len(inputs) + 1))
    below.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    kept = ", ".join(f"{share:.0%} with a = {decay:g}" for decay, share in last.items())
    alt = (
        "Bars of a few inputs above; below, three curves that jump at each input and decay"
        " after it, quickly, slowly and hardly."
    )
    reading = f"At the end the state still holds this share of all that came in: {kept}."
    return finish(figure, alt=alt, reading=reading)


def plot_rounds(method: str, length: int, round_shown: int | None = None) -> Picture:
    """Who joins whom: `method` (a key of `PREFIXES`) on `length` positions (2 to 16 are legible),
    drawn up to `round_shown` (all rounds without it).

    Every node names the steps it holds joined; up to 8 positions it shows their pair (a, b), for a
    = ½ and b = 1, 2, 3 … .
    """
    rounds = watch(PREFIXES[method], length)
    shown = len(rounds) if round_shown is None else round_shown
    rows = len(rounds) + 1
    drawing = Drawing(WIDTH, 70 + 54 * rows)
    pitch = min(88.0, 720 / length)
    box = (90, 10, pitch * length, 54 * rows)
    panel = Panel(drawing, box, (0.5, length + 0.5), (rows - 0.5, -0.5))
    place = {(t, t): 0 for t in range(1, length + 1)}  # span → the round that made it last
    nodes = [(span, 0, shown == 0) for span in place]
    for number, joins in enumerate(rounds[:shown], start=1):
        for join in joins:
            _draw_join(panel, join, place, number, fresh=number == shown)
        for join in joins:
            place[join.whole] = number
            nodes.append((join.whole, number, number == shown))
    for span, number, fresh in nodes:  # over the lines
        _draw_node(panel, span, number, length, fresh)
    drawing.text(450, panel.bottom + 44, "position t; black lines: the last round that was done")
    panel.ticks("x", range(1, length + 1))
    panel.ticks("y", range(rows), ["inputs", *(f"round {n}" for n in range(1, rows))])
    known = sum((1, t) in place for t in range(1, length + 1))
    done = "The inputs, each a step (a, b)." if shown == 0 else _joins(len(rounds[shown - 1]))
    alt = (
        f"A drawing of the {SCAN_NAMES[method]} scan on {length} positions: nodes in rows, one"
        " row a round, lines from the two nodes that each new node joins."
    )
    reading = (
        f"{SCAN_NAMES[method]}, round {shown} of {len(rounds)}: {done} {known} of {length}"
        " positions know their state (green)."
    )
    return finish_sketch(drawing, alt=alt, reading=reading)


def _draw_join(
    panel: Panel, join: Join, place: Mapping[Span, int], number: int, fresh: bool
) -> None:
    """Lines from two nodes to the joined one; a value that waits goes round boxes below it."""
    for part in join:
        column, start, goal = part[1], place[part], (join.whole[1], number)
        path: list[Point] = [(column, start), goal]
        if start < number - 1:
            lane = column + (0.46 if column != goal[0] else -0.46)
            path[1:1] = [(lane, start + 0.45), (lane, number - 0.55)]
        look = (INK, 2) if fresh else ("#b5b5b5", 1)
        panel.stroke([panel.at(*point) for point in path], *look)


def _draw_node(panel: Panel, span: Span, number: int, length: int, fresh: bool) -> None:
    """A box with the steps that it holds; those that reach back to the first are green."""
    first, last = span
    colour = TRUTH if first == 1 else SOURCE if first == last else MODEL
    lines = [_name(span)]
    if length <= 8:
        a, b = _joined(span)
        lines.append(f"({a:.2g}, {b:.3g})")
    x, y = panel.at(last, number)
    width, fill = min(80.0, panel.width / length - 6), 0.25 if fresh else 0.0
    panel.drawing.box(x - width / 2, y - 17, width, 34, lines, colour=colour, fill=fill, size=12)


def _joined(span: Span) -> tuple[float, float]:
    """The pair of the steps first … last joined, for a = ½ and b = 1, 2, 3 … ."""
    a, b = 1.0, 0.0
    for t in range(span[0], span[1] + 1):
        a, b = 0.5 * a, 0.5 * b + t
    return a, b


def _joins(number: int) -> str:
    if number == 0:
        return "No joins in this round: what is handed on here has nothing before it."
    return f"{number} {'join' if number == 1 else 'joins, side by side'}."


def plot_work_and_depth(costs: Mapping[str, Mapping[int, Cost]]) -> Picture:
    """Compositions in all (work) and rounds in a row (depth) against length, by method."""
    figure, (left, right) = new_figure(8.5, 3.4, columns=2)
    for method, by_length in costs.items():
        for axis, what in ((left, "work"), (right, "depth")):
            counts = [getattr(cost, what) for cost in by_length.values()]
            axis.loglog(list(by_length), counts, **scan_style(method))
    left.set(xlabel="length L", ylabel="joins in all", title="Work")
    right.set(xlabel="length L", ylabel="rounds, one after the other", title="Depth")
    right.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    longest = max(next(iter(costs.values())))
    loop = costs["one_by_one"][longest]
    parts = [
        f"{SCAN_NAMES[method]} {by_length[longest].work / loop.work:.1f} times the work in"
        f" {by_length[longest].depth} rounds"
        for method, by_length in costs.items()
        if method != "one_by_one"
    ]
    alt = (
        "Two log-log plots against length. Work: all lines rise at least like the loop's,"
        " Hillis–Steele and Sklansky steeper. Depth: the loop rises like the length, chunks"
        " like its root, the trees hardly."
    )
    reading = (
        f"At L = {longest:,} the loop needs {loop.depth:,} rounds. Against it: {'; '.join(parts)}."
    )
    return finish(figure, alt=alt, reading=reading)


def plot_two_sweeps(length: int = 8) -> Picture:
    """Up: boxes of 1, 2, 4 … steps joined. Down: for the same boxes, which steps stand before them.
    Below: each position's past joined with its own step, which is its state.

    `length` is 2, 4 or 8.
    """
    levels = [
        [(first, first + size - 1) for first in range(1, length + 1, size)]
        for size in (2**k for k in range(length.bit_length()))
    ]
    depth = len(levels)
    drawing = Drawing(WIDTH, 14 + ROW * (depth + 1))
    up, down = 20, WIDTH - 20 - PITCH * length
    drawing.text(up + PITCH * length / 2, 14, "up: join what stands side by side", size=SMALL + 1)
    drawing.text(down + PITCH * length / 2, 14, "down: hand on the past", size=SMALL + 1)

    def place(left: float, span: Span, row: int) -> Point:
        return left + PITCH * ((span[0] + span[1]) / 2 - 0.5), 46 + ROW * row

    for row, level in enumerate(levels):  # the leaves stand on top: time runs down the page
        for span in level:
            if row:
                middle = (span[0] + span[1]) // 2
                for child in ((span[0], middle), (middle + 1, span[1])):
                    _line(drawing, place(up, child, row - 1), place(up, span, row), INK)
        for span in level:
            colour = TRUTH if span[0] == 1 else MODEL if row else SOURCE
            _box(drawing, place(up, span, row), _name(span), colour)
    for row, level in enumerate(reversed(levels)):
        for number, span in enumerate(level):
            if row:
                parent = levels[depth - row][number // 2]
                here = place(down, span, row)
                _line(drawing, place(down, parent, row - 1), here, INK if number % 2 else NEUTRAL)
                if number % 2:  # a right child: its left sibling comes from the way up
                    added = f"+ {_name(level[number - 1])}"
                    drawing.text(here[0] + 12, here[1] - HIGH / 2 - 9, added, size=11, colour=MODEL)
    for row, level in enumerate(reversed(levels)):
        for span in level:
            past = (1, span[0] - 1)
            name = _name(past) if past[1] else "none"
            _box(drawing, place(down, span, row), name, TRUTH if past[1] else NEUTRAL, hollow=True)
    for leaf in levels[0]:
        above, here = place(down, leaf, depth - 1), place(down, leaf, depth)
        _line(drawing, above, here, INK)
        drawing.text(here[0] + 12, here[1] - HIGH / 2 - 9, f"+ {leaf[0]}", size=11, colour=SOURCE)
        _box(drawing, here, _name((1, leaf[1])), TRUTH)
    last = place(down, (1, 1), depth)[1]
    drawing.text(down - 16, last, "states: past, then own step", anchor="end")
    alt = (
        "Two trees. Left, going up, boxes of one step are joined to boxes of two, four and"
        " eight. Right, going down, dashed boxes say which steps stand before each of these: a"
        " left child has its parent's past, a right child that and its left sibling. Below,"
        " each past is joined with the position's own step."
    )
    reading = (
        f"{length - 1} joins up; down, each right child joins its left sibling to its parent's"
        f" past; in the last row {length} positions join their own step, and hold their state."
    )
    return finish_sketch(drawing, alt=alt, reading=reading)


def _name(span: Span) -> str:
    return f"{span[0]}" if span[0] == span[1] else f"{span[0]}–{span[1]}"


def _line(drawing: Drawing, start: Point, goal: Point, colour: str) -> None:
    """From the lower edge of one box to the upper edge of another."""
    ends = {"x1": start[0], "y1": start[1] + HIGH / 2, "x2": goal[0], "y2": goal[1] - HIGH / 2}
    drawing.element("line", **ends, stroke=colour, stroke_width=1.2)


def _box(drawing: Drawing, place: Point, name: str, colour: str, hollow: bool = False) -> None:
    x, y = place[0] - BOX / 2, place[1] - HIGH / 2
    fill, dash = (0.0, "4 3") if hollow else (0.25, "")
    drawing.box(x, y, BOX, HIGH, name, colour=colour, fill=fill, size=12, radius=5, dash=dash)
