"""A pencil for diagrams and explorers: SVG on a white card that reads in both themes."""

from collections.abc import Sequence
from html import escape
from typing import Any

from course.plots.colours import INK, NEUTRAL

FONT = "'DejaVu Sans', Verdana, 'Segoe UI', Arial, sans-serif"
Point = tuple[float, float]


def tint(colour: str, share: float) -> str:
    """`colour` ("#rrggbb") mixed with white: 0 is white, 1 the colour itself."""
    channels = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(255 + share * (channel - 255)):02x}" for channel in channels)


class Drawing:
    """A diagram in pixels; `title` names it, `description` is for those who do not see it."""

    def __init__(self, width: int, height: int, title: str = "", description: str = "") -> None:
        self.width, self.height, self.title, self.description = width, height, title, description
        self.parts: list[str] = []

    def element(self, tag: str, content: str = "", /, **attributes: Any) -> None:
        """One element of SVG; `_` in the name of an attribute stands for `-`, and one that is empty
        is left out.
        """
        listed = "".join(
            f' {name.replace("_", "-")}="{value if isinstance(value, str) else f"{value:g}"}"'
            for name, value in attributes.items()
            if value != ""
        )
        self.parts.append(f"<{tag}{listed}>{content}</{tag}>" if content else f"<{tag}{listed}/>")

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        lines: str | Sequence[str] = (),
        *,
        colour: str = NEUTRAL,
        fill: float = 0.12,
        size: float = 14,
        radius: float = 7,
        dash: str = "",
    ) -> None:
        """A box with its corner at (x, y); its first line is strong, the others explain."""
        self.element(
            "rect", x=x, y=y, width=width, height=height, rx=radius,
            fill=tint(colour, fill), stroke=colour, stroke_width=1.4, stroke_dasharray=dash,
        )  # fmt: skip
        rows = [lines] if isinstance(lines, str) else list(lines)
        leading = size * 1.3
        top = y + height / 2 - leading * (len(rows) - 1) / 2 + 1.5 * (len(rows) > 1)
        for row, line in enumerate(rows):
            strong = row == 0 and len(rows) > 1
            height_of_line = size if row == 0 else size - 2.5
            self.text(x + width / 2, top + row * leading, line, size=height_of_line, bold=strong)

    def text(
        self,
        x: float,
        y: float,
        line: str,
        *,
        size: float = 13,
        colour: str = INK,
        anchor: str = "middle",
        bold: bool = False,
        turn: float = 0,
    ) -> None:
        """A line of text whose middle stands at height y, turned about (x, y) by `turn` degrees."""
        self.element(
            "text", escape(line), x=x, y=y + size * 0.35, font_size=size, fill=colour,
            text_anchor=anchor, font_weight="bold" if bold else "",
            transform=f"rotate({turn:g} {x:g} {y:g})" if turn else "",
        )  # fmt: skip

    def arrow(
        self,
        *points: Point,
        colour: str = INK,
        head: bool = True,
        width: float = 1.8,
        dash: str = "",
        radius: float = 8,
    ) -> None:
        """A line through `points` with rounded corners, and a head at its end."""
        path = f"M{points[0][0]:g},{points[0][1]:g}"
        for before, corner, after in zip(points, points[1:], points[2:]):
            into, out = _towards(corner, before, radius), _towards(corner, after, radius)
            path += f" L{into[0]:g},{into[1]:g} Q{corner[0]:g},{corner[1]:g} {out[0]:g},{out[1]:g}"
        end = _towards(points[-1], points[-2], 6) if head else points[-1]
        path += f" L{end[0]:g},{end[1]:g}"
        look = {"stroke": colour, "stroke_width": width, "stroke_dasharray": dash}
        self.element("path", d=path, fill="none", **look)
        if head:
            self._head(points[-2], points[-1], colour)

    def dot(self, x: float, y: float, colour: str = INK) -> None:
        """Where a line branches."""
        self.element("circle", cx=x, cy=y, r=3.2, fill=colour)

    def to_svg(self) -> str:
        """The whole diagram, with its title and description inside."""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}"'
            f' width="{self.width}" height="{self.height}" role="img" aria-labelledby="title'
            f' description" font-family="{FONT}">\n<title'
            f' id="title">{escape(self.title)}</title>\n<desc'
            f' id="description">{escape(self.description)}</desc>\n<rect x="0.5" y="0.5"'
            f' width="{self.width - 1}" height="{self.height - 1}" rx="12" fill="#ffffff"'
            ' stroke="#d9d9d9"/>\n' + "\n".join(self.parts) + "\n</svg>\n"
        )

    def _head(self, before: Point, tip: Point, colour: str) -> None:
        (x, y), (bx, by) = tip, _towards(tip, before, 9)
        across = ((by - y) / 9 * 4.5, (x - bx) / 9 * 4.5)
        corners = (
            f"{x:g},{y:g} {bx + across[0]:g},{by + across[1]:g}"
            f" {bx - across[0]:g},{by - across[1]:g}"
        )
        self.element("polygon", points=corners, fill=colour)


def _towards(start: Point, goal: Point, distance: float) -> Point:
    """The point `distance` from `start` on the way to `goal`, at most half of the way."""
    (x, y), (gx, gy) = start, goal
    length = ((gx - x) ** 2 + (gy - y) ** 2) ** 0.5
    share = min(distance / length, 0.5) if length else 0.0
    return x + (gx - x) * share, y + (gy - y) * share
