"""Which setting matters: all experiments that turn one knob, and one of them at a time."""

import math
from collections.abc import Mapping, Sequence
from statistics import mean

from course.lab.grid import Experiment
from course.lab.tables import Outcome
from course.lab.verdicts import LEVEL
from course.plots.axes import percent_axis
from course.plots.colours import INK, NEUTRAL, SERIES
from course.plots.costs import model_colour
from course.plots.report_files import picture
from course.plots.sketch import WIDTH, Panel, finish_sketch, legend, powers_of_ten, steps_of
from course.plots.style import Picture, finish, new_figure
from course.plots.svg import Drawing

WORDS, LOSS, RATE = VIEWS = "words right", "validation loss", "learning rate"
_KEYS = {WORDS: "val_accuracy", LOSS: "val_loss", RATE: "learning_rate"}
_PLAIN = {"accumulation": "batches a step", "delta-scale": "scale of Δ"}
Found = tuple[Experiment, Sequence[Outcome]]


def one_notch(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """The base of an experiment and the rows next to it; nothing while one of them is not run."""
    base = next((place for place, one in enumerate(outcomes) if one.reference), None)
    if base is None:
        return []
    near = list(outcomes[max(0, base - 1) : base + 2])
    return near if all(one.records for one in near) else []


def reach(outcomes: Sequence[Outcome]) -> float:
    """The largest difference of means among rows, in shares of the words; 0 without any."""
    means = [one.accuracy for one in outcomes if one.accuracy is not None]
    return max(means) - min(means) if means else 0.0


def plot_knobs(knobs: Sequence[Found], reading: str) -> Picture:
    """Each knob (an experiment that changes one setting) a line: what its settings reach, thick
    from the base to the settings next to it, the knobs of a model in the order of that thick part.
    A row that may be luck is a small dot with a grey rim.
    """
    ordered = sorted(knobs, key=lambda one: (_kind(one[1]), -reach(one_notch(one[1]))))
    figure, axis = new_figure(8.5, 1.1 + 0.26 * len(ordered))
    words = []
    for place, (experiment, outcomes) in enumerate(ordered):
        colour = model_colour(_kind(outcomes))
        known = [(one.row.label, one.accuracy) for one in outcomes if one.accuracy is not None]
        for group, width in ((outcomes, 1.0), (one_notch(outcomes), 6.0)):
            means = [one.accuracy for one in group if one.accuracy is not None]
            if means:
                ends = [min(means), max(means)]
                axis.plot(ends, [place] * 2, color=colour, lw=width, alpha=0.8)
        for one in outcomes:
            if one.accuracy is not None:
                fill = colour if one.reference else "white"
                luck = one.against is not None and one.against.p >= LEVEL
                edge, size = (NEUTRAL, 4.5) if luck else (INK, 6.0)
                axis.plot(one.accuracy, place, "o", ms=size, mfc=fill, mec=edge, zorder=3)
        if known:
            low, high = (choose(known, key=lambda one: one[1]) for choose in (min, max))
            for (label, share), way, shift in ((low, "right", -7), (high, "left", 7)):
                look = {"fontsize": 7.5, "color": NEUTRAL, "ha": way, "va": "center"}
                axis.annotate(label, (share, place), (shift, 0), textcoords="offset points", **look)
        notch = 100 * reach(one_notch(outcomes))
        listed = ", ".join(f"{label} {share:.1%}" for label, share in known)
        words.append(f"{experiment.axis} ({_kind(outcomes)}): {listed}; one notch {notch:.1f}")
    names = [f"{_kind(outcomes)}: {knob_name(experiment)}" for experiment, outcomes in ordered]
    axis.set_yticks(range(len(ordered)), names, fontsize=8.5)
    axis.set_ylim(len(ordered) - 0.4, -0.6)
    axis.set_xlim(-0.3, 1.34)
    axis.set_xticks([0, 0.25, 0.5, 0.75, 1])
    axis.spines["bottom"].set_bounds(0, 1)  # the room beside it is for labels
    percent_axis(axis, "x", "validation words spelled right, mean of the seeds")
    axis.grid(axis="x", color="#dddddd", lw=0.6)
    dots = {"base": (INK, INK, 6.0), "beyond luck": ("white", INK, 6.0)}
    dots["may be luck"] = ("white", NEUTRAL, 4.5)
    for label, (fill, edge, size) in dots.items():
        axis.plot([], [], "o", ms=size, mfc=fill, mec=edge, label=label)
    axis.plot([], [], color=NEUTRAL, lw=6, alpha=0.8, label="one notch off")
    figure.legend(loc="outside upper right", ncols=4, fontsize=8)
    return finish(figure, alt=f"Reach of each setting. {'. '.join(words)} points.", reading=reading)


def plot_experiment(experiment: Experiment, outcomes: Sequence[Outcome], view: str) -> Picture:
    """One experiment: its rows with their seeds and differences, or its curves over the epochs.

    `view` is one of `VIEWS`. Raises ValueError if no row is run.
    """
    run = [one for one in outcomes if one.records]
    if not run:
        raise ValueError(f"{experiment.name} is not run yet")
    if view == WORDS:
        reading = f"{experiment.question} Words right: a dot a seed, the mean a line."
        return picture(experiment, outcomes, reading)
    return _curves(experiment, run, view)


def knob_name(experiment: Experiment) -> str:
    """What the experiment turns, as figures and menus name it: "mamba-layers" is "layers"."""
    name = experiment.name.removeprefix("mamba-").replace("transformer", "learning")
    return _PLAIN.get(name, name.replace("-", " "))


def _curves(experiment: Experiment, run: Sequence[Outcome], view: str) -> Picture:
    """The mean over the seeds after each epoch, a line a row."""
    lines = {one.row.label: _mean_curve(one, _KEYS[view]) for one in run}
    log = all(value > 0 for line in lines.values() for value in line) and view == LOSS
    values = [value for line in lines.values() for value in line]
    low, high = (min(values), max(values)) if log else (0.0, max(values) * 1.05)
    drawing = Drawing(WIDTH, max(330, 60 + 20 * len(lines)))
    longest = max(map(len, lines.values()))
    reached = (1, max(2, longest))
    panel = Panel(drawing, (84, 24, 410, 230), reached, (low, high), "y" if log else "")
    panel.ticks("y", powers_of_ten(low, high) if log else steps_of(low, high, 4), grid=True)
    epochs = sorted({1, longest // 2 or 1, longest})
    panel.ticks("x", epochs, [str(epoch) for epoch in epochs])
    panel.axes("epoch", LOSS + " (nats per token)" if view == LOSS else view, gap=8)
    entries = []
    for place, (label, line) in enumerate(lines.items()):
        colour, dash = SERIES[place % len(SERIES)], "" if place < len(SERIES) else "5 3"
        panel.line(range(1, len(line) + 1), line, colour, width=2, dash=dash)
        entries.append((label, colour, dash))
    legend(drawing, entries, 520, 30)
    listed = "; ".join(f"{label}: {line[-1]:.3g}" for label, line in lines.items())
    alt = f"{view} over the epochs. At the end {listed}."
    reading = f"{experiment.question} The {view} after each epoch, mean over the seeds."
    return finish_sketch(drawing, alt=alt, reading=reading)


def _mean_curve(outcome: Outcome, key: str) -> list[float]:
    """The mean over the seeds, as far as all of them got, and as long as it is finite."""
    curves: list[list[Mapping[str, float]]] = [one["epochs"] for one in outcome.records]
    found = []
    for rows in zip(*curves):
        value = mean(math.nan if row.get(key) is None else row[key] for row in rows)
        if math.isnan(value) or value == math.inf:
            break
        found.append(value)
    return found or [1.0]


def _kind(outcomes: Sequence[Outcome]) -> str:
    """The model of these rows, as figures name it."""
    kinds = {one.records[0]["model"]["kind"] for one in outcomes if one.records}
    return {"mamba": "Mamba"}.get(kinds.pop(), "transformer") if len(kinds) == 1 else "both"
