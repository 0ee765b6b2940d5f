"""How runs came to what they reach: losses, accuracies and learning rates over the epochs."""

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any

from matplotlib.lines import Line2D

from course.plots.axes import log_axis, percent_axis
from course.plots.costs import model_colour
from course.plots.style import INK, NEUTRAL, Picture, finish, new_figure


def plot_loss_curves(
    runs: Mapping[str, Sequence[Sequence[Mapping[str, float]]]], reading: str
) -> Picture:
    """The losses of several runs, one panel each: training words dashed, validation words solid,
    one curve a seed.

    Args:
        runs: for each panel, the epochs' rows of each seed ("epoch", "train_loss", "val_loss", in
            nats per token).
    """
    columns = min(4, len(runs))
    lines = -(-len(runs) // columns)
    figure, axes = new_figure(
        2.6 * columns, 2.3 * lines + 0.3, lines, columns, squeeze=False, sharey=True
    )
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
    handles = [
        Line2D([], [], color=INK, label="validation words"),
        Line2D([], [], ls="--", color=NEUTRAL, label="training words"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, fontsize=9)
    ends = {name: mean(rows[-1]["val_loss"] for rows in seeds) for name, seeds in runs.items()}
    gaps = {
        name: mean(rows[-1]["val_loss"] - rows[-1]["train_loss"] for rows in seeds)
        for name, seeds in runs.items()
    }
    told = "; ".join(
        f"{name}: {ends[name]:.2g}, {gaps[name]:+.2g} from the training words" for name in runs
    )
    return finish(
        figure,
        alt=f"{len(runs)} panels of losses over epochs. Last validation loss of each: {told}.",
        reading=reading,
    )


def plot_training(
    runs: Mapping[str, Sequence[Sequence[Mapping[str, float]]]], reading: str
) -> Picture:
    """How runs came to what they reach: a column for each row, with its loss and accuracy (training
    words dashed, validation words solid, a curve a seed) and its learning rate below each other.

    Args:
        runs: for each column, the epochs of each seed (as in `plot_loss_curves`, with
            "train_accuracy", "val_accuracy" and "learning_rate").
    """
    figure, axes = new_figure(
        2.4 * len(runs), 5.0, 3, len(runs), squeeze=False, sharey="row", sharex="col"
    )
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
    look: Any = {"color": NEUTRAL, "ls": "--", "label": "training words"}
    handles = [Line2D([], [], color=INK, label="validation words"), Line2D([], [], **look)]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, fontsize=9)
    alt = f"Loss, accuracy and learning rate over the epochs. {'; '.join(told)}."
    return finish(figure, alt=alt, reading=reading)
