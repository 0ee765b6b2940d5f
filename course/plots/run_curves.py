"""How runs came to what they reach: losses, accuracies and learning rates over the epochs, and
two runs side by side.
"""

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from course.plots.axes import log_axis, percent_axis
from course.plots.bars import draw_bars_across
from course.plots.colours import INK, NEUTRAL, SERIES
from course.plots.costs import model_colour
from course.plots.sketch import WIDTH, Panel, finish_sketch, legend, log_steps, steps_of
from course.plots.style import Picture, finish, new_figure
from course.plots.svg import Drawing
from nmt.runs import reported

# For each name the epochs' rows of each seed: "epoch", and losses in nats per token, accuracies, …
Runs = Mapping[str, Sequence[Sequence[Mapping[str, float]]]]


def plot_loss_curves(runs: Runs, reading: str) -> Picture:
    """The losses ("train_loss", "val_loss") of several runs, one panel each: training words dashed,
    validation words solid, one curve a seed.
    """
    columns = min(4, len(runs))
    lines = -(-len(runs) // columns)
    size = 2.6 * columns, 2.3 * lines + 0.3, lines, columns
    figure, axes = new_figure(*size, squeeze=False, sharey=True)
    for axis, (name, seeds) in zip(axes.flat, runs.items()):
        for rows in seeds:
            epochs = [row["epoch"] for row in rows]
            axis.plot(epochs, [row["train_loss"] for row in rows], "--", color=NEUTRAL, lw=1)
            axis.plot(epochs, [row["val_loss"] for row in rows], color=model_colour(name), lw=1.5)
        axis.set_yscale("log")
        axis.set_title(name, fontsize=9)
        axis.set_xlabel("epoch")
    for axis in axes[:, 0]:
        axis.set_ylabel("loss (nats per token)", fontsize=9)
        axis.yaxis.set_major_formatter(lambda value, _place: f"{value:g}")
    for axis in axes.flat[len(runs) :]:
        axis.set_visible(False)
    _legend_of_words(figure)
    told = []
    for name, seeds in runs.items():
        end = mean(rows[-1]["val_loss"] for rows in seeds)
        gap = mean(rows[-1]["val_loss"] - rows[-1]["train_loss"] for rows in seeds)
        told.append(f"{name}: {end:.2g}, {gap:+.2g} from the training words")
    listed = "; ".join(told)
    alt = f"{len(runs)} panels of losses over epochs. Last validation loss of each: {listed}."
    return finish(figure, alt=alt, reading=reading)


def _legend_of_words(figure: Figure) -> None:
    look: Any = {"color": NEUTRAL, "ls": "--", "label": "training words"}
    handles = [Line2D([], [], color=INK, label="validation words"), Line2D([], [], **look)]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, fontsize=9)


def plot_training(runs: Runs, reading: str) -> Picture:
    """How runs came to what they reach: a column for each, with its loss and accuracy (training
    words dashed, validation words solid, a curve a seed) and its "learning_rate" below each other.
    """
    look: Any = {"squeeze": False, "sharey": "row", "sharex": "col"}
    figure, axes = new_figure(2.4 * len(runs), 5.0, 3, len(runs), **look)
    told = []
    for column, (name, seeds) in enumerate(runs.items()):
        colour = model_colour(name)
        for rows in seeds:
            epochs = [row["epoch"] for row in rows]
            for axis, measure in zip(axes[:2, column], ("loss", "accuracy")):
                seen, asked = ([row[f"{s}_{measure}"] for row in rows] for s in ("train", "val"))
                axis.plot(epochs, seen, "--", color=NEUTRAL, lw=1)
                axis.plot(epochs, asked, color=colour, lw=1.5)
            axes[2, column].plot(epochs, [row["learning_rate"] for row in rows], color=INK, lw=1)
        axes[0, column].set_title(name, fontsize=10)
        axes[2, column].set_xlabel("epoch")
        last, peak = [rows[-1] for rows in seeds], max(row["learning_rate"] for row in seeds[0])
        ends = mean(row["val_loss"] for row in last), mean(row["val_accuracy"] for row in last)
        told.append(f"{name}: rate up to {peak:g}, at the end loss {ends[0]:.2g}, {ends[1]:.1%}")
    log_axis(axes[0, 0], "y")
    percent_axis(axes[1, 0], "y", "words right")
    axes[0, 0].set_ylabel("loss\n(nats per token)")
    axes[2, 0].set_ylabel("learning rate")
    _legend_of_words(figure)
    alt = f"Loss, accuracy and learning rate over the epochs. {'; '.join(told)}."
    return finish(figure, alt=alt, reading=reading)


def plot_two_runs(
    runs: Mapping[str, Mapping[str, Any]],
    kinds: Mapping[str, Mapping[str, int]],
    apart: Sequence[int],
) -> Picture:
    """Two recorded runs together: their losses over the epochs, and their mistakes by kind.

    Args:
        runs: two records, by the names to show.
        kinds: for each of them, how many of its mistakes are of each kind.
        apart: how many words only the first has right, and only the second.
    """
    drawing = Drawing(WIDTH, 410)
    colours = dict(zip(runs, SERIES))
    _draw_losses(drawing, runs, colours)
    _draw_kinds(drawing, kinds, colours)
    entries = [(name, colours[name], "") for name in runs]
    legend(drawing, [*entries, ("training words", NEUTRAL, "6 4")], 84, 350)
    accuracies = {name: reported(record)["val_accuracy"] for name, record in runs.items()}
    told = ", ".join(f"{name} {accuracy:.1%}" for name, accuracy in accuracies.items())
    first, second = runs
    reading = (
        f"Validation words right: {told}. {apart[0]} words only {first} has right, {apart[1]} only"
        f" {second}."
    )
    ends = "; ".join(f"{name} from {_ends(record)}" for name, record in runs.items())
    listed = "; ".join(
        f"{name}: " + (", ".join(f"{k} {c}" for k, c in found.items() if c) or "none")
        for name, found in kinds.items()
    )
    alt = f"Left, validation losses over epochs: {ends}. Right, mistakes by kind. {listed}."
    return finish_sketch(drawing, alt=alt, reading=reading)


def _draw_losses(
    drawing: Drawing, runs: Mapping[str, Mapping[str, Any]], colours: Mapping[str, str]
) -> None:
    """Over the epochs, on a logarithmic axis: validation words whole, training words dashed."""
    sets = ("val_loss", "train_loss")
    rows = [row for record in runs.values() for row in record["epochs"]]
    losses = [row[name] for row in rows for name in sets] or [1.0]
    low, high = 0.8 * max(min(losses), 1e-6), 1.25 * max(losses)
    last = max((row["epoch"] for row in rows), default=1)
    panel = Panel(drawing, (84, 30, 330, 250), (0.5, last + 0.5), (low, high), log="y")
    powers = log_steps(low, high, most=8)
    panel.ticks("y", powers, [f"{power:g}" for power in powers], grid=True)
    epochs = [place for place in steps_of(0.5, last + 0.5, 6) if place == int(place)]
    panel.ticks("x", epochs, [f"{place:g}" for place in epochs])
    panel.axes("epoch", "loss (nats per token)", gap=6)
    for name, record in runs.items():
        done = [row["epoch"] for row in record["epochs"]]
        for kind, width, dash in zip(sets, (2, 1), ("", "6 4")):
            values = [row[kind] for row in record["epochs"]]
            panel.line(done, values, colours[name], width=width, dash=dash)


def _draw_kinds(
    drawing: Drawing, kinds: Mapping[str, Mapping[str, int]], colours: Mapping[str, str]
) -> None:
    """A row for each kind that one of them has, a bar for each run."""
    known = next(iter(kinds.values()))
    names = [kind for kind in known if any(found.get(kind) for found in kinds.values())] or ["none"]
    most = max((count for found in kinds.values() for count in found.values()), default=0) or 1
    box = (556, 30, 230, 250)
    panel = Panel(drawing, box, (0, 1.15 * most), (len(names) - 0.5, -0.5))
    steps = [step for step in steps_of(0, most, 5) if step == int(step)]
    panel.ticks("x", steps, [f"{step:g}" for step in steps], grid=True)
    for place, (name, found) in enumerate(kinds.items()):
        at = [row - 0.2 + 0.4 * place for row in range(len(names))]
        counts = [found.get(kind, 0) for kind in names]
        notes = [f"{count:,}" for count in counts]
        draw_bars_across(panel, at, counts, colours[name], notes, thick=0.36)
    panel.axes("mistakes (words)", "")
    panel.ticks("y", range(len(names)), names)


def _ends(record: Mapping[str, Any]) -> str:
    rows = record["epochs"]
    if not rows:
        return "nothing recorded"
    return f"{rows[0]['val_loss']:.2g} to {rows[-1]['val_loss']:.2g} nats per token"
