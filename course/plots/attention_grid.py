"""All heads of all layers in one picture: what a still page shows instead of a live view."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jaxtyping import Float
from matplotlib.axes import Axes
from torch import Tensor

from course.plots.attention import LABELS
from course.plots.axes import draw_cells, frame_cell
from course.plots.colours import NEUTRAL
from course.plots.style import Picture, finish, new_figure

GAP = 1.5  # cells between two maps
CELL = 0.17  # inches
WIDEST = 10.0  # inches


@dataclass(frozen=True, eq=False)
class Pattern:
    """The maps of one kind of attention (`kind` of `plot_attention_map`) and their letters."""

    title: str
    kind: str
    weights: Float[Tensor, "layers h q s"]
    queries: Sequence[str]
    keys: Sequence[str]


def plot_patterns(
    patterns: Sequence[Pattern], layers: Sequence[int], *, heads: str = "head", reading: str
) -> Picture:
    """Every head as a small map: a row of maps for each layer, a column for each head, one panel
    for each kind of attention. `layers` numbers those in `weights`; a column is called `heads`.
    """
    rows = [len(layers) * (len(p.queries) + GAP) for p in patterns]
    columns = [p.weights.shape[1] * (len(p.keys) + GAP) for p in patterns]
    width = min(WIDEST, 1.6 + CELL * max(columns))
    height = 0.4 + 0.9 * len(patterns) + CELL * sum(rows)
    figure, axes = new_figure(width, height, len(patterns), 1, squeeze=False, height_ratios=rows)
    for axis, pattern in zip(axes.flat, patterns):
        _draw_maps(axis, pattern, layers, heads)
    sharpest = ". ".join(f"{p.title}: {_sharpest(p, layers, heads)}" for p in patterns)
    alt = f"Small heat maps, one for each {heads}. Sharpest look of each. {sharpest}."
    return finish(figure, alt=alt, reading=reading)


def _draw_maps(axis: Axes, pattern: Pattern, layers: Sequence[int], heads: str) -> None:
    """One panel: maps side by side on one pair of axes, quicker than an axis for each."""
    key_colour, key_label, query_colour, query_label = LABELS[pattern.kind]
    tall, wide = len(pattern.queries) + GAP, len(pattern.keys) + GAP
    for row, layer in enumerate(pattern.weights.double().numpy()):
        for column, weights in enumerate(layer):
            left, top = column * wide, row * tall
            right, bottom = left + len(pattern.keys), top + len(pattern.queries)
            extent = (left - 0.5, right - 0.5, bottom - 0.5, top - 0.5)
            draw_cells(axis, weights, extent=extent)
            frame_cell(axis, top, left, NEUTRAL, rows=tall - GAP, columns=wide - GAP, width=0.5)
            if row == 0:
                middle, name = left + (len(pattern.keys) - 1) / 2, f"{heads} {column}"
                axis.text(middle, -0.8, name, ha="center", va="bottom", fontsize=8)
        middle = row * tall + (len(pattern.queries) - 1) / 2
        beside = -(10 + 4.5 * max(map(len, pattern.queries)))  # points: left of the letters
        where: Any = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
        look: Any = {"rotation": 90, "ha": "center", "va": "center", "fontsize": 8}
        axis.annotate(f"layer {layers[row]}", (0, middle), (beside, 0), **where, **look)
    across, down = pattern.weights.shape[1], len(layers)
    axis.set_xlim(-0.5, across * wide - GAP - 0.5)
    axis.set_ylim(down * tall - GAP - 0.5, -0.5)
    size = min(7.0, 72 * 0.85 * WIDEST / max(1.0, across * wide))
    spots = [key + i * wide for i in range(across) for key in range(len(pattern.keys))]
    axis.set_xticks(spots, [*pattern.keys] * across, fontsize=size)
    spots = [query + i * tall for i in range(down) for query in range(len(pattern.queries))]
    axis.set_yticks(spots, [*pattern.queries] * down, fontsize=size)
    for label in axis.get_xticklabels():
        label.set(color=key_colour, rotation=90 if len(label.get_text()) > 1 else 0)
    axis.tick_params("y", labelcolor=query_colour)
    axis.tick_params(length=0, pad=1)
    axis.spines[:].set_visible(False)
    axis.set_title(pattern.title, pad=16, loc="left")
    axis.set_xlabel(key_label, color=key_colour)
    axis.set_ylabel(query_label, color=query_colour, labelpad=14)


def _sharpest(pattern: Pattern, layers: Sequence[int], heads: str) -> str:
    """For each head the query with the largest weight, where it looks, and how much."""
    found = []
    for number, layer in zip(layers, pattern.weights):
        for head, weights in enumerate(layer):
            query, key = divmod(int(weights.argmax()), len(pattern.keys))
            found.append(
                f"layer {number} {heads} {head} {pattern.queries[query]} to {pattern.keys[key]}"
                f" {weights[query, key]:.2f}"
            )
    return ", ".join(found)
