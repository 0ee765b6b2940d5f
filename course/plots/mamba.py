"""Figures of Mamba: what a state keeps, the gate that Δ is, the block, step sizes of a trained
model, and the cost of a letter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from course.plots.style import (
    DIVERGING,
    MAMBA,
    NEUTRAL,
    SEQUENTIAL,
    SOURCE,
    TARGET,
    TRANSFORMER,
    TRUTH,
    Picture,
    finish,
    new_figure,
)

BLANK = "-"


def kept_shares(steps: Float[Tensor, " l"], rate: float | int) -> Float[Tensor, "l l"]:
    """How much of the letter written at s is in the state at t: Δ_s · exp(−rate · (Δ_{s+1} + … +
    Δ_t)) for s ≤ t, else 0.

    Args:
        steps: Δ at each letter.
        rate: −A > 0, the same for the whole state.

    Returns:
        A row for each t, a column for each s: the mixed rule, unrolled.
    """
    clock = steps.cumsum(dim=0)  # the model's own time, in units of Δ
    return (steps * torch.exp(-rate * (clock[:, None] - clock).clamp(min=0))).tril()


def plot_memory(
    text: str,
    letter_step: float | int = 0.5,
    blank_step: float | int = 0.5,
    rate: float | int = 1.0,
) -> Picture:
    """What one state holds while it reads `text`: each letter's share, step by step, when letters
    and dashes have their own Δ.

    Args:
        text: letters, and dashes for "nothing of interest".
        letter_step: Δ at a letter, at least 0.
        blank_step: Δ at a dash, at least 0.
        rate: −A, above 0: the state falls to 1/e when Δ has added up to 1/rate.

    Raises:
        ValueError: for a text without any letter or with more than 24 signs, a negative step, or a
            rate that is not positive.
    """
    if not any(sign != BLANK for sign in text) or len(text) > 24:
        raise ValueError(
            "type 1 to 24 signs, at least one of them a letter; a dash stands for a sign of no"
            " interest"
        )
    if letter_step < 0 or blank_step < 0 or not rate > 0:
        raise ValueError("step sizes must not be negative, and the rate of decay must be above 0")
    steps = torch.tensor(
        [float(blank_step if sign == BLANK else letter_step) for sign in text], dtype=torch.float64
    )
    shares = kept_shares(steps, rate)  # (time, letter)
    letters = [place for place, sign in enumerate(text) if sign != BLANK]
    figure, (top, bottom) = new_figure(
        max(5.0, 1.6 + 0.42 * len(text)), 4.2, 2, 1, sharex=True, height_ratios=(1, 2.2)
    )
    top.bar(
        range(len(text)),
        steps.tolist(),
        color=[NEUTRAL if sign == BLANK else SOURCE for sign in text],
    )
    top.set_ylabel("step size Δ")
    top.set_ylim(0, max(1.15 * float(steps.max()), 0.1))
    image = bottom.imshow(
        shares[:, letters].T,
        cmap=SEQUENTIAL,
        aspect="auto",
        vmin=0,
        vmax=max(float(shares.max()), 1e-9),
    )
    bottom.set_yticks(range(len(letters)), [text[place] for place in letters])
    bottom.set_xticks(range(len(text)), list(text))
    bottom.set(xlabel="sign that is read", ylabel="letter in the state")
    for label in bottom.get_yticklabels():
        label.set_color(SOURCE)
    figure.colorbar(image, ax=bottom, label="share in the state")
    last = shares[-1]
    held, among_blanks = float(last[letters].sum()), float(last.sum() - last[letters].sum())
    reading = (
        f"At the end the first letter, {text[letters[0]]}, has kept"
        f" {_share(last[letters[0]], steps[letters[0]])} of what was written, and dashes make up"
        f" {among_blanks / (held + among_blanks) if held + among_blanks else 0:.0%} of all that is"
        " in the state."
    )
    alt = (
        f"Above, bars: Δ is {letter_step:g} at letters and {blank_step:g} at dashes. Below, a heat"
        f" map with a row for each letter of {text.replace(BLANK, '')}: its share in the state"
        " appears where the letter is read and fades to the right."
    )
    return finish(figure, alt=alt, reading=reading)


def _share(kept: Tensor, written: Tensor) -> str:
    return f"{float(kept / written):.0%}" if written else "nothing (nothing was written)"


def plot_gate() -> Picture:
    """Softplus makes Δ out of any number z; with A = −1 the state then keeps σ(−z) and, by
    zero-order hold, takes in σ(z).
    """
    z = torch.linspace(-6, 6, 200, dtype=torch.float64)
    delta = F.softplus(z)
    figure, (left, right) = new_figure(8.0, 3.0, 1, 2)
    left.plot(z, delta, color=MAMBA, lw=2)
    left.set(xlabel="z (any number)", ylabel="step size Δ", title="Δ = softplus(z) = log(1 + e^z)")
    right.plot(z, torch.exp(-delta), color=NEUTRAL, lw=2, label="kept: Ā = e^−Δ = σ(−z)")
    right.plot(z, -torch.expm1(-delta), color=MAMBA, lw=2, label="taken in: 1 − e^−Δ = σ(z)")
    right.plot(z, delta, color=MAMBA, lw=1.5, ls=":", label="taken in by Mamba's rule: Δ")
    right.set(
        xlabel="z (any number)",
        ylabel="share",
        ylim=(-0.02, 1.6),
        title="the state as a gate, A = −1",
    )
    right.legend(loc="upper left", fontsize=8, frameon=False)
    middle = F.softplus(torch.zeros(()))
    reading = (
        f"At z = 0 half is kept and half taken in (Δ = {middle:.2f}); far to the left nothing"
        " changes, far to the right the past is gone."
    )
    alt = (
        "Left: softplus, near 0 for negative z, near z for positive z. Right: the kept share falls"
        " from 1 to 0, the share taken in rises from 0 to 1, both S-shaped and crossing at z = 0;"
        " the dotted line, Δ itself, agrees on the left and rises above 1 on the right."
    )
    return finish(figure, alt=alt, reading=reading)


def plot_copying(accuracies: Mapping[str, float]) -> Picture:
    """Bars: the share of sequences whose letters were all recovered, for each way to read them."""
    figure, axis = new_figure(7.5, 0.9 + 0.5 * len(accuracies))
    names = list(accuracies)[::-1]
    colours = [TRUTH if accuracies[name] == max(accuracies.values()) else NEUTRAL for name in names]
    axis.barh(names, [accuracies[name] for name in names], color=colours)
    for row, name in enumerate(names):
        axis.annotate(f" {accuracies[name]:.0%}", (accuracies[name], row), va="center")
    axis.set(xlabel="sequences with all letters right", xlim=(0, 1.1))
    axis.xaxis.set_major_formatter(lambda value, _place: f"{value:.0%}")
    listed = "; ".join(f"{name}: {accuracies[name]:.0%}" for name in accuracies)
    return finish(
        figure,
        alt=f"Bars, sequences with all letters right: {listed}.",
        reading=f"All letters right – {listed}.",
    )


def plot_step_sizes(
    delta: Float[Tensor, "l e"], labels: Sequence[str], source_length: int, title: str = ""
) -> Picture:
    """The step sizes that one layer chooses while it reads a word and writes another: their mean,
    and each channel against its own mean.

    Args:
        delta: Δ, a row for each sign, a column for each channel.
        labels: the signs, in reading order.
        source_length: how many of them belong to the source, its `<EOS>` included.
        title: stands above the figure.

    Raises:
        ValueError: if there is not one label a row.
    """
    if len(labels) != len(delta):
        raise ValueError(f"{len(labels)} labels do not fit {len(delta)} rows of step sizes")
    delta = delta.double()
    mean, spread = delta.mean(dim=1), delta.max(dim=0).values / delta.min(dim=0).values
    factors = (delta / delta.mean(dim=0)).log2()[:, spread.argsort(descending=True)]
    figure, (top, bottom) = new_figure(
        max(5.5, 1.8 + 0.4 * len(labels)), 4.4, 2, 1, sharex=True, height_ratios=(1, 1.8)
    )
    top.bar(
        range(len(mean)),
        mean.tolist(),
        color=[SOURCE if place < source_length else TARGET for place in range(len(mean))],
    )
    top.set_ylabel("mean Δ")
    top.set_title(title)
    image = bottom.imshow(
        factors.T, cmap=DIVERGING, aspect="auto", vmin=-2, vmax=2, interpolation="nearest"
    )
    bottom.set(xlabel="sign that is read", ylabel="channel, most variable on top")
    bottom.set_xticks(range(len(labels)), list(labels))
    for place, label in enumerate(bottom.get_xticklabels()):
        label.set_color(SOURCE if place < source_length else TARGET)
        if len(labels[place]) > 1:
            label.set(rotation=60, ha="right", rotation_mode="anchor")
    bar = figure.colorbar(image, ax=bottom, label="Δ over the channel's mean", extend="both")
    bar.set_ticks([-2, -1, 0, 1, 2], labels=["¼", "½", "1", "2", "4"])
    largest = int(mean.argmax())
    reading = (
        f"From sign to sign, half of the channels change Δ by a factor of {spread.median():.1f} or"
        f" less, one by {spread.max():.1f}; the mean step is largest at {labels[largest]} (place"
        f" {largest + 1} of {len(labels)}), with {mean[largest]:.2g}."
    )
    listed = ", ".join(f"{label} {value:.2g}" for label, value in zip(labels, mean.tolist()))
    alt = (
        f"Above, bars: mean step size at each sign, {listed}. Below, a heat map: each channel's"
        " steps over their own mean."
    )
    return finish(figure, alt=alt, reading=reading)


def plot_cost_per_letter(
    letters: Sequence[int], milliseconds: Mapping[str, Sequence[float]]
) -> Picture:
    """Time for the next letter against the number of letters before it; `milliseconds` maps "Mamba"
    and "transformer" to one time each.

    Raises:
        ValueError: if a model has not one time for each length.
    """
    figure, axis = new_figure(6.5, 3.2)
    for name, times in milliseconds.items():
        if len(times) != len(letters):
            raise ValueError(f"{name} has {len(times)} times for {len(letters)} lengths")
        colour, marker = (MAMBA, "o") if name.lower() == "mamba" else (TRANSFORMER, "s")
        axis.plot(letters, times, color=colour, marker=marker, lw=2, label=name)
    axis.set_xscale("log", base=2)
    axis.set_xticks(list(letters), [f"{count:,}" for count in letters])
    axis.set(xlabel="letters before the next one", ylabel="time for one letter (ms)")
    axis.set_ylim(0, None)
    axis.legend(frameon=False)
    growth = ", ".join(
        f"{name} {times[-1] / times[0]:.1f} times" for name, times in milliseconds.items()
    )
    reading = (
        f"From {letters[0]:,} to {letters[-1]:,} letters before it, the time for one more letter"
        f" grows: {growth}."
    )
    alt = f"Two curves, time for one letter against letters before it. {growth}."
    return finish(figure, alt=alt, reading=reading)
