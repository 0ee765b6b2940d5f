"""Figures of interventions: heads ablated, neighbours swapped, vectors patched between words."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from course.interpretability.ablation import Loss
from course.plots.axes import describe_table, draw_table, percent_axis
from course.plots.colours import INK, NEUTRAL, SOURCE, TARGET, TRANSFORMER
from course.plots.style import Picture, finish, label_letters, new_figure

WAYS = {  # how heads are ablated: marker, face, shift from the column's middle
    "off": ("o", TRANSFORMER, -0.24),
    "mean": ("D", "white", -0.08),
    "resample": ("^", NEUTRAL, 0.08),
    "uniform": ("s", "white", 0.24),
}


def _kind(layer: str) -> str:
    """A layer's name as the figures say it: decoder.1.cross_attention is cross 1."""
    stack, number, part = layer.split(".")
    return f"{'cross' if part == 'cross_attention' else stack} {number}"


def plot_losses(losses: Sequence[Loss], untouched: float) -> Picture:
    """The loss per token when heads are ablated: a column for each head or whole layer, a marker
    for each way; logarithmic, for most heads are missed a thousand times less than a layer.

    Args:
        losses: any mixture; those of several heads are drawn as "all".
        untouched: the loss of the whole model, in nats per token.
    """
    columns = list(dict.fromkeys((one.layer, one.heads) for one in losses))
    figure, axis = new_figure(8.0, 3.4)
    for how, (marker, face, shift) in WAYS.items():
        own = [one for one in losses if one.how == how]
        if own:
            places = [columns.index((one.layer, one.heads)) + shift for one in own]
            axis.scatter(places, [one.loss for one in own], marker=marker, s=30, color=face,
                         edgecolor=INK, linewidth=0.9, label=how, zorder=3)  # fmt: skip
    axis.axhline(untouched, color=NEUTRAL, ls="--", label="untouched")
    for layer in dict.fromkeys(layer for layer, _ in columns):
        spots = [place for place, (own_layer, _) in enumerate(columns) if own_layer == layer]
        look = {"transform": axis.get_xaxis_transform(), "ha": "center", "va": "bottom"}
        axis.text(sum(spots) / len(spots), 1.02, _kind(layer), **look)
        if spots[0]:
            axis.axvline(spots[0] - 0.5, color=NEUTRAL, lw=0.8)
    names = [str(heads[0]) if len(heads) == 1 else "all" for _, heads in columns]
    axis.set_xticks(range(len(columns)), names)
    axis.set_xlim(-0.6, len(columns) - 0.4)
    axis.set_yscale("log")
    axis.set(ylabel="loss (nats per token)", xlabel="head that is ablated")
    axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=9, frameon=False)
    worst = max((one for one in losses if one.how == losses[0].how), key=lambda one: one.loss)
    single = [one for one in losses if len(one.heads) == 1]
    missed = max(single or losses, key=lambda one: (one.how == "off", one.loss))
    reading = (
        f"Untouched, the loss is {untouched:.2g} nats per token; without {_what(missed)} it is"
        f" {missed.loss:.2g}, without {_what(worst)} {worst.loss:.2g}."
    )
    alt = "; ".join(f"{_what(one)} {one.how}: {one.loss:.2g}" for one in losses)
    return finish(figure, alt=f"Loss per token when heads are ablated. {alt}.", reading=reading)


def _what(one: Loss) -> str:
    heads = "all heads" if len(one.heads) > 1 else f"head {one.heads[0]}"
    return f"{heads} of {_kind(one.layer)}"


def plot_losses_by_class(
    rows: Mapping[str, Mapping[str, float]], counts: Mapping[str, int], *, reading: str
) -> Picture:
    """Word accuracy by rule class (columns, with their words) under several changes (rows)."""
    names = list(counts)
    shares = [[one.get(name, float("nan")) for name in names] for one in rows.values()]
    values = torch.tensor(shares, dtype=torch.float64)
    columns = [f"{name}\n({count})" for name, count in counts.items()]
    figure, axis = new_figure(2.7 + 0.72 * len(names), 1.4 + 0.25 * len(rows))
    draw_table(axis, values, list(rows), columns)
    axis.set_xlabel("rule class (words); percent spelled right")
    told = describe_table(values, list(rows), names)
    return finish(figure, alt=f"A table, in percent. {told}", reading=reading)


def plot_swaps(
    swapped: Sequence[Mapping[str, float]], kept: Sequence[Mapping[str, float]]
) -> Picture:
    """How often the decoder goes to the wrong letter when neighbours are swapped in one head, two
    heads, … (`course.interpretability.misleading.swap_more_and_more`); `kept`: without the swap.
    """
    figure, axis = new_figure(6.6, 2.9)
    heads = range(1, len(swapped) + 1)
    control = {"color": NEUTRAL, "mfc": "white"}
    for shares, name, line, looks in (
        (swapped, "swapped", "-", ({"color": TARGET}, {"color": SOURCE})),
        (kept, "control", "--", (control, control)),
    ):
        other, place = ([one[key] for one in shares] for key in ("other", "place"))
        axis.plot(heads, other, f"o{line}", label=f"{name}: goes to the other letter", **looks[0])
        axis.plot(heads, place, f"s{line}", label=f"{name}: stays right", **looks[1])
    axis.set_xticks(list(heads))
    axis.set_xlabel("encoder heads with swapped neighbours, best first")
    percent_axis(axis, "y", "words", whole=True, steps=2)
    axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=9, frameon=False)
    three = min(3, len(swapped)) - 1
    reading = (
        f"In the best head alone the swap misleads the decoder in {swapped[0]['other']:.0%} of the"
        f" words; in the best {three + 1}, in {swapped[three]['other']:.0%} (control"
        f" {kept[three]['other']:.0%}, which stays right in {kept[three]['place']:.0%})."
    )
    told = "; ".join(
        f"{n} head{'s' * (n > 1)}: {one['other']:.0%}, control {two['other']:.0%}"
        for n, one, two in zip(heads, swapped, kept)
    )
    what = "Lines over the number of heads: words in which the decoder goes to the other letter."
    return finish(figure, alt=f"{what} {told}.", reading=reading)


def plot_patching(
    values: Float[Tensor, "layers s"],
    layers: Sequence[str],
    letters: Sequence[str],
    *,
    title: str,
    reading: str,
) -> Picture:
    """For one pair of words, what patching a layer (row) at a position (column) changes."""
    figure, axis = new_figure(max(4.6, 1.9 + 0.55 * len(letters)), 1.4 + 0.3 * len(layers))
    draw_table(axis, values, layers, letters, percent=False, signed=True)
    label_letters(axis, "x", letters, SOURCE)
    axis.set_xlabel("source position that gets the other word's vector")
    axis.set(title=title, ylabel="after")
    told = describe_table(values, layers, letters, percent=False)
    return finish(figure, alt=f"A table. {told}", reading=reading)


def plot_patching_average(
    letter: Float[Tensor, "layers offsets"],
    finding: Float[Tensor, "layers offsets"],
    layers: Sequence[str],
    offsets: Sequence[int],
    pairs: int,
) -> Picture:
    """The mean over pairs by distance: what is written (left), finding the next letter."""
    names = ["the letter" if offset == 0 else f"{offset:+d}" for offset in offsets]
    figure, axes = new_figure(8.6, 1.8 + 0.3 * len(layers), 1, 2)
    strongest = max(0.01, float(finding.abs().max()))
    for axis, values, title, limit in (
        (axes[0], letter, "which letter is written\n(share of the way to the other)", 1.0),
        (axes[1], finding, "finding the letter after it\n(attention weight lost)", strongest),
    ):
        draw_table(axis, values, layers, names, percent=False, signed=True, limit=limit)
        axis.set_title(title)
        axis.set_xlabel("position patched, in letters")
    axes[0].set_ylabel("after")
    last, first = layers[-1], layers[0]
    moves = [offsets[int(row.argmax())] for row in finding]
    where = ["at the letter itself" if move == 0 else f"{move:+d} from it" for move in moves]
    reading = (
        f"Over {pairs} pairs, what is written stays in the letter's own vector"
        f" ({letter[-1, list(offsets).index(0)]:.2f} after {last}); what finds the next letter is"
        f" {where[0]} in {first} and {where[-1]} after {last}."
    )
    written, found = (describe_table(one, layers, names, False) for one in (letter, finding))
    alt = f"Two tables. Letter written. {written} Finding the next. {found}"
    return finish(figure, alt=alt, reading=reading)
