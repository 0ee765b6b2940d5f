"""Two recorded runs side by side: their losses, and their mistakes by kind."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.ticker import MaxNLocator

from course.plots.axes import log_axis
from course.plots.style import NEUTRAL, SERIES, Picture, finish, new_figure
from nmt.runs import reported


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

    Raises:
        ValueError: if there are not two runs.
    """
    if len(runs) != 2 or set(runs) != set(kinds):
        raise ValueError("this figure shows two runs, each with its mistakes by kind")
    figure, (left, right) = new_figure(9.5, 3.8, columns=2)
    colours = dict(zip(runs, (SERIES[0], SERIES[1])))
    for name, record in runs.items():
        rows = record["epochs"]
        epochs = [row["epoch"] for row in rows]
        losses = [row["val_loss"] for row in rows]
        left.plot(epochs, losses, color=colours[name], lw=2, label=name)
        left.plot(epochs, [row["train_loss"] for row in rows], "--", color=colours[name], lw=1)
    left.plot([], [], "--", color=NEUTRAL, label="training words")
    log_axis(left, "y")
    left.set(xlabel="epoch", ylabel="loss (nats per token)")
    known = next(iter(kinds.values()))
    names = [kind for kind in known if any(found.get(kind) for found in kinds.values())] or ["none"]
    for place, (name, found) in enumerate(kinds.items()):
        at = [row - 0.2 + 0.4 * place for row in range(len(names))]
        counts = [found.get(kind, 0) for kind in names]
        bars = right.barh(at, counts, height=0.36, color=colours[name])
        right.bar_label(bars, padding=3, fontsize=8)
    right.set_yticks(range(len(names)), names)
    right.set_ylim(len(names) - 0.5, -0.5)
    right.set_xlabel("mistakes (words)")
    right.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    drawn = left.get_legend_handles_labels()
    figure.legend(*drawn, loc="outside lower center", ncols=3, fontsize=9)
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
    return finish(figure, alt=alt, reading=reading)


def _ends(record: Mapping[str, Any]) -> str:
    rows = record["epochs"]
    if not rows:
        return "nothing recorded"
    return f"{rows[0]['val_loss']:.2g} to {rows[-1]['val_loss']:.2g} nats per token"
