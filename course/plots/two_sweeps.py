"""Blelloch's scan as two trees beside each other: what is joined on the way up, and what stands
before each box on the way down.
"""

from __future__ import annotations

from course.plots.sketch import SMALL, WIDTH, finish_sketch
from course.plots.style import INK, MODEL, NEUTRAL, SOURCE, TRUTH, Picture
from course.plots.svg import Drawing

Span = tuple[int, int]
ROW, PITCH, BOX, HIGH = 62, 46, 42, 26  # pixels: of a row, from leaf to leaf, and of a box


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
    drawing = Drawing(WIDTH, 14 + ROW * (depth + 1), "", "")
    up, down = 20, WIDTH - 20 - PITCH * length
    drawing.text(up + PITCH * length / 2, 14, "up: join what stands side by side", size=SMALL + 1)
    drawing.text(down + PITCH * length / 2, 14, "down: hand on the past", size=SMALL + 1)

    def place(left: float, span: Span, row: int) -> tuple[float, float]:
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
    drawing.text(
        down - 16, place(down, (1, 1), depth)[1], "states: past, then own step", anchor="end"
    )
    return finish_sketch(
        drawing,
        alt=(
            "Two trees. Left, going up, boxes of one step are joined to boxes of two, four and"
            " eight. Right, going down, dashed boxes say which steps stand before each of these: a"
            " left child has its parent's past, a right child that and its left sibling. Below,"
            " each past is joined with the position's own step."
        ),
        reading=(
            f"{length - 1} joins up; down, each right child joins its left sibling to its parent's"
            f" past; in the last row {length} positions join their own step, and hold their state."
        ),
    )


def _name(span: Span) -> str:
    return f"{span[0]}" if span[0] == span[1] else f"{span[0]}–{span[1]}"


def _line(
    drawing: Drawing, start: tuple[float, float], goal: tuple[float, float], colour: str
) -> None:
    """From the lower edge of one box to the upper edge of another."""
    drawing.parts.append(
        f'<line x1="{start[0]:g}" y1="{start[1] + HIGH / 2:g}" x2="{goal[0]:g}"'
        f' y2="{goal[1] - HIGH / 2:g}" stroke="{colour}" stroke-width="1.2"/>'
    )


def _box(
    drawing: Drawing, place: tuple[float, float], name: str, colour: str, hollow: bool = False
) -> None:
    x, y = place[0] - BOX / 2, place[1] - HIGH / 2
    fill, dash = (0.0, "4 3") if hollow else (0.25, "")
    drawing.box(x, y, BOX, HIGH, name, colour=colour, fill=fill, size=12, radius=5, dash=dash)
