"""The circuit that spells Pig Latin, with a measured number on each edge."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from course.plots.colours import INK, MODEL, NEUTRAL, SOURCE, TARGET, TRANSFORMER, TRUTH
from course.plots.sketch import SMALL, WIDTH, finish_sketch
from course.plots.style import Picture
from course.plots.svg import Drawing, Point

HEIGHT = 500


@dataclass(frozen=True)
class Edge:
    """The share of cases in which an experiment on an edge of the circuit has the effect that it
    should have, and that of a control that should have none; `beside` says what the second is.
    """

    share: float
    control: float
    beside: str = "control"


# Boxes: left, top, width, height, colour, and lines.
_BOXES: Mapping[str, tuple[float, float, float, float, str, Sequence[str]]] = {
    "source": (16, 150, 116, 58, SOURCE, ("the word", "s t r e e t")),
    "marks": (206, 40, 188, 62, TRANSFORMER, ("first-vowel head", "“a vowel came", "before me”")),
    "before": (206, 140, 188, 62, TRANSFORMER, ("previous-letter heads", "“e came", "before me”")),
    "itself": (206, 240, 188, 46, TRANSFORMER, ("the letter itself", "“I am t”")),
    "written": (16, 382, 116, 58, TARGET, ("written so far", "e e")),
    "memory": (206, 382, 188, 58, TRANSFORMER, ("self-attention", "“where I am”")),
    "cross": (540, 150, 126, 84, MODEL, ("cross-attention", "last layer,", "all heads")),
    "mlp": (702, 150, 100, 84, MODEL, ("feed-forward", "last layer")),
    "letter": (702, 300, 100, 56, TARGET, ("next letter", "t")),
}  # fmt: skip
LEGEND = (
    "bold: share of the cases;",
    "of values: from the weights,",
    "self-attention: points lost,",
    "feed-forward: part of the way",
)


def plot_circuit(edges: Mapping[str, Edge], heads: Mapping[str, str], reading: str) -> Picture:
    """Boxes for the parts, an arrow for each way on which something is passed on; on it the share
    of cases that its experiment changed and, below, that of its control.

    Args:
        edges: "marks → keys", "before → keys", "letter → values", "memory → query", "written →
            query", "cross → letter", "feed-forward → letter".
        heads: for "marks" and "before" which heads they are, such as "encoder 0, head 2".
    """
    drawing = Drawing(WIDTH, HEIGHT)
    drawing.text(300, 20, "encoder", size=14, colour=NEUTRAL)
    drawing.text(300, 362, "decoder", size=14, colour=NEUTRAL)
    for name, (left, top, width, height, colour, lines) in _BOXES.items():
        drawing.box(left, top, width, height, lines, colour=colour, size=12.5)
        if name in heads:
            middle = left + width / 2
            drawing.text(middle, top + height + 11, heads[name], size=11, colour=NEUTRAL)
    for goal in ("marks", "before", "itself"):
        drawing.arrow((132, 179), (169, 179), (169, _middle(goal)), (206, _middle(goal)))
    drawing.arrow((132, 411), (206, 411))
    drawing.arrow((666, 192), (702, 192))
    ways: dict[str, tuple[list[Point], Point, str]] = {
        "marks → keys": ([(394, 71), (603, 71), (603, 150)], (486, 71), "keys"),
        "before → keys": ([(394, 171), (540, 171)], (462, 171), "keys"),
        "letter → values": ([(394, 263), (516, 263), (516, 214), (540, 214)], (446, 263), "values"),
        "memory → query": ([(394, 411), (586, 411), (586, 234)], (476, 411), "query"),
        "written → query": (
            [(74, 440), (74, 474), (620, 474), (620, 234)], (286, 474), "query, by the last letter"
        ),
        "cross → letter": ([(648, 234), (648, 328), (702, 328)], (652, 356), ""),
        "feed-forward → letter": ([(722, 234), (722, 300)], (732, 262), ""),
    }  # fmt: skip
    for name, way in ways.items():
        _edge(drawing, edges[name], *way)
    for row, line in enumerate(LEGEND):
        drawing.text(800, 408 + 16 * row, line, size=11, colour=NEUTRAL, anchor="end")
    told = "; ".join(
        f"{name}: {e.share:.0%}, {e.beside} {e.control:.0%}" for name, e in edges.items()
    )
    alt = (
        "A circuit. The word's letters go to the first-vowel head, the previous-letter heads, and"
        " straight on; the first two reach the keys of cross-attention, the letter itself its"
        " values. What was written so far reaches the query, by the last letter and by decoder"
        " self-attention. Cross-attention writes the next letter, and the feed-forward layer"
        f" behind it adds to that. Numbers: {told}."
    )
    return finish_sketch(drawing, alt=alt, reading=reading)


def _middle(box: str) -> float:
    return _BOXES[box][1] + _BOXES[box][3] / 2


def _edge(drawing: Drawing, edge: Edge, path: Sequence[Point], at: Point, name: str) -> None:
    """An arrow as wide as its share, its number above it and its control below."""
    drawing.arrow(*path, colour=INK, width=1.4 + 2.6 * edge.share)
    x, y = at
    share, control = (f"{round(one, 2) + 0:.0%}" for one in (edge.share, edge.control))
    if name:
        drawing.text(x - 4, y - 14, share, size=15, bold=True, anchor="end")
        drawing.text(x + 2, y - 14, name, size=SMALL, colour=TRUTH, anchor="start")
    else:
        drawing.text(x, y - 6, share, size=15, bold=True, anchor="start")
    control = f"{edge.beside} {control}".replace("-", "−")
    drawing.text(x, y + 13, control, size=11, colour=NEUTRAL, anchor="middle" if name else "start")
