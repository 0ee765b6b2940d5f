"""Figures of explorers, written as SVG in a millisecond where matplotlib takes a hundred."""

import base64
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from matplotlib import colormaps
from PIL import Image

from course.plots.colours import INK, NEUTRAL, SEQUENTIAL, ink_on, shade
from course.plots.style import Picture
from course.plots.svg import Drawing, Point

WIDTH = 816  # pixels: the width of a page of text in JupyterLab
GRID = "#e3e3e3"
SMALL = 12  # pixels
Limits = tuple[float, float]


@dataclass(frozen=True)
class Zone:
    """Where a pointer on a figure sets controls of its explorer, in pixels of the drawing.

    `sets` names for the direction "x" or "y" a control by its description, and what the two edges
    of the box stand for: the lower one first. Of two zones that hold the pointer, the one whose
    handle is nearer takes it.
    """

    box: tuple[float, float, float, float]  # left, top, width, height
    sets: Mapping[str, tuple[str, float, float]]
    handle: Point = (0.0, 0.0)


def finish_sketch(
    drawing: Drawing, *, alt: str, reading: str, zones: Sequence[Zone] = ()
) -> Picture:
    """Bind a drawing to its words, and to the places that answer a pointer."""

    def draw(kind: str) -> bytes:
        if kind != "svg":
            raise ValueError(f"a sketch is saved as .svg, not as .{kind}")
        drawing.title, drawing.description = reading, alt
        return drawing.to_svg().encode()

    touch = json.dumps([asdict(zone) for zone in zones]) if zones else ""
    return Picture(b"", draw, drawing.width, alt, reading, touch)


class Panel:
    """A rectangle of a drawing with coordinates of its own.

    Args:
        drawing: where it stands.
        box: left, top, width and height, in pixels.
        x, y: what its left and right, bottom and top edges stand for.
        log: the axes ("", "x", "y" or "xy") that are logarithmic.
    """

    def __init__(
        self,
        drawing: Drawing,
        box: tuple[float, float, float, float],
        x: Limits,
        y: Limits,
        log: str = "",
    ) -> None:
        self.drawing, self.log = drawing, log
        self.left, self.top, self.width, self.height = box
        self.right, self.bottom = self.left + self.width, self.top + self.height
        self._x, self._y = self._scale(x, "x"), self._scale(y, "y")

    def at(self, x: float, y: float) -> Point:
        """The pixel of a point."""
        return (
            round(self.left + self.width * self._x(x), 2),
            round(self.bottom - self.height * self._y(y), 2),
        )

    def title(self, line: str) -> None:
        """A line above the panel."""
        self.drawing.text(self.left + self.width / 2, self.top - 14, line, size=14)

    def axes(self, x: str, y: str, *, colours: tuple[str, str] = (INK, INK), gap: int = 0) -> None:
        """The left and the lower edge and what they mean; `gap`: room for wide ticks."""
        self.stroke([(self.left, self.top), (self.left, self.bottom), (self.right, self.bottom)])
        across, down = self.left + self.width / 2, self.top + self.height / 2
        self.drawing.text(across, self.bottom + 46, x, colour=colours[0])
        self.drawing.text(self.left - 46 - gap, down, y, colour=colours[1], turn=-90)

    def ticks(
        self,
        which: str,
        places: Sequence[float],
        labels: Sequence[str] | None = None,
        colours: str | Sequence[str] = INK,
        *,
        grid: bool = False,
        size: float = SMALL,
    ) -> None:
        """Labels at `places` of the "x" or "y" axis, or their numbers; long ones below the x axis
        are turned.
        """
        labels = [show(place) for place in places] if labels is None else labels
        each = [colours] * len(labels) if isinstance(colours, str) else colours
        for place, label, colour in zip(places, labels, each, strict=True):
            x, y = self.at(place, math.nan) if which == "x" else self.at(math.nan, place)
            if which == "x":
                if grid:
                    self.stroke([(x, self.top), (x, self.bottom)], GRID)
                turned = len(label) > 1 and not label[0].isdigit() and label[0] not in "−½¼"
                below = self.bottom + (8 if turned else 14)
                self.drawing.text(
                    x, below, label, size=size, colour=colour,
                    anchor="end" if turned else "middle", turn=-60 if turned else 0,
                )  # fmt: skip
            else:
                if grid:
                    self.stroke([(self.left, y), (self.right, y)], GRID)
                self.drawing.text(self.left - 7, y, label, size=size, colour=colour, anchor="end")

    def line(self, xs: Sequence[float], ys: Sequence[float], colour: str, **look: Any) -> None:
        """Through the points, as far as they lie between the upper and the lower edge."""
        self.stroke([self._clipped(x, y) for x, y in zip(xs, ys, strict=True)], colour, **look)

    def stroke(
        self, pixels: Sequence[Point], colour: str = NEUTRAL, width: float = 1, dash: str = ""
    ) -> None:
        """A line through pixels of the drawing."""
        path = " ".join(f"{x:g},{y:g}" for x, y in pixels)
        look = {"stroke": colour, "stroke_width": width, "stroke_dasharray": dash}
        self.drawing.element("polyline", points=path, fill="none", **look, stroke_linejoin="round")

    def area(self, points: Sequence[Point], colour: str, opacity: float = 0.25) -> None:
        """A filled outline, in the panel's own coordinates."""
        path = " ".join("{:g},{:g}".format(*self._clipped(x, y)) for x, y in points)
        self.drawing.element("polygon", points=path, fill=colour, fill_opacity=opacity)

    def dots(
        self,
        xs: Sequence[float],
        ys: Sequence[float],
        colour: str,
        corners: int = 0,
        size: float = 4,
    ) -> None:
        """A mark at each point: a disc, or a polygon with so many corners."""
        for x, y in zip(xs, ys, strict=True):
            across, down = self.at(x, y)
            if not self.top - 1 <= down <= self.bottom + 1:
                continue
            if not corners:
                self.drawing.element("circle", cx=across, cy=down, r=size, fill=colour)
                continue
            turns = [2 * math.pi * (c + (corners == 4) / 2) / corners for c in range(corners)]
            reach = 1.25 * size
            ends = [(across + reach * math.sin(t), down - reach * math.cos(t)) for t in turns]
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in ends)
            self.drawing.element("polygon", points=path, fill=colour)

    def bars(
        self,
        heights: Sequence[float],
        colours: str | Sequence[str],
        *,
        width: float = 0.8,
        hatched: Sequence[int] = (),
    ) -> None:
        """A bar at 0, 1, 2 …, from 0; those of `hatched` have stripes."""
        each = [colours] * len(heights) if isinstance(colours, str) else colours
        for place, (height, colour) in enumerate(zip(heights, each, strict=True)):
            x0, y0 = self._clipped(place - width / 2, height)
            x1, y1 = self.at(place + width / 2, 0)
            self._rectangle((x0, y0), (x1, y1), colour)
            if place in hatched:
                for step in range(int((y1 - y0) // 7)):
                    low = y1 - 7 * step
                    self.stroke([(x0, low), (x1, low - 7)], "#ffffff", 1.6)

    def cells(
        self,
        table: Sequence[Sequence[float]],
        *,
        limits: Limits = (0.0, 1.0),
        colours: str = SEQUENTIAL,
        write: Callable[[float], str] | None = None,
    ) -> None:
        """A heat map: row 0 on top, cell (row, column) round (column, row); `write` puts numbers
        into the cells.
        """
        for row, values in enumerate(table):
            for column, value in enumerate(values):
                x0, y0 = self.at(column - 0.5, row - 0.5)
                x1, y1 = self.at(column + 0.5, row + 0.5)
                colour = shade(value, limits, colours)
                self._rectangle((x0, y0), (x1, y1), colour, stroke=GRID)
                if write:
                    middle, ink = ((x0 + x1) / 2, (y0 + y1) / 2), ink_on(colour)
                    self.drawing.text(*middle, write(value), size=11, colour=ink)

    def image(
        self, table: Sequence[Sequence[float]], limits: Limits, colours: str = SEQUENTIAL
    ) -> None:
        """A heat map of many cells, as one picture whose pixels are the cells."""
        low, high = limits
        share = (np.asarray(table, dtype=float) - low) / (high - low)
        pixels = colormaps[colours](share.clip(0, 1), bytes=True)
        content = io.BytesIO()
        Image.fromarray(pixels[..., :3].copy()).save(content, format="png")
        self.drawing.element(
            "image", x=self.left, y=self.top, width=self.width, height=self.height,
            preserveAspectRatio="none", style="image-rendering:pixelated",
            href=f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}",
        )  # fmt: skip

    def frame(self, row: float, column: float, colour: str, *, columns: int = 1) -> None:
        """An outline round cells of a heat map."""
        corners = self.at(column - 0.5, row - 0.5), self.at(column + columns - 0.5, row + 0.5)
        self._rectangle(*corners, "none", stroke=colour, stroke_width=2.5)

    def _rectangle(self, corner: Point, other: Point, colour: str, **line: Any) -> None:
        (x, y), (right, below) = corner, other
        size = {"width": right - x, "height": max(below - y, 0)}
        self.drawing.element("rect", x=x, y=y, **size, fill=colour, **line)

    def _clipped(self, x: float, y: float) -> Point:
        across, down = self.at(x, y)
        return across, min(max(down, self.top), self.bottom)

    def _scale(self, limits: Limits, way: str) -> Callable[[float], float]:
        low, high = map(math.log, limits) if way in self.log else limits
        own = math.log if way in self.log else float
        return lambda value: (own(value) - low) / (high - low)


def steps_of(low: float, high: float, count: int = 5) -> list[float]:
    """At most `count` + 1 round numbers in reach, 1, 2 or 5 times a power of ten apart."""
    rough = (high - low) / count or 1.0
    power = 10 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(step * n, 10) for n in range(first, math.floor(high / step + 1e-9) + 1)]


def powers_of_ten(low: float, high: float) -> list[float]:
    """The powers of ten from `low` to `high`, for a logarithmic axis."""
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    return [10.0**power for power in range(first, last + 1)]


def log_steps(
    low: float, high: float, factors: Sequence[int] = (1, 2, 5), most: float = math.inf
) -> list[float]:
    """The `factors` of each power of ten from `low` to `high`; the powers alone if there are more
    than `most`.
    """
    steps = [factor * ten for ten in powers_of_ten(low / 10, high) for factor in factors]
    steps = [step for step in steps if low <= step <= high]
    return steps if len(steps) <= most else powers_of_ten(low, high)


def show(value: float) -> str:
    """A tick's number, with a minus of full length."""
    return f"{value:,.6g}".replace("-", "−")


def legend(
    drawing: Drawing, entries: Sequence[tuple[str, str, str]], x: float, y: float, across: float = 0
) -> None:
    """(label, colour, dash) below each other from (x, y), or `across` pixels apart in a row."""
    for number, (label, colour, dash) in enumerate(entries):
        left, height = (x + across * number, y) if across else (x, y + 20 * number)
        ends = {"x1": left, "x2": left + 24, "y1": height, "y2": height}
        drawing.element("line", **ends, stroke=colour, stroke_width=3, stroke_dasharray=dash)
        drawing.text(left + 30, height, label, size=SMALL, anchor="start")
