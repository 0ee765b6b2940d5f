"""Whether the tick labels of a drawn figure are true."""

from __future__ import annotations

from itertools import pairwise

from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator


def number(label: str) -> float | None:
    """What a tick label says, if it is a number."""
    try:
        return float(label.strip("%").replace(",", "").replace("−", "-"))
    except ValueError:
        return None


def untrue(axis: Axis) -> list[str]:
    """What is wrong with the tick labels of a drawn axis: one that says twice the same or another
    number than its tick, or that is printed on its neighbour.
    """
    low, high = sorted(axis.get_view_interval())
    ticks = [
        (tick.get_loc(), tick.label1)
        for tick in axis.get_major_ticks()
        if low <= tick.get_loc() <= high and tick.label1.get_text() and tick.label1.get_visible()
    ]
    complaints = []
    written = [(place, label.get_text(), number(label.get_text())) for place, label in ticks]
    numbers = [(place, value) for place, _, value in written if value is not None]
    if not isinstance(axis.get_major_locator(), FixedLocator) and len(numbers) > 1:
        texts = [text for _, text, value in written if value is not None]
        if len(set(texts)) < len(texts):
            complaints.append(f"a number stands at two ticks: {texts}")
        (first, start), (last, end) = numbers[0], numbers[-1]
        slope = (end - start) / (last - first)
        nearest = min(abs(b - a) for (_, a), (_, b) in pairwise(numbers))
        off = max(abs(start + slope * (place - first) - value) for place, value in numbers)
        if off > 0.02 * nearest:
            complaints.append(f"ticks at {[place for place, _ in numbers]} are labelled {texts}")
    boxes = [label.get_window_extent() for _, label in ticks if label.get_rotation() in (0.0, 90.0)]
    for (one, other), (_, label) in zip(pairwise(boxes), ticks[1:], strict=False):
        across = min(one.x1, other.x1) - max(one.x0, other.x0)
        down = min(one.y1, other.y1) - max(one.y0, other.y0)
        if across > 3 and down > 3:
            complaints.append(f"{label.get_text()!r} is printed on its neighbour")
    return complaints


def check_ticks(figure: Figure) -> None:
    """Raise AssertionError where a tick label of the drawn `figure` is not true."""
    for number_of_axis, axis in enumerate(figure.axes):
        for name in ("xaxis", "yaxis"):
            if axis.axison and (complaints := untrue(getattr(axis, name))):
                raise AssertionError(f"{name} of panel {number_of_axis}: {'; '.join(complaints)}")
