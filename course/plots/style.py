"""The one figure style, and a `Picture` with its own words."""

import base64
import html
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course.plots.colours import INK, NEUTRAL, SOURCE, TARGET
from course.plots.colours import MAMBA as MAMBA  # diagrams take their colours from here
from course.plots.colours import TRUTH as TRUTH
from nmt.files import write_whole

_STYLE: Any = {
    "figure.facecolor": "white",  # an opaque card: the same contrast in a light and a dark theme
    "axes.facecolor": "white",
    "axes.edgecolor": NEUTRAL,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11,
    "axes.labelsize": 10,
    "font.family": "DejaVu Sans",  # shipped with matplotlib, so figures look alike everywhere
    "font.size": 10,
    "legend.frameon": False,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "svg.fonttype": "path",
    "svg.hashsalt": "nmt",
}

_OPTIONS: Any = {  # of `savefig`, by format: what makes files the same on every run, and small
    "svg": {"metadata": {"Date": None, "Creator": None}},
    "png": {"metadata": {"Software": None}},
    # more effort than this takes longer to draw and saves one byte in a hundred
    "webp": {"pil_kwargs": {"lossless": True, "method": 2, "quality": 30}},
}


@dataclass(frozen=True)
class Picture:
    """A finished figure with the words that belong to it.

    `reading` is one sentence that says what to see, computed from the plotted numbers where
    possible. `alt` describes the figure to a reader who does not see it. Notebooks show the image
    with both; `str(picture)` is the reading, so that stored text outputs can be compared from run
    to run.
    """

    webp: bytes  # empty for a sketch, which is SVG alone
    draw: Callable[[str], bytes] = field(repr=False, compare=False)  # by format: "svg", "png"
    width: int
    alt: str
    reading: str
    touch: str = ""  # what a pointer on it sets in an explorer, see `course.plots.sketch.Zone`

    def __post_init__(self) -> None:
        if not self.alt.strip() or not self.reading.strip():
            raise ValueError("a picture needs alt text and a one-sentence reading")

    def __repr__(self) -> str:
        return f"Figure. {self.reading}"

    @cached_property
    def svg(self) -> str:
        """The figure as SVG, for files."""
        return self.draw("svg").decode()

    def to_html(self) -> str:
        """An `<img>` with alt text and caption, self-contained, also for `ipywidgets.HTML`."""
        kind, image = ("webp", self.webp) if self.webp else ("svg+xml", self.draw("svg"))
        data = base64.b64encode(image).decode()
        touch = f' data-touch="{html.escape(self.touch, quote=True)}"' if self.touch else ""
        return (
            f'<figure style="margin:0"><img alt="{html.escape(self.alt, quote=True)}"'
            f' width="{self.width}"{touch} '
            'style="max-width:100%;height:auto;background:#fff;border-radius:6px"'
            f' src="data:image/{kind};base64,{data}">'
            f"<figcaption>{html.escape(self.reading)}</figcaption></figure>"
        )

    def _repr_html_(self) -> str:
        return self.to_html()

    def save(self, path: str | Path) -> None:
        """Write the figure as `.svg` or `.png`, by the ending of `path`."""
        path = Path(path)
        if path.suffix not in (".svg", ".png"):
            raise ValueError(
                f"{path.name}: a picture is saved as .svg or .png, not"
                f" {path.suffix or 'without an ending'}"
            )
        write_whole(path, self.draw(path.suffix[1:]))


def new_figure(
    width: float = 7.0, height: float = 3.5, rows: int = 1, columns: int = 1, **options: Any
) -> tuple[Figure, Any]:
    """A figure of `width` × `height` inches in the course's style, with its axes (one, or an array
    as in `subplots`).

    It belongs to no global state (no pyplot), so nothing leaks between cells.
    """
    with rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        return figure, figure.subplots(rows, columns, **options)


def new_panels(
    count: int, across: int, width: float, height: float, **options: Any
) -> tuple[Figure, Any]:
    """A figure of `count` panels, each `width` × `height` inches, at most `across` in a row, and
    their axes as an array of rows; places without a panel stay empty.
    """
    columns = min(across, count)
    rows = -(-count // columns)
    size = (width * columns, height * rows)
    figure, axes = new_figure(*size, rows, columns, squeeze=False, **options)
    for axis in axes.flat[count:]:
        axis.set_axis_off()
    return figure, axes


def finish(figure: Figure, *, alt: str, reading: str) -> Picture:
    """Render `figure` for notebooks (when asked for, also as SVG or PNG for files), and bind it to
    its words.

    Notebooks hold lossless WebP: bit for bit the same picture as PNG in two fifths of the bytes.
    """

    def draw(kind: str) -> bytes:
        content = io.BytesIO()
        with rc_context(_STYLE):
            figure.savefig(content, format=kind, dpi=144, **_OPTIONS[kind])
        return content.getvalue()

    return Picture(draw("webp"), draw, round(figure.get_figwidth() * 96), alt, reading)


def label_letters(axis: Axes, which: str, letters: Sequence[str], colour: str = "") -> None:
    """A letter at every tick of the "x" (source) or "y" (target) axis, in that colour."""
    colour = colour or (SOURCE if which == "x" else TARGET)
    set_ticks = axis.set_xticks if which == "x" else axis.set_yticks
    set_ticks(range(len(letters)), list(letters))
    for label in axis.get_xticklabels() if which == "x" else axis.get_yticklabels():
        label.set_color(colour)
