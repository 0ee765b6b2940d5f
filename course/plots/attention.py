"""Figures of attention: maps, the steps of a look-up, masks, and what scaling does."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from torch import Tensor

from course.plots.axes import draw_cells, frame_cell
from course.plots.colours import FREE, NEUTRAL, SOURCE, TARGET, TRUTH
from course.plots.sketch import Panel, finish_sketch
from course.plots.style import Picture, finish, label_letters, new_figure, new_panels
from course.plots.svg import Drawing

# kind of attention: colour and label of the key axis, then of the query axis
LABELS = {
    "cross": (SOURCE, "source letter (key)", TARGET, "letter to write (query)"),
    "source": (SOURCE, "source letter (key)", SOURCE, "source letter (query)"),
    "target": (TARGET, "letter read (key)", TARGET, "letter read (query)"),
}
MAP_HEIGHT = 360  # pixels, however many rows a map has: a page below it does not jump
LARGEST_WITH_NUMBERS = 8  # cells a side: maps up to this size show their numbers


def plot_attention_map(
    weights: Float[Tensor, "q s"],
    queries: Sequence[str],
    keys: Sequence[str],
    *,
    truth: Sequence[int | None] | None = None,
    title: str = "",
) -> Picture:
    """One attention pattern: a row for each query, a column for each key, darker where the weight
    is larger.

    Args:
        weights: between 0 and 1; row q says where query q looks.
        queries, keys: the label of each row and column, a letter or a token.
        truth: for each query the key that the rule copies, outlined in green; None for a letter
            that the rule adds.

    Raises:
        ValueError: if labels and weights do not fit together.
    """
    check_map(weights, queries, keys, "cross")
    told = ", ".join(
        f"{query} to {keys[column]} ({row[column]:.2f})"
        for query, row, column in zip(queries, weights, weights.argmax(-1).tolist())
    )
    size = f"{len(queries)} queries by {len(keys)} keys"
    alt = f"Heat map of attention weights, {size}. Strongest key of each query: {told}."
    reading = f"Each row sums to 1; the strongest weight is {weights.max():.2f}."
    width = min(60, 620 / len(keys))
    drawing = Drawing(round(110 + max(width * len(keys), 330)), MAP_HEIGHT + 140)
    box, across = (80, 54, width * len(keys), MAP_HEIGHT), (-0.5, len(keys) - 0.5)
    panel = Panel(drawing, box, across, (len(queries) - 0.5, -0.5))
    drawing.text(80, 22, title, size=14, anchor="start")
    sketch_map(panel, weights, queries, keys, "cross")
    drawing.text(80, 42, "attention weight: white is 0, darkest is 1", size=12, anchor="start")
    if truth is not None:
        on_truth = _mean_on(weights, truth)
        for row, column in enumerate(truth):
            if column is not None:
                panel.frame(row, column, TRUTH)
        reading = (
            f"Green frames mark the letter that the rule copies; on average it gets {on_truth:.0%}"
            " of its query's weight."
        )
    return finish_sketch(drawing, alt=alt, reading=reading)


def sketch_map(
    panel: Panel,
    weights: Float[Tensor, "q s"],
    queries: Sequence[str],
    keys: Sequence[str],
    kind: str,
    limits: tuple[float, float] = (0.0, 1.0),
) -> None:
    """The map in a panel whose coordinates are rows and columns; small maps show their numbers."""
    key_colour, key_label, query_colour, query_label = LABELS[kind]
    small = max(weights.shape) <= LARGEST_WITH_NUMBERS
    panel.cells(weights.tolist(), limits=limits, write=_short if small else None)
    panel.axes(key_label, query_label, colours=(key_colour, query_colour))
    panel.ticks("x", range(len(keys)), [key.strip("<>") for key in keys], key_colour)
    size = min(13, 0.9 * panel.height / len(queries))
    panel.ticks("y", range(len(queries)), queries, query_colour, size=size)


def plot_attention_maps(
    maps: Mapping[str, Float[Tensor, "q s"]],
    queries: Sequence[str],
    keys: Sequence[str],
    *,
    kind: str = "cross",
    sums: bool = False,
    reading: str = "",
) -> Picture:
    """Several patterns over the same letters in a grid, such as the heads of a layer; `maps` gives
    each its title.

    With `sums`, each row's sum stands at its right and each column's below, so that one sees which
    axis was normalised.
    """
    width = max(2.2, 0.9 + 0.36 * (len(keys) + sums))
    height = max(2.0, 1.0 + 0.34 * (len(queries) + sums))
    figure, axes = new_panels(len(maps), 4, width, height)
    for axis, (title, weights) in zip(axes.flat, maps.items()):
        check_map(weights, queries, keys, kind)
        draw_attention(axis, weights, queries, keys, kind, sums=sums)
        axis.set_title(title, pad=18 if sums else 6)
        axis.label_outer()
    peaks = "; ".join(f"{title}: strongest weight {one.max():.2f}" for title, one in maps.items())
    size = f"{len(queries)} queries by {len(keys)} keys"
    alt = f"{len(maps)} heat maps of attention weights, {size}. {peaks}."
    reading = reading or f"The same letters, {len(maps)} patterns. {peaks}."
    return finish(figure, alt=alt, reading=reading)


def plot_look_up(
    scores: Float[Tensor, "q s"],
    weights: Float[Tensor, "q s"],
    values: Float[Tensor, "s w"],
    queries: Sequence[str],
    keys: Sequence[str],
    features: Sequence[str],
) -> Picture:
    """A look-up from left to right: scores, weights (their softmax), values, and outputs (weights ·
    values). `features` names the coordinates of a value vector, such as one-hot letters.
    """
    outputs = weights @ values
    tables = {
        "1. scores: query · key": (scores, queries, keys, "cross"),
        "2. weights: softmax of a row": (weights, queries, keys, "cross"),
        "3. values of the source": (values, keys, features, "source"),
        "4. outputs: weights · values": (outputs, queries, features, "cross"),
    }
    figure, axes = new_figure(8.5, max(5.2, 2.4 + 0.7 * len(queries)), 2, 2)
    limit = max(1.0, scores.abs().max().item())
    for axis, (title, (table, rows, columns, kind)) in zip(axes.flat, tables.items()):
        limits = (-limit, limit) if axis is axes.flat[0] else (0.0, 1.0)
        draw_attention(axis, table, rows, columns, kind, limits=limits)
        axis.set_title(title)
        if columns is features:
            axis.set_xlabel("coordinate")
        if rows is keys:
            axis.set_ylabel("source letter")
    got = [features[column] for column in outputs.argmax(-1).tolist()]
    reading = f"Read off the strongest coordinate of each output row: {' '.join(got)}."
    alt = (
        f"Four heat maps: scores up to {scores.max():.3g}, weights up to {weights.max():.2f},"
        f" values up to {values.max():.2f}, outputs up to {outputs.max():.2f}. {reading}"
    )
    return finish(figure, alt=alt, reading=reading)


def plot_mask(mask: Bool[Tensor, "q s"], queries: Sequence[str], keys: Sequence[str]) -> Picture:
    """Who may attend to whom: a tick where a query may, a dark cell with a cross where not."""
    check_map(mask, queries, keys, "target")
    figure, axis = new_figure(max(3.2, 1.0 + 0.42 * len(keys)), max(2.4, 1.0 + 0.36 * len(queries)))
    axis.imshow(mask.float().numpy(), cmap="gray", vmin=-0.5, vmax=1.05, aspect="auto")
    for (row, column), allowed in np.ndenumerate(mask.numpy()):
        mark, colour = ("✓", TRUTH) if allowed else ("×", "white")
        axis.text(column, row, mark, color=colour, ha="center", va="center", fontweight="bold")
    _label(axis, queries, keys, "target")
    seen = mask.sum(dim=-1).tolist()
    reading = (
        f"{sum(seen)} of {mask.numel()} pairs are allowed (✓); the first row may see {seen[0]}, the"
        f" last {seen[-1]}."
    )
    rows = "; ".join(
        f"{query}: {''.join('1' if cell else '0' for cell in row)}"
        for query, row in zip(queries, mask.tolist())
    )
    alt = f"A grid of ticks and crosses, 1 for a pair that is allowed. {rows}."
    return finish(figure, alt=alt, reading=reading)


def plot_scaling(
    sizes: Sequence[int], measured: Mapping[str, Mapping[str, Sequence[float]]], *, reading: str
) -> Picture:
    """What dividing by √k changes as vectors grow: one panel for each quantity, one curve for each
    way of scoring.

    `measured` maps a panel's title to curves by name, each with one number for each of `sizes`.
    """
    figure, axes = new_figure(8.4, 3.0, 1, len(measured), squeeze=False)
    for axis, (title, curves) in zip(axes.flat, measured.items()):
        for (name, values), marker, colour in zip(curves.items(), "os^", FREE):
            axis.plot(sizes, values, marker=marker, color=colour, label=name)
        axis.set_xscale("log", base=2)
        axis.set_xticks(sizes, [str(size) for size in sizes])
        axis.set(title=title, xlabel="k, coordinates in a vector")
        drawn = [value for values in curves.values() for value in values]
        if min(drawn) > 0 and max(drawn) > 10:
            axis.set_yscale("log")
        else:
            axis.set_ylim(bottom=0)
        axis.legend()
    ends = "; ".join(
        f"{title}, {name}: {v[0]:.2g} to {v[-1]:.2g}"
        for title, curves in measured.items()
        for name, v in curves.items()
    )
    alt = f"Curves against the vector size, from {sizes[0]} to {sizes[-1]}. {ends}."
    return finish(figure, alt=alt, reading=reading)


def check_map(weights: Tensor, queries: Sequence[str], keys: Sequence[str], kind: str) -> None:
    """Raise `ValueError` where labels and weights do not fit together, or for an unknown kind."""
    if kind not in LABELS:
        raise ValueError(f"unknown kind of attention {kind!r}; choose one of {', '.join(LABELS)}")
    if tuple(weights.shape) != (len(queries), len(keys)):
        size = f"{len(queries)} queries and {len(keys)} keys"
        raise ValueError(f"{size} need a table of that shape, not {tuple(weights.shape)}")


def draw_attention(
    axis: Axes,
    weights: Float[Tensor, "q s"],
    queries: Sequence[str],
    keys: Sequence[str],
    kind: str,
    *,
    sums: bool = False,
    limits: tuple[float, float] = (0.0, 1.0),
) -> None:
    """The map itself, with numbers in its cells where it is small enough to read them."""
    table = weights.detach().float().numpy()
    write = _short if max(table.shape) <= LARGEST_WITH_NUMBERS else None
    draw_cells(axis, table, limits, write=write)
    if max(table.shape) <= 30:  # lines between cells, so that equal neighbours stay two
        axis.set_xticks(np.arange(0.5, table.shape[1] - 1), minor=True)
        axis.set_yticks(np.arange(0.5, table.shape[0] - 1), minor=True)
        axis.grid(which="minor", color="#d9d9d9", linewidth=0.6)
        axis.tick_params(which="minor", length=0)
    _label(axis, queries, keys, kind)
    if sums:
        for row, total in enumerate(table.sum(1)):
            axis.text(len(keys) - 0.3, row, f"={total:.2f}", va="center", fontsize=8)
        for column, total in enumerate(table.sum(0)):
            text = axis.text(column, -0.62, f"{total:.2f}", fontsize=8, color=NEUTRAL)
            text.set(ha="center", va="bottom")


def _short(number: float) -> str:
    """Two decimals at most, and a dot for zero, so that a small cell stays readable."""
    if abs(number) < 0.005:
        return "·"
    text = f"{number:.2f}".removesuffix(".00")
    return text.replace("0.", ".", 1) if abs(number) < 1 else text


def _label(axis: Axes, queries: Sequence[str], keys: Sequence[str], kind: str) -> None:
    key_colour, key_label, query_colour, query_label = LABELS[kind]
    label_letters(axis, "x", keys, key_colour)
    label_letters(axis, "y", queries, query_colour)
    axis.set_xlabel(key_label, color=key_colour)
    axis.set_ylabel(query_label, color=query_colour)
    axis.tick_params(length=0)


def draw_truth(axis: Axes, weights: Tensor, truth: Sequence[int | None]) -> float:
    """Frame the cells that the rule names; the mean weight in them."""
    for row, column in enumerate(truth):
        if column is not None:
            frame_cell(axis, row, column, TRUTH)
    return _mean_on(weights, truth)


def _mean_on(weights: Tensor, truth: Sequence[int | None]) -> float:
    """The mean weight in the cells that the rule names."""
    cells = [(row, column) for row, column in enumerate(truth) if column is not None]
    return torch.stack([weights[cell] for cell in cells]).mean().item()
