"""What diagrams are made of: letter tiles, operations, cells of a matrix, curves between them."""

from collections.abc import Sequence
from pathlib import Path

from course.plots.style import INK
from course.plots.svg import Drawing, Point, tint
from nmt.files import write_whole


class Diagram(Drawing):
    """A drawing with the signs that diagrams share; `save` writes it as an SVG file."""

    def curve(
        self, start: Point, end: Point, *, colour: str, width: float = 2.2, dash: str = ""
    ) -> None:
        """A smooth line that leaves and arrives vertically."""
        middle = (start[1] + end[1]) / 2
        path = (
            f"M{start[0]:g},{start[1]:g} C{start[0]:g},{middle:g} {end[0]:g},{middle:g}"
            f" {end[0]:g},{end[1]:g}"
        )
        look = {"stroke": colour, "stroke_width": width, "stroke_dasharray": dash}
        self.element("path", d=path, fill="none", **look)

    def symbol(self, x: float, y: float, operation: str, *, colour: str = INK) -> None:
        """An operation, such as + or ×, in a circle."""
        self.element("circle", cx=x, cy=y, r=11, fill="#ffffff", stroke=colour, stroke_width=1.6)
        ends = [((-5.5, 0), (5.5, 0)), ((0, -5.5), (0, 5.5))]
        if operation != "+":
            ends = [((-4.2, -4.2), (4.2, 4.2)), ((-4.2, 4.2), (4.2, -4.2))]
        for (x1, y1), (x2, y2) in ends:
            path = f"M{x + x1:g},{y + y1:g} L{x + x2:g},{y + y2:g}"
            self.element("path", d=path, stroke=colour, stroke_width=1.8, stroke_linecap="round")

    def letters(
        self,
        x: float,
        y: float,
        tokens: Sequence[str],
        colour: str,
        *,
        size: float = 30,
        gap: float = 4,
    ) -> list[float]:
        """A row of letter tiles centred at (x, y); the middles of the tiles, from left to right."""
        pitch = size + gap
        left = x - pitch * (len(tokens) - 1) / 2
        middles = [left + i * pitch for i in range(len(tokens))]
        for middle, token in zip(middles, tokens):
            corner = middle - size / 2, y - size / 2
            self.box(*corner, size, size, colour=colour, fill=0.14, radius=5)
            plain = len(token) == 1
            self.text(middle, y, token, size=size * (0.55 if plain else 0.3), bold=plain)
        return middles

    def cell(
        self, x: float, y: float, size: float, colour: str, share: float, label: str = ""
    ) -> None:
        """One square of a matrix, the darker the larger `share` in [0, 1]."""
        look = {"fill": tint(colour, share), "stroke": "#ffffff", "stroke_width": 1.5}
        self.element("rect", x=x, y=y, width=size, height=size, **look)
        if label:
            ink = "#ffffff" if share > 0.6 else INK
            self.text(x + size / 2, y + size / 2, label, size=size * 0.4, colour=ink)

    def save(self, path: Path) -> None:
        """Write the diagram as an SVG file."""
        write_whole(path, self.to_svg().encode())
