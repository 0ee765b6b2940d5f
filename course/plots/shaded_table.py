"""Heat maps with numbers in their cells, and tables shaded by them, such as heads by roles."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from torch import Tensor

from course.plots.sketch import ink_on
from course.plots.style import DIVERGING, SEQUENTIAL


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
        table: rows of numbers.
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
        values: the numbers.
        rows, columns: what stands beside and below them.
        percent: numbers as whole percent, otherwise with two decimals.
        limit: the number that gets the darkest shade.
        signed: whether numbers below zero have a colour of their own.
    """
    low = -limit if signed else 0.0
    write = (
        (lambda number: f"{100 * number:z.0f}") if percent else (lambda number: f"{number:z.2f}")
    )
    draw_cells(axis, values.detach().double().numpy(), (low, limit), write=write)
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

    def say(number: float) -> str:
        return f"{number:z.0%}" if percent else f"{number:z.2f}"

    lines = []
    for row, numbers in zip(rows, values.tolist()):
        said = [f"{name} {say(one)}" for name, one in zip(columns, numbers) if one == one]
        lines.append(f"{row}: {', '.join(said)}.")
    return " ".join(lines)
