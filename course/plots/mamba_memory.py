"""Figures of Mamba's memory: what is left of each letter, where states forget, and when."""

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Float
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from torch import Tensor

from course.interpretability.mamba_memory import Survival, letter_weights, sorted_channels
from course.plots.axes import draw_cells
from course.plots.colours import INK, MAMBA, NEUTRAL, SOURCE, TARGET
from course.plots.sketch import WIDTH, Panel, finish_sketch, legend, show, steps_of
from course.plots.style import Picture, finish, new_figure
from course.plots.svg import Drawing
from nmt.trace import MambaTrace


def plot_letter_memory(trace: MambaTrace) -> Picture:
    """Δ at each token of one word, and what is left at the end of what each token wrote: a row of
    maps for each layer, a line for each channel.

    Channels are sorted by their memory of this word, the shortest on top; a light cell on the right
    is a letter forgotten.
    """
    weights, order = letter_weights(trace), sorted_channels(trace)
    chosen, labels = range(len(weights)), trace.source + trace.target
    at = len(labels) - 1
    size = 10.0, 0.9 + 1.5 * len(chosen), len(chosen), 2
    figure, axes = new_figure(*size, squeeze=False, sharex=True)
    low, high = map(float, torch.stack(list(trace.delta)).clamp(min=1e-6).aminmax())
    for (left, right), layer in zip(axes, chosen):
        delta = trace.delta[layer][:, order[layer]].T.clamp(min=1e-6).numpy()
        look = {"cmap": "cividis", "aspect": "auto", "interpolation": "nearest"}
        steps = left.imshow(delta, norm=LogNorm(low, high), **look)
        shares = draw_cells(right, weights[layer][:, order[layer]].T)
        left.set_ylabel(f"layer {layer}\nchannels")
        for axis in (left, right):
            axis.set_yticks([])
            axis.axvline(len(trace.source) - 0.5, color=INK, lw=0.8)
        right.axvline(at, color=MAMBA, lw=1.5)
    axes[0, 0].set_title("step size Δ, shortest memory on top")
    axes[0, 1].set_title(f"left of each token when {labels[at]} (place {at}) is read")
    for axis in axes[-1]:
        _label_tokens(axis, trace)
    for image, column, label in ((steps, 0, "Δ"), (shares, 1, "left")):
        bar = figure.colorbar(image, ax=axes[:, column].tolist(), shrink=0.9)
        bar.ax.set_title(label, fontsize=9)
    first = [f"layer {layer} {weights[layer, 0].median():.0%}" for layer in chosen]
    gone = [f"layer {layer} {(weights[layer, 0] < 0.05).double().mean():.0%}" for layer in chosen]
    reading = (
        f"{trace.word} → {trace.written}: of the first letter, {labels[0]}, the median channel has"
        f" kept {', '.join(first)}; channels with less than 5% of it left: {', '.join(gone)}."
    )
    alt = (
        "Heat maps, a row for each layer, a line for each channel, a column for each of"
        f" {len(labels)} tokens: Δ, what is left. {reading}"
    )
    return finish(figure, alt=alt, reading=reading)


def _label_tokens(axis: Axes, trace: MambaTrace) -> None:
    labels = trace.source + trace.target
    shown, size = [label.strip("<>") for label in labels], 9 if len(labels) < 32 else 7
    axis.set_xticks(range(len(labels)), shown, fontsize=size)
    axis.tick_params(axis="x", length=0)
    for place, tick in enumerate(axis.get_xticklabels()):
        tick.set_color(SOURCE if place < len(trace.source) else TARGET)
        tick.set_rotation(90 if len(tick.get_text()) > 1 else 0)
    axis.set_xlabel("token that is read (source, then target)")


def plot_channel(
    trace: MambaTrace, layer: int, rank: int, at: int | None = None, *, title: str = ""
) -> Picture:
    """One channel while it reads a word: its step sizes, and what is left of each token at place
    `at`; behind it all channels of its layer.

    Args:
        trace: of one word.
        rank: of the channel among those of its layer, 1 for the shortest memory of this word.
        at: a place in the sequence; None takes the last.

    Raises:
        ValueError: for a rank that is not there.
    """
    channels = trace.delta.shape[2]
    if not 1 <= rank <= channels:
        raise ValueError(f"a layer has channels 1 to {channels}, not {rank}")
    weights, channel = letter_weights(trace, at)[layer], sorted_channels(trace)[layer][rank - 1]
    labels = trace.source + trace.target
    at = len(labels) - 1 if at is None else at
    delta, own = trace.delta[layer, :, channel].double(), weights[:, channel]
    pitch = min(44.0, 690 / len(labels))
    across = (-0.7, len(labels) - 0.3)
    drawing = Drawing(WIDTH, 460)
    drawing.text(24, 20, title, size=14, anchor="start")
    colours = [SOURCE if place < len(trace.source) else TARGET for place in range(len(labels))]
    box, highest = (90, 40, pitch * len(labels), 110), 1.1 * float(delta.max()) or 1.0
    top = Panel(drawing, box, across, (0, highest))
    steps = steps_of(0, highest, 4)
    top.ticks("y", steps, grid=True)
    top.bars(delta.tolist(), colours)
    top.axes("", "step size Δ", gap=7 * max(0, max(len(show(step)) for step in steps) - 4))
    bottom = Panel(drawing, (90, 206, pitch * len(labels), 180), across, (-0.03, 1.05))
    bottom.ticks("y", (0, 0.5, 1), ("0%", "50%", "100%"), grid=True)
    bounds = torch.tensor([0.1, 0.9], dtype=weights.dtype)
    low, high = weights.quantile(bounds, dim=1)[:, : at + 1].tolist()
    read = list(range(at + 1))
    bottom.area([*zip(read, low), *zip(read[::-1], high[::-1])], NEUTRAL)
    end = bottom.at(len(trace.word), 0)[0]
    bottom.stroke([(end, bottom.top), (end, bottom.bottom)], INK, 1, "2 3")
    bottom.line(read, own[: at + 1].tolist(), MAMBA, width=2)
    bottom.dots(read, own[: at + 1].tolist(), MAMBA)
    bottom.axes("", f"left at place {at}", gap=6)
    bottom.ticks("x", range(len(labels)), [label.strip("<>") for label in labels], colours)
    drawing.text(90 + box[2] / 2, 444, "token that is read (source, then target)")
    entries = [(f"channel {channel}", MAMBA, ""), ("8 of 10 channels", "#cfcfcf", "")]
    legend(drawing, [*entries, ("<EOS>", INK, "2 3")], 90, 188, 150)
    rate = -own[0].clamp(min=1e-300).log() / max(1, at)
    half = float(np.log(2) / rate) if float(rate) > 0 else float("inf")
    reading = (
        f"{trace.word} → {trace.written}. Channel {channel} (memory {rank} of {channels}): when"
        f" {labels[at]} (place {at}) is read, {own[0]:.0%} of the first letter is left, half is"
        f" lost in about {_rounded(half)} tokens; its largest step, {delta.max():.2g}, is at"
        f" {labels[int(delta.argmax())]}."
    )
    told = ", ".join(f"{label} {share:.2f}" for label, share in zip(labels[: at + 1], own.tolist()))
    alt = f"Above, bars: Δ at each token. Below, a curve, what is left of each: {told}."
    return finish_sketch(drawing, alt=alt, reading=reading)


def _rounded(number: float) -> str:
    if number >= 1e5:
        return "more than 100,000"
    return f"{number:.1f}" if number < 10 else f"{number:,.0f}"


def plot_survival(survivals: Mapping[str, Survival], *, title: str = "") -> Picture:
    """How much a channel keeps across a given token, against what it keeps elsewhere: on the dashed
    line the token makes no difference.

    Args:
        survivals: for each panel's title what was measured; a colour for each layer, a dot for each
            channel.
    """
    figure, axes = new_figure(4.4 * len(survivals) + 0.6, 4.2, 1, len(survivals), squeeze=False)
    told = []
    for axis, (name, survival) in zip(axes.flat, survivals.items()):
        axis.plot([0, 1], [0, 1], color=NEUTRAL, ls="--", lw=1)
        axis.fill_between([0, 1], [0, 0.5], color=NEUTRAL, alpha=0.15, lw=0)
        note = "reset: keeps less than\nhalf as much as elsewhere"
        axis.text(0.98, 0.03, note, ha="right", va="bottom", fontsize=8, color=INK)
        colours = colormaps["YlOrBr"](np.linspace(0.35, 0.95, len(survival.at_token)))
        points = zip(survival.elsewhere, survival.at_token, colours, "os^Dv<>p*hXP")
        for layer, (across, up, colour, marker) in enumerate(points):
            look = {"color": colour, "ms": 4, "alpha": 0.7, "label": f"layer {layer}"}
            axis.plot(across, up, marker, **look)
        axis.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), title=name)
        axis.set_xlabel(f"kept over {survival.steps} tokens elsewhere")
        axis.set_ylabel(f"kept over {survival.steps} tokens from {survival.token} on")
        reset = sum(survival.reset) / len(survival.reset)
        told.append(
            f"{name} ({survival.windows} places): {survival.at_token.mean():.0%} kept there,"
            f" {survival.elsewhere.mean():.0%} elsewhere, {reset:.0%} of channels reset"
        )
    axes.flat[0].legend(fontsize=8, loc="upper left")
    if title:
        figure.suptitle(title)
    reading = f"{'; '.join(told)}."
    return finish(figure, alt=f"Scatter plots, a dot for each channel. {reading}", reading=reading)


def plot_half_lives(models: Mapping[str, Float[Tensor, "layers e n"]], longest: int) -> Picture:
    """How many tokens until half of a state is gone: for each layer of each model the median, the
    middle half and nine tenths; a line at the `longest` word with its answer, in tokens.
    """
    rows = [
        (name, layer, half.flatten().double())
        for name, layers in models.items()
        for layer, half in enumerate(layers)
    ]
    figure, axis = new_figure(8.4, 0.9 + 0.32 * len(rows))
    points = torch.tensor([0.05, 0.25, 0.5, 0.75, 0.95], dtype=torch.float64)
    middle = []
    for row, (_, _, half) in enumerate(rows):
        ends = half.quantile(points).tolist()
        axis.plot(ends[::4], [row, row], color=NEUTRAL, lw=1.2)
        axis.plot(ends[1:4:2], [row, row], color=MAMBA, lw=7, solid_capstyle="butt")
        axis.plot(ends[2], row, "|", color=INK, ms=13, mew=2)
        middle.append(ends[2])
    axis.axvline(longest, color=SOURCE, ls=":", lw=1.5)
    axis.text(longest, -0.7, f" longest word\n and answer: {longest}", fontsize=8, color=SOURCE)
    axis.set_xscale("log")
    axis.xaxis.set_major_formatter(lambda value, _place: f"{value:g}")
    axis.set_yticks(range(len(rows)), [f"{name}, layer {layer}" for name, layer, _ in rows])
    axis.set_ylim(len(rows) - 0.4, -1.5)
    axis.set_xlabel("half-life of a state (tokens)")
    told = []
    for name in models:
        own = torch.cat([half for other, _, half in rows if other == name])
        longer, median = (own > longest).double().mean(), _rounded(float(own.median()))
        told.append(f"{name}: median {median} tokens, {longer:.0%} of states above {longest}")
    reading = f"Half-lives of states – {'; '.join(told)}."
    medians = ", ".join(
        f"{name} layer {layer} {_rounded(value)}" for (name, layer, _), value in zip(rows, middle)
    )
    return finish(figure, alt=f"Boxes on a logarithmic axis. Medians: {medians}.", reading=reading)
