"""Figures of learning itself: attention before, during and after it; sums of gradients; runs with
and without a part, curves over each other.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from jaxtyping import Float
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from course.plots.attention import check_map, draw_attention, draw_truth
from course.plots.axes import draw_cells, log_axis, percent_axis
from course.plots.colours import FREE, MODEL, NEUTRAL, SERIES
from course.plots.style import Picture, finish, new_figure, new_panels

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

    Green frames mark the source letter that the rule copies (`truth`: for each query the place of
    its key, or None); above each map stands its moment and the mean weight inside the frames.
    """
    width = min(8.5, 0.5 + max(2.0, 0.62 + 0.27 * len(keys)) * len(maps)) / len(maps)
    height = max(2.4, 1.0 + 0.3 * len(queries))
    figure, axes = new_panels(len(maps), len(maps), width, height, sharey=True)
    inside = {}
    for axis, (title, weights) in zip(axes.flat, maps.items()):
        check_map(weights, queries, keys, "cross")
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
    """One letter's vector x times each of several maps W (d, k), such as that of the "query": a row
    of the figure for each.
    """
    results = {name: vector @ matrix for name, matrix in maps.items()}
    d, k = max(len(vector), 2), max(matrix.shape[1] for matrix in maps.values())
    shown = [vector, *maps.values(), *results.values()]
    limit = max(table.abs().max().item() for table in shown)
    look: Any = {"squeeze": False, "width_ratios": [d, k, k]}
    figure, axes = new_figure(8.5, 0.4 + 1.6 * len(maps), len(maps), 3, **look)
    for row, (name, matrix) in zip(axes, maps.items()):
        size = f"{matrix.shape[0]} × {matrix.shape[1]}"
        headed = (f"x of “{letter}” ({len(vector)})", f"· W for the {name} ({size})", f"= {name}")
        for axis, table, title in zip(row, (vector[None], matrix, results[name][None]), headed):
            draw_cells(axis, table.detach(), (-limit, limit), write=lambda one: f"{one:z.1f}")
            axis.set(xticks=[], yticks=[])
            axis.set_title(title)
    counted = f"One vector of {len(vector)} numbers, {len(maps)} maps, {len(maps)} results"
    reading = f"{counted}: {', '.join(maps)}."
    told = "; ".join(
        f"{name} {' '.join(f'{number:.1f}' for number in result.tolist())}"
        for name, result in results.items()
    )
    alt = f"Rows of heat maps: the vector of {letter!r} times a map gives a result. {told}."
    return finish(figure, alt=alt, reading=reading)


def plot_gradient_sums(cosines: Mapping[str, Mapping[int, Sequence[float]]]) -> Picture:
    """How truly the sum of n batches points: for each kind of batch and each n the cosine of each
    sum with the gradient of all words (dots), and a line through the means.
    """
    figure, axis = new_figure(7.2, 3.6)
    told = []
    for (kind, sums), colour, marker in zip(cosines.items(), FREE, _MARKERS):
        numbers = sorted(sums)
        means = [sum(sums[number]) / len(sums[number]) for number in numbers]
        dots = [(number, cosine) for number in numbers for cosine in sums[number]]
        axis.plot(*zip(*dots), marker, color=colour, alpha=0.25, ms=4, mew=0)
        axis.plot(numbers, means, color=colour, marker=marker, lw=2, label=kind)
        listed = ", ".join(f"{mean:.2f} from {number}" for number, mean in zip(numbers, means))
        told.append(f"{kind}: {listed}")
    every = sorted({number for sums in cosines.values() for number in sums})
    axis.set_xscale("log", base=2)
    axis.set_xticks(every, [str(number) for number in every])
    axis.set_xlabel("batches added up")
    axis.set_ylabel("cosine with the gradient of all words")
    axis.axhline(0, color=NEUTRAL, lw=1, ls=":")
    axis.legend(loc="lower right")
    reading = f"Means of the cosines, by batches added up. {'; '.join(told)}."
    alt = f"Dots and lines over the number of batches that are added up. {'; '.join(told)}."
    return finish(figure, alt=alt, reading=reading)


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
    colours = [MODEL, *(colour for colour in SERIES if colour != MODEL)]
    for axis, (what, label) in zip(axes, SEEN):
        for place, (name, rows) in enumerate(runs.items()):
            colour, marker = colours[place % len(colours)], _MARKERS[place % len(_MARKERS)]
            look: Any = {"color": colour, "marker": marker, "ms": 5, "lw": 1.6 if place else 3}
            done, values = [row["epoch"] for row in rows], [row[what] for row in rows]
            axis.plot(done, values, label=name, **look)
        last = max([epochs, *(row["epoch"] for rows in runs.values() for row in rows)])
        axis.set(xlabel="epoch", ylabel=label, xlim=(0.5, last + 0.5))
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    percent_axis(axes[0], "y", SEEN[0][1], whole=True)
    log_axis(axes[1], "y")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    ends = {name: rows[-1] for name, rows in runs.items()}
    reading = "Words spelled right, alone: " + ", ".join(
        f"{name} {row['alone']:.1%} after epoch {row['epoch']}" for name, row in ends.items()
    )
    losses = ", ".join(f"{name} {row['val_loss']:.2g}" for name, row in ends.items())
    alt = f"Two panels of curves over epochs. {reading}. Loss at the end: {losses}."
    return finish(figure, alt=alt, reading=f"{reading}.")
