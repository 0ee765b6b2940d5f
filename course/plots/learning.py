"""Figures of learning itself: attention before, during and after it; sums of gradients; runs with
and without a part, curves over each other.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from course.plots.attention import check_map, draw_attention, draw_truth
from course.plots.axes import draw_cells, log_axis, percent_axis
from course.plots.style import (
    FREE,
    MODEL,
    NEUTRAL,
    SERIES,
    Picture,
    finish,
    new_figure,
    new_panels,
)

Rows = Sequence[Mapping[str, Any]]
SEEN = ("alone", "words spelled right, alone"), ("val_loss", "loss (nats per token)")
_MARKERS = "osD^vPX*"


def plot_learned_attention(
    maps: Mapping[str, Float[Tensor, "q s"]],
    queries: Sequence[str],
    keys: Sequence[str],
    truth: Sequence[int | None],
) -> Picture:
    """The same attention at several moments of its training, side by side.

    Green frames mark the source letter that the rule copies; above each map stands its moment and
    the mean weight inside the frames.

    Args:
        maps: moment → weights, a row for each of `queries`, a column for each of `keys`.
        truth: for each query the place of its key, or None where the rule adds a letter.
    """
    for weights in maps.values():
        check_map(weights, queries, keys, "cross")
    width = min(8.5, 0.5 + max(2.0, 0.62 + 0.27 * len(keys)) * len(maps)) / len(maps)
    height = max(2.4, 1.0 + 0.3 * len(queries))
    figure, axes = new_panels(len(maps), len(maps), width, height, sharey=True)
    inside = {}
    for axis, (title, weights) in zip(axes.flat, maps.items()):
        draw_attention(axis, weights, queries, keys, "cross")
        inside[title] = draw_truth(axis, weights, truth)
        axis.set_title(f"{title}\n{inside[title]:.0%} in the frames")
        axis.label_outer()
        for label in axis.get_xticklabels():
            label.set_rotation(90 if len(label.get_text()) > 1 else 0)  # <EOS> beside a letter
    told = ", ".join(f"{title} {share:.0%}" for title, share in inside.items())
    alt = (
        f"{len(maps)} heat maps of attention weights, {len(queries)} queries by {len(keys)} keys,"
        f" with green frames around the letters that the rule copies. Weight in them: {told}."
    )
    first, *_, last = [*inside.values(), *inside.values()]
    told = f"The weight on the right letters goes from {first:.0%} to {last:.0%}."
    return finish(figure, alt=alt, reading=told)


def plot_projections(
    vector: Float[Tensor, " d"], maps: Mapping[str, Tensor], letter: str
) -> Picture:
    """One letter's vector x times each of several maps W: a row of the figure for each.

    Args:
        vector: x, with d coordinates.
        maps: the name of a result, such as "query" → its map W, (d, k).
        letter: whose vector it is.
    """
    results = {name: vector @ matrix for name, matrix in maps.items()}
    d, k = max(len(vector), 2), max(matrix.shape[1] for matrix in maps.values())
    shown = [vector, *maps.values(), *results.values()]
    limit = max(table.abs().max().item() for table in shown)
    figure, axes = new_figure(
        8.5, 0.4 + 1.6 * len(maps), len(maps), 3, squeeze=False, width_ratios=[d, k, k]
    )
    for row, (name, matrix) in zip(axes, maps.items()):
        size = f"{matrix.shape[0]} × {matrix.shape[1]}"
        headed = (f"x of “{letter}” ({len(vector)})", f"· W for the {name} ({size})", f"= {name}")
        for axis, table, title in zip(row, (vector[None], matrix, results[name][None]), headed):
            draw_cells(axis, table.detach(), (-limit, limit), write=lambda one: f"{one:z.1f}")
            axis.set(xticks=[], yticks=[])
            axis.set_title(title)
    reading = (
        f"One vector of {len(vector)} numbers, {len(maps)} maps, {len(maps)} results:"
        f" {', '.join(maps)}."
    )
    told = "; ".join(
        f"{name} {' '.join(f'{number:.1f}' for number in result.tolist())}"
        for name, result in results.items()
    )
    return finish(
        figure,
        alt=f"Rows of heat maps: the vector of {letter!r} times a map gives a result. {told}.",
        reading=reading,
    )


def plot_gradient_sums(cosines: Mapping[str, Mapping[int, Sequence[float]]]) -> Picture:
    """How truly the sum of n batches points: a dot a sum, a line through the means.

    Args:
        cosines: kind of batch → number of batches n → the cosine of each sum with the gradient of
            all words.
    """
    figure, axis = new_figure(7.2, 3.6)
    told = []
    for (kind, sums), colour, marker in zip(cosines.items(), FREE, _MARKERS):
        numbers = sorted(sums)
        means = [sum(sums[number]) / len(sums[number]) for number in numbers]
        dots = [(number, cosine) for number in numbers for cosine in sums[number]]
        axis.plot(*zip(*dots), marker, color=colour, alpha=0.25, ms=4, mew=0)
        axis.plot(numbers, means, color=colour, marker=marker, lw=2, label=kind)
        told.append(
            f"{kind}: "
            + ", ".join(f"{mean:.2f} from {number}" for number, mean in zip(numbers, means))
        )
    every = sorted({number for sums in cosines.values() for number in sums})
    axis.set_xscale("log", base=2)
    axis.set_xticks(every, [str(number) for number in every])
    axis.set_xlabel("batches added up")
    axis.set_ylabel("cosine with the gradient of all words")
    axis.axhline(0, color=NEUTRAL, lw=1, ls=":")
    axis.legend(loc="lower right")
    reading = f"Means of the cosines, by batches added up. {'; '.join(told)}."
    return finish(
        figure,
        alt=f"Dots and lines over the number of batches that are added up. {'; '.join(told)}.",
        reading=reading,
    )


def plot_over_each_other(runs: Mapping[str, Rows], epochs: int = 0) -> Picture:
    """Several runs over each other: words that each model spells right alone, and its loss.

    Args:
        runs: name → a row an epoch with "epoch", "alone" (a share of words) and "val_loss" (nats
            per token), as `course.lab.assembled.train_without` records them. The first run is the
            one that others are compared with; it is drawn in the colour of models, thick.
        epochs: room to leave on the axis for runs that are still going on.
    """
    runs = {name: rows for name, rows in runs.items() if rows}
    figure, axes = new_figure(8.5, 3.4, 1, 2)
    for axis, (what, label) in zip(axes, SEEN):
        colours = [MODEL, *_OTHERS]
        for place, (name, rows) in enumerate(runs.items()):
            colour, marker = colours[place % len(colours)], _MARKERS[place % len(_MARKERS)]
            look: Any = {"color": colour, "marker": marker, "ms": 5, "lw": 1.6 if place else 3}
            axis.plot(
                [row["epoch"] for row in rows], [row[what] for row in rows], label=name, **look
            )
        _epoch_axis(axis, max([epochs, *(row["epoch"] for rows in runs.values() for row in rows)]))
        axis.set_ylabel(label)
    percent_axis(axes[0], "y", SEEN[0][1], whole=True)
    log_axis(axes[1], "y")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    last = {name: rows[-1] for name, rows in runs.items()}
    reading = "Words spelled right, alone: " + ", ".join(
        f"{name} {row['alone']:.1%} after epoch {row['epoch']}" for name, row in last.items()
    )
    losses = ", ".join(f"{name} {row['val_loss']:.2g}" for name, row in last.items())
    alt = f"Two panels of curves over epochs. {reading}. Loss at the end: {losses}."
    return finish(figure, alt=alt, reading=f"{reading}.")


_OTHERS = [colour for colour in SERIES if colour != MODEL]


def _epoch_axis(axis: Axes, last: int) -> None:
    axis.set_xlabel("epoch")
    axis.set_xlim(0.5, last + 0.5)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
