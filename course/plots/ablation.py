"""Figures of interventions: words lost without a head, neighbours swapped, and vectors patched from
one word into another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from course.interpretability.ablation import Loss
from course.plots.shaded_table import describe_table, draw_table
from course.plots.style import (
    INK,
    NEUTRAL,
    SOURCE,
    TARGET,
    TRANSFORMER,
    TRUTH,
    Picture,
    finish,
    label_letters,
    new_figure,
)

WAYS = {
    "off": ("o", "off"),
    "uniform": ("s", "uniform"),
    "ideal": ("^", "ideal"),
}  # how a pattern is changed: marker, name


def _kind(layer: str) -> str:
    """A layer's name as the figures say it: decoder.1.cross_attention is cross 1."""
    stack, number, part = layer.split(".")
    return f"{'cross' if part == 'cross_attention' else stack} {number}"


def plot_losses(losses: Sequence[Loss], spread: float = 0.0) -> Picture:
    """Words lost when heads are changed: a column for each head, or for a whole layer, a marker for
    each way of changing it.

    Args:
        losses: any mixture; those of several heads are drawn as "all".
        spread: a loss up to here is no loss: shaded.

    Raises:
        ValueError: if there is no loss.
    """
    if not losses:
        raise ValueError("there is no loss to draw; give at least one")
    columns = list(dict.fromkeys((one.layer, one.heads) for one in losses))
    figure, axis = new_figure(8.0, 3.2)
    labelled = set()
    for one in losses:
        place = columns.index((one.layer, one.heads))
        marker, name = WAYS.get(one.how, ("x", one.how))
        offset = {"off": -0.16, "uniform": 0.0, "ideal": 0.16}.get(one.how, 0.0)
        filled = TRANSFORMER if one.how == "off" else "white" if one.how == "uniform" else TRUTH
        look = {"color": filled, "edgecolor": INK} if marker != "x" else {"color": INK}
        axis.scatter(
            place + offset,
            one.lost,
            marker=marker,
            s=38,
            linewidth=0.9,
            label=None if name in labelled else name,
            zorder=3,
            **look,
        )
        labelled.add(name)
    if spread:
        axis.axhspan(-spread, spread, color=NEUTRAL, alpha=0.15, lw=0, label="may be luck")
    layers = list(dict.fromkeys(layer for layer, _ in columns))
    for layer in layers:
        spots = [place for place, (own, _) in enumerate(columns) if own == layer]
        axis.annotate(
            _kind(layer),
            (sum(spots) / len(spots), 1.02),
            xycoords=("data", "axes fraction"),
            ha="center",
            va="bottom",
        )
        if spots[0]:
            axis.axvline(spots[0] - 0.5, color=NEUTRAL, lw=0.8)
    axis.set_xticks(
        range(len(columns)), [str(heads[0]) if len(heads) == 1 else "all" for _, heads in columns]
    )
    axis.set_xlim(-0.6, len(columns) - 0.4)
    axis.set_ylim(min(-0.06, min(one.lost for one in losses) - 0.03), 1.02)
    axis.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "25", "50", "75", "100"])
    axis.set_ylabel("word accuracy lost (points)")
    axis.set_xlabel("head that is changed")
    axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=9, frameon=False)
    single, whole = (
        [one for one in losses if len(one.heads) == 1 and one.how == "off"],
        [one for one in losses if len(one.heads) > 1],
    )
    sentences = []
    if single:
        worst = max(single, key=lambda one: one.lost)
        sentences.append(
            f"The head that is missed most is {_kind(worst.layer)}, head {worst.heads[0]}:"
            f" {100 * worst.lost:z.0f} points"
        )
    if whole:
        worst = max(
            (one for one in whole if one.how == "off"), key=lambda one: one.lost, default=whole[0]
        )
        sentences.append(f"without all heads of {_kind(worst.layer)} it is {100 * worst.lost:z.0f}")
    reading = (
        "; ".join(sentences) + "."
        if sentences
        else f"The largest loss is {100 * max(one.lost for one in losses):z.0f} points."
    )
    alt = "; ".join(
        f"{_kind(one.layer)} {'all heads' if len(one.heads) > 1 else f'head {one.heads[0]}'}"
        f" {one.how}: {100 * one.lost:z.0f}"
        for one in losses
    )
    return finish(figure, alt=f"Points of word accuracy lost. {alt}.", reading=reading)


def plot_losses_by_class(
    rows: Mapping[str, Mapping[str, float]], counts: Mapping[str, int], *, reading: str
) -> Picture:
    """Word accuracy per rule class under several changes: a row for each change, a column for each
    class with its number of words.
    """
    names = list(counts)
    values = torch.tensor(
        [[one.get(name, float("nan")) for name in names] for one in rows.values()],
        dtype=torch.float64,
    )
    columns = [f"{name}\n({count})" for name, count in counts.items()]
    figure, axis = new_figure(2.7 + 0.72 * len(names), 1.4 + 0.25 * len(rows))
    draw_table(axis, values, list(rows), columns)
    axis.set_xlabel("rule class (words); percent spelled right")
    return finish(
        figure,
        alt=f"A table, in percent. {describe_table(values, list(rows), names)}",
        reading=reading,
    )


def plot_swaps(
    swapped: Sequence[Mapping[str, float]], kept: Sequence[Mapping[str, float]]
) -> Picture:
    """How often the decoder goes to the wrong letter when neighbours are swapped in one head, two
    heads, and so on.

    Args:
        swapped: as `course.interpretability.transformer_claim.swap_more_and_more` gives it.
        kept: the same without the swap.

    Raises:
        ValueError: if the two do not have the same length, or none.
    """
    if not swapped or len(swapped) != len(kept):
        raise ValueError(
            f"{len(swapped)} swaps need as many controls, not {len(kept)}, and at least one"
        )
    figure, axis = new_figure(6.6, 2.9)
    heads = range(1, len(swapped) + 1)
    axis.plot(
        heads,
        [one["other"] for one in swapped],
        "o-",
        color=TARGET,
        label="swapped: goes to the other letter",
    )
    axis.plot(
        heads, [one["place"] for one in swapped], "s-", color=SOURCE, label="swapped: stays right"
    )
    axis.plot(
        heads,
        [one["other"] for one in kept],
        "o--",
        color=NEUTRAL,
        mfc="white",
        label="control: goes to the other letter",
    )
    axis.plot(
        heads,
        [one["place"] for one in kept],
        "s--",
        color=NEUTRAL,
        mfc="white",
        label="control: stays right",
    )
    axis.set_xticks(list(heads))
    axis.set_ylim(-0.03, 1.05)
    axis.set_yticks([0, 0.5, 1], ["0 %", "50 %", "100 %"])
    axis.set(xlabel="encoder heads with swapped neighbours, best first", ylabel="words")
    axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=9, frameon=False)
    most = max(
        range(len(swapped)), key=lambda number: swapped[number]["other"] - kept[number]["other"]
    )
    reading = (
        f"In the best head alone the swap misleads the decoder in {swapped[0]['other']:.0%} of the"
        f" words; in the best {most + 1}, in {swapped[most]['other']:.0%} (control"
        f" {kept[most]['other']:.0%}, which stays right in {kept[most]['place']:.0%})."
    )
    alt = "; ".join(
        f"{n} heads: {one['other']:.0%}, control {two['other']:.0%}"
        for n, one, two in zip(heads, swapped, kept)
    )
    return finish(
        figure,
        alt=(
            "Lines over the number of heads: words in which the decoder goes to the other letter."
            f" {alt}."
        ),
        reading=reading,
    )


def plot_patching(
    values: Float[Tensor, "layers s"],
    layers: Sequence[str],
    letters: Sequence[str],
    *,
    title: str,
    reading: str,
) -> Picture:
    """Where a letter is kept: for one pair of words, what patching each layer (rows) at each
    position (columns) does to the answer.
    """
    figure, axis = new_figure(max(4.6, 1.9 + 0.55 * len(letters)), 1.4 + 0.3 * len(layers))
    draw_table(axis, values, layers, letters, percent=False, signed=True)
    label_letters(axis, "x", letters, SOURCE)
    axis.set(
        title=title, xlabel="source position that gets the other word's vector", ylabel="after"
    )
    return finish(
        figure,
        alt=f"A table. {describe_table(values, layers, letters, percent=False)}",
        reading=reading,
    )


def plot_patching_average(
    letter: Float[Tensor, "layers offsets"],
    finding: Float[Tensor, "layers offsets"],
    layers: Sequence[str],
    offsets: Sequence[int],
    pairs: int,
) -> Picture:
    """The mean over many pairs, by distance from the letter that differs: what is written (left),
    how the next letter is found (right).
    """
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
    written, found = (
        describe_table(letter, layers, names, False),
        describe_table(finding, layers, names, False),
    )
    alt = f"Two tables. Letter written. {written} Finding the next. {found}"
    return finish(figure, alt=alt, reading=reading)
