"""Bars that lie across a panel of a sketch, with their lengths in words."""

from collections.abc import Collection, Sequence

from course.plots.colours import NEUTRAL
from course.plots.sketch import Panel


def draw_bars_across(
    panel: Panel,
    places: Sequence[float],
    lengths: Sequence[float],
    colours: str | Sequence[str],
    notes: Sequence[str],
    *,
    thick: float = 0.8,
    hatched: Collection[int] = (),
) -> None:
    """A bar from 0 to the right at each of `places` on the y axis, a note at its end.

    Args:
        panel: whose y axis is linear; places and lengths are in its coordinates.
        colours: one for all, or one for each.
        thick: a bar's share of the distance from a place to the next whole number.
        hatched: numbers of bars with stripes.
    """
    each = [colours] * len(lengths) if isinstance(colours, str) else colours
    for number, (place, length) in enumerate(zip(places, lengths, strict=True)):
        x0, middle = panel.at(0, place)
        x1, edge = panel.at(length, place - thick / 2)
        half = abs(middle - edge)
        size = {"width": x1 - x0, "height": 2 * half}
        panel.drawing.element("rect", x=x0, y=middle - half, **size, fill=each[number])
        if number in hatched:
            for step in range(int((x1 - x0) // 7)):
                left = x0 + 7 * step
                panel.stroke([(left, middle + half), (left + 7, middle - half)], "#ffffff", 1.6)
        panel.drawing.text(x1 + 6, middle, notes[number], size=11, colour=NEUTRAL, anchor="start")
