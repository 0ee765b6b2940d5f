"""Two recorded runs side by side: their losses, and their mistakes by kind."""

from collections.abc import Mapping, Sequence
from typing import Any

from course.plots.bars import draw_bars_across
from course.plots.sketch import (
    WIDTH,
    Panel,
    finish_sketch,
    legend,
    powers_of_ten,
    steps_of,
)
from course.plots.style import NEUTRAL, SERIES, Picture
from course.plots.svg import Drawing
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
    """
    drawing = Drawing(WIDTH, 410, "", "")
    colours = dict(zip(runs, (SERIES[0], SERIES[1])))
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
    powers = [n * ten for ten in powers_of_ten(low / 10, high) for n in (1, 2, 5)]
    powers = [power for power in powers if low <= power <= high]
    if len(powers) > 8:
        powers = powers_of_ten(low, high)
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
