"""Figures of Mamba: what a state keeps, the gate Δ, step sizes, and the cost of a letter."""

import math
from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from course.plots.axes import draw_bars, percent_axis
from course.plots.colours import DIVERGING, INK, MAMBA, NEUTRAL, SOURCE, TARGET, TRANSFORMER, TRUTH
from course.plots.sketch import WIDTH, Panel, finish_sketch, log_steps, show, steps_of
from course.plots.style import Picture, finish, new_figure
from course.plots.svg import Drawing

BLANK = "-"


def kept_amounts(steps: Float[Tensor, " l"], rate: float | int) -> Float[Tensor, "l l"]:
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
    """What one state holds while it reads `text`: the amount of each letter, step by step, when
    letters, and dashes for "nothing of interest", have their own Δ.

    Args:
        letter_step, blank_step: Δ at a letter and at a dash, at least 0.
        rate: −A, above 0: the state falls to 1/e when Δ has added up to 1/rate.

    Raises:
        ValueError: for a text without any letter or with more than 24 tokens.
    """
    if not text.strip(BLANK) or len(text) > 24:
        what = "Type 1 to 24 letters and dashes, at least one of them a letter"
        raise ValueError(f"{what}; a dash stands for what is of no interest.")
    sizes = [float(blank_step if token == BLANK else letter_step) for token in text]
    steps = torch.tensor(sizes, dtype=torch.float64)
    shares = kept_amounts(steps, rate)  # (time, letter)
    letters = [place for place, token in enumerate(text) if token != BLANK]
    pitch = min(42.0, 660 / len(text))
    drawing = Drawing(WIDTH, 432)
    across = (-0.5, len(text) - 0.5)
    largest = max(1.15 * float(steps.max()), 0.1)
    top = Panel(drawing, (90, 24, pitch * len(text), 90), across, (0, largest))
    top.axes("", "step size Δ")
    top.ticks("y", steps_of(0, largest, 2), grid=True)
    top.bars(steps.tolist(), [NEUTRAL if token == BLANK else SOURCE for token in text])
    bottom = Panel(drawing, (90, 140, pitch * len(text), 200), across, (len(letters) - 0.5, -0.5))
    most = max(float(shares.max()), 1e-9)
    bottom.cells(shares[:, letters].T.tolist(), limits=(0.0, most))
    bottom.axes("token that is read", "letter in the state", colours=(INK, SOURCE))
    bottom.ticks("x", range(len(text)), list(text))
    bottom.ticks("y", range(len(letters)), [text[place] for place in letters], SOURCE)
    drawing.text(90, 414, f"darkest: an amount of {most:.2g}", size=12, anchor="start")
    last = shares[-1]
    held, among_blanks = float(last[letters].sum()), float(last.sum() - last[letters].sum())
    first = text[letters[0]]
    kept = (
        f"the first letter, {first}, has kept {float(last[letters[0]]) / letter_step:.0%} of what"
        " was written"
        if letter_step
        else "nothing of the letters was ever written"
    )
    reading = (
        f"At the end {kept}, and dashes make up"
        f" {among_blanks / (held + among_blanks) if held + among_blanks else 0:.0%} of all that is"
        " in the state."
    )
    alt = (
        f"Above, bars: Δ is {letter_step:g} at letters and {blank_step:g} at dashes. Below, a heat"
        f" map with a row for each letter of {text.replace(BLANK, '')}: its amount in the"
        " state appears where the letter is read and fades to the right."
    )
    return finish_sketch(drawing, alt=alt, reading=reading)


def plot_gate() -> Picture:
    """Δ is the softplus of z; with A = −1 the state keeps σ(−z) and takes in σ(z) (ZOH)."""
    z = torch.linspace(-6, 6, 200, dtype=torch.float64)
    delta = F.softplus(z)
    figure, (left, right) = new_figure(8.0, 3.0, 1, 2)
    left.plot(z, delta, color=MAMBA, lw=2)
    left.set(xlabel="z (any number)", ylabel="step size Δ", title="Δ = softplus(z) = log(1 + e^z)")
    right.plot(z, torch.exp(-delta), color=NEUTRAL, lw=2, label="kept: Ā = e^−Δ = σ(−z)")
    right.plot(z, -torch.expm1(-delta), color=MAMBA, lw=2, label="taken in: 1 − e^−Δ = σ(z)")
    right.plot(z, delta, color=MAMBA, lw=1.5, ls=":", label="taken in by Mamba's rule: Δ")
    right.set(xlabel="z (any number)", ylabel="share", ylim=(-0.02, 2.1))
    right.set_title("the state as a gate, A = −1")
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
    best = max(accuracies.values())
    values = list(accuracies.values())
    colours = [TRUTH if value == best else NEUTRAL for value in values]
    notes = [f"{value:.0%}" for value in values]
    draw_bars(axis, list(accuracies), values, colours=colours, notes=notes)
    axis.set_xlim(0, 1.1)
    percent_axis(axis, "x", "sequences with all letters right")
    listed = "; ".join(f"{name}: {note}" for name, note in zip(accuracies, notes))
    alt = f"Bars, sequences with all letters right: {listed}."
    return finish(figure, alt=alt, reading=f"All letters right – {listed}.")


def plot_step_sizes(
    delta: Float[Tensor, "l e"], labels: Sequence[str], source_length: int, title: str = ""
) -> Picture:
    """The step sizes that one layer chooses while it reads a word and writes another: their mean,
    and each channel against its own mean.

    Args:
        delta: Δ, a row for each token, a column for each channel.
        labels: the tokens, in reading order.
        source_length: how many of them belong to the source, its `<EOS>` included.
    """
    delta = delta.double()
    mean, spread = delta.mean(dim=1), delta.max(dim=0).values / delta.min(dim=0).values
    follows = torch.corrcoef(torch.cat((mean[None], delta.T)))[0, 1:].nan_to_num()
    factors = (delta / delta.mean(dim=0)).log2()[:, follows.argsort(descending=True)]
    drawing = Drawing(WIDTH, 500)
    pitch, across = min(42.0, 620 / len(labels)), (-0.5, len(labels) - 0.5)
    colours = [SOURCE if place < source_length else TARGET for place in range(len(mean))]
    ceiling = 1.1 * float(mean.max())
    top = Panel(drawing, (90, 44, pitch * len(labels), 110), across, (0, ceiling))
    top.axes("", "mean Δ", gap=12)
    drawing.text(90, 22, title, size=14, anchor="start")
    top.ticks("y", steps_of(0, ceiling, 3), grid=True)
    top.bars(mean.tolist(), colours)
    bottom = Panel(drawing, (90, 180, pitch * len(labels), 240), across, (delta.shape[1], 0))
    bottom.image(factors.T.tolist(), (-2.0, 2.0), DIVERGING)
    bottom.axes("token that is read", "channel, those like the mean on top", gap=12)
    bottom.ticks("x", range(len(labels)), [label.strip("<>") for label in labels], colours)
    drawing.text(90, 484, "Δ over the channel's own mean:", size=12, anchor="start")
    for number, (step, label) in enumerate(zip(range(-2, 3), ("¼", "½", "1", "2", "4"))):
        key = Panel(drawing, (310 + 70 * number, 476, 24, 14), (0, 1), (1, 0))
        key.image([[step]], (-2.0, 2.0), DIVERGING)
        drawing.text(350 + 70 * number, 484, label, size=12)
    largest = int(mean.argmax())
    reading = (
        f"From token to token, half of the channels change Δ by a factor of {spread.median():.1f}"
        f" or less, one by {spread.max():.1f}; the mean step is largest at {labels[largest]} (place"
        f" {largest + 1} of {len(labels)}), with {mean[largest]:.2g}."
    )
    listed = ", ".join(f"{label} {value:.2g}" for label, value in zip(labels, mean.tolist()))
    alt = (
        f"Above, bars: mean step size at each token, {listed}. Below, a heat map: each channel's"
        " steps over their own mean."
    )
    return finish_sketch(drawing, alt=alt, reading=reading)


def plot_mean_steps(
    steps: Mapping[str, Float[Tensor, "l e"]], labels: Sequence[str], source_length: int
) -> Picture:
    """The mean step size of each layer at each token, all on one scale; as `plot_step_sizes`."""
    means = {name: delta.double().mean(dim=1).tolist() for name, delta in steps.items()}
    limits = (0.8 * min(map(min, means.values())), 1.3 * max(map(max, means.values())))
    rows = math.ceil(len(means) / 3)
    drawing = Drawing(WIDTH, 170 * rows + 40)
    colours = [SOURCE if place < source_length else TARGET for place in range(len(labels))]
    places = log_steps(*limits, factors=(1, 3))
    for number, (name, mean) in enumerate(means.items()):
        box = (84 + 246 * (number % 3), 36 + 170 * (number // 3), 220, 104)
        panel = Panel(drawing, box, (-0.5, len(labels) - 0.5), limits, log="y")
        panel.title(name)
        panel.axes("", "mean Δ" * (number % 3 == 0))
        shown = [show(place) if number % 3 == 0 else "" for place in places]
        panel.ticks("y", places, shown, grid=True)
        short = [label if len(label) == 1 else "·" for label in labels]
        panel.ticks("x", range(len(labels)), short, colours, size=10)
        panel.line(range(len(mean)), mean, NEUTRAL)
        for place, (value, colour) in enumerate(zip(mean, colours)):
            panel.dots([place], [value], colour, size=3.5)
    drawing.text(84, 170 * rows + 24, "blue: the word read; vermilion: the answer", anchor="start")
    factors = {name: max(mean) / min(mean) for name, mean in means.items()}
    listed = ", ".join(f"{name} {factor:.1f}" for name, factor in factors.items())
    alt = f"{len(means)} small curves, the mean step size at each token, one for each layer."
    reading = f"From its smallest to its largest, the mean step grows by a factor of: {listed}."
    return finish_sketch(drawing, alt=alt, reading=reading)


def plot_cost_per_letter(
    letters: Sequence[int], milliseconds: Mapping[str, Sequence[float]]
) -> Picture:
    """Time for the next letter against the letters before it, of "Mamba" and "transformer"."""
    figure, axis = new_figure(6.5, 3.2)
    for name, times in milliseconds.items():
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
    far = f"From {letters[0]:,} to {letters[-1]:,} letters before it"
    reading = f"{far}, the time for one more letter grows: {growth}."
    alt = f"Two curves, time for one letter against letters before it. {growth}."
    return finish(figure, alt=alt, reading=reading)
