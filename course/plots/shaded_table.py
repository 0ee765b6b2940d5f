"""A table whose cells are shaded by their numbers, such as heads by roles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from torch import Tensor

from course.plots.style import DIVERGING, INK, SEQUENTIAL


def draw_table(
    axis: Axes,
    values: Float[Tensor, "rows columns"],
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    percent: bool = True,
    limit: float = 1.0,
    signed: bool = False,
    size: float = 8.0,
) -> None:
    """Shade and number every cell; a missing number (nan) leaves its cell empty.

    Args:
        values: the numbers.
        rows, columns: what stands beside and below them.
        percent: numbers as whole percent, otherwise with two decimals.
        limit: the number that gets the darkest shade.
        signed: whether numbers below zero have a colour of their own.
        size: of the numbers, in points.

    Raises:
        ValueError: if the names do not fit the table.
    """
    if tuple(values.shape) != (len(rows), len(columns)):
        raise ValueError(
            f"{len(rows)} rows and {len(columns)} columns need a table of that shape, not"
            f" {tuple(values.shape)}"
        )
    table = values.detach().double().numpy()
    colours = DIVERGING if signed else SEQUENTIAL
    image = axis.imshow(
        table,
        cmap=colours,
        vmin=-limit if signed else 0,
        vmax=limit,
        aspect="auto",
        interpolation="nearest",
    )
    for (row, column), number in np.ndenumerate(table):
        if np.isnan(number):
            continue
        red, green, blue, _ = image.to_rgba(number)
        ink = INK if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.45 else "white"
        text = f"{100 * number:z.0f}" if percent else f"{number:z.2f}"
        axis.text(column, row, text, ha="center", va="center", fontsize=size, color=ink)
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
        said = [
            f"{column} {say(number)}"
            for column, number in zip(columns, numbers)
            if number == number
        ]
        lines.append(f"{row}: {', '.join(said)}.")
    return " ".join(lines)
