"""What figures share: axes whose labels are true, dots in rows, bars by group, heat maps with
numbers in their cells, and tables shaded by them.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from matplotlib.ticker import Formatter, FuncFormatter, NullFormatter, NullLocator
from torch import Tensor

from course.plots.colours import DIVERGING, SEQUENTIAL, ink_on

Way = Literal["x", "y"]
ROOM = 0.07  # of a logarithmic axis: the least distance of two labels that don't touch


class Percent(Formatter):
    """Shares as percent, with as many decimals as the ticks need: 2.5% never stands as 2%."""

    def format_ticks(self, values: Iterable[float]) -> list[str]:
        ticks = [100 * value for value in values]
        needed = (d for d in range(6) if all(abs(t - round(t, d)) < 1e-7 for t in ticks))
        decimals = next(needed, 6)
        return [f"{tick:z.{decimals}f}%" for tick in ticks]

    def __call__(self, value: float, _place: int | None = None) -> str:
        return self.format_ticks([value])[0]


def percent_axis(
    axis: Axes, which: Way, label: str, *, whole: bool = False, steps: int = 0
) -> None:
    """An axis of shares, in percent; `whole` shows all from 0 to 100%, `steps` cut that in as many
    parts, with a tick at each end.
    """
    line = axis.xaxis if which == "x" else axis.yaxis
    line.set_major_formatter(Percent())
    line.set_label_text(label)
    if whole:
        axis.set(**{f"{which}lim": (-0.02, 1.05)})
    if steps:
        line.set_ticks([step / steps for step in range(steps + 1)])


def log_axis(axis: Axes, which: Way, places: Iterable[float] = ()) -> None:
    """A logarithmic axis with plain numbers: 1,000 and 0.01 instead of powers of ten.

    With `places` the ticks stand there alone. Of those that lie too near to each other some stay
    without a number, so that none is printed on another.
    """
    line = axis.xaxis if which == "x" else axis.yaxis
    axis.set(**{f"{which}scale": "log"})
    line.set_minor_formatter(NullFormatter())
    ticks = sorted(set(places))
    if not ticks:
        line.set_major_formatter(FuncFormatter(lambda value, _place: _plain(value)))
        return
    line.set_minor_locator(NullLocator())
    labelled = spaced(ticks)
    line.set_ticks(ticks, [_plain(tick) if tick in labelled else "" for tick in ticks])


def spaced(ticks: Sequence[float], room: float = ROOM, *, log: bool = True) -> list[float]:
    """Of the sorted `ticks` of a logarithmic (or plain) axis those that have room for a number:
    first, last, and what keeps its distance from the one before and from the last.

    The least distance is `room`, as a share of the axis.
    """
    places = [math.log(tick) if log else tick for tick in ticks]
    room *= places[-1] - places[0]
    kept = [0]
    for number, place in enumerate(places[:-1]):
        if number and min(place - places[kept[-1]], places[-1] - place) >= room:
            kept.append(number)
    last = [len(ticks) - 1] if len(ticks) > 1 else []
    return [ticks[number] for number in kept + last]


def _plain(value: float) -> str:
    return f"{value:,.10g}"


def draw_bars(
    axis: Axes,
    groups: Sequence[str],
    values: Sequence[float],
    *,
    colours: str | Sequence[str],
    notes: Sequence[str],
) -> None:
    """Bars that lie, the first group on top, as long as `values` from 0, each with a note at its
    end, in one colour or one each.
    """
    bars = axis.barh(range(len(groups)), values, color=colours)
    axis.set_yticks(range(len(groups)), list(groups))
    axis.invert_yaxis()
    axis.set_xlim(0, 1.2 * (max(values) or 1))
    axis.tick_params(axis="y", length=0)
    axis.bar_label(bars, list(notes), padding=4)


def draw_pairs(
    axis: Axes,
    places: Sequence[float],
    values: Mapping[str, Sequence[float]],
    colours: Sequence[str],
) -> None:
    """Two bars at each place, side by side: one for each name of `values`, in its colour."""
    for (name, heights), colour, side in zip(values.items(), colours, (-0.2, 0.2), strict=True):
        axis.bar([place + side for place in places], heights, 0.4, color=colour, label=name)


def draw_dots(
    axis: Axes,
    rows: Mapping[str, Sequence[float]],
    marks: Sequence[float],
    *,
    dots: Mapping[str, Any],
    bars: Mapping[str, Any],
) -> None:
    """Rows from top to bottom: a dot for each run, and a short bar across the row.

    Args:
        rows: what stands beside each row, and the number of each of its runs.
        marks: where each row's bar stands, such as their mean.
        dots, bars: how they look, as matplotlib's `plot` and `vlines` take it, `label` included.
    """
    spots = []
    for row, values in enumerate(rows.values()):
        for place, value in enumerate(values):  # equal ones stand one above the other
            shift = list(values[:place]).count(value) - (list(values).count(value) - 1) / 2
            spots.append((value, row + 0.16 * shift))
    axis.plot(*zip(*spots), "o", **dots)
    heights = range(len(rows))
    axis.vlines(marks, [row - 0.32 for row in heights], [row + 0.32 for row in heights], **bars)
    axis.set_yticks(heights, list(rows))
    axis.set_ylim(len(rows) - 0.5, -0.5)


def draw_cells(
    axis: Axes,
    table: Any,
    limits: tuple[float, float] = (0.0, 1.0),
    *,
    write: Callable[[float], str] | None = None,
    **options: Any,
) -> AxesImage:
    """A heat map, a cell for each number; nan leaves its cell empty.

    Args:
        limits: what the lightest and the darkest shade stand for; where they begin below zero, both
            signs have a colour.
        write: what is written into a cell, in ink that can be read there; nothing without it.
        options: what else matplotlib's `imshow` takes.
    """
    low, high = limits
    colours = DIVERGING if low < 0 else SEQUENTIAL
    look: Any = {"cmap": colours, "vmin": low, "vmax": high, "aspect": "auto"} | options
    image = axis.imshow(table, interpolation="nearest", **look)
    for (row, column), number in np.ndenumerate(np.asarray(table)) if write else ():
        if write and not np.isnan(number):
            ink = ink_on(to_hex(tuple(image.to_rgba(number))))
            text = axis.text(column, row, write(float(number)), fontsize=8, color=ink)
            text.set(ha="center", va="center")
    return image


def frame_cell(
    axis: Axes,
    row: float,
    column: float,
    colour: str,
    *,
    rows: float = 1,
    columns: float = 1,
    width: float = 2.5,
) -> None:
    """An outline round a cell, or round so many rows and columns from it on."""
    look: Any = {"fill": False, "edgecolor": colour, "linewidth": width, "clip_on": False}
    axis.add_patch(Rectangle((column - 0.5, row - 0.5), columns, rows, **look))


def draw_table(
    axis: Axes,
    values: Float[Tensor, "rows columns"],
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    percent: bool = True,
    limit: float = 1.0,
    signed: bool = False,
) -> None:
    """Shade and number every cell; a missing number (nan) leaves its cell empty.

    Args:
        rows, columns: what stands beside and below the values.
        percent: numbers as whole percent, otherwise with two decimals.
        limit: the number that gets the darkest shade.
        signed: whether numbers below zero have a colour of their own.
    """
    low = -limit if signed else 0.0
    form, unit = ("{:z.0f}", 100) if percent else ("{:z.2f}", 1)
    numbers = values.detach().double().numpy()
    draw_cells(axis, numbers, (low, limit), write=lambda number: form.format(unit * number))
    axis.set_xticks(range(len(columns)), list(columns))
    axis.set_yticks(range(len(rows)), list(rows))
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)


def describe_table(
    values: Float[Tensor, "rows columns"],
    rows: Sequence[str],
    columns: Sequence[str],
    percent: bool = True,
) -> str:
    """The table in words, for alt text: a sentence for each row."""
    form, lines = "{} {:z.0%}" if percent else "{} {:z.2f}", []
    for row, numbers in zip(rows, values.tolist()):
        said = [form.format(name, one) for name, one in zip(columns, numbers) if one == one]
        lines.append(f"{row}: {', '.join(said)}.")
    return " ".join(lines)
