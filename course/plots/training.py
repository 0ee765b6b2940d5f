"""Figures of training and its result: curves, mistakes, runs side by side, loss."""

import math
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from course.plots.axes import draw_dots, percent_axis
from course.plots.colours import INK, MODEL, NEUTRAL
from course.plots.sketch import WIDTH, Panel, finish_sketch, legend, log_steps, steps_of
from course.plots.style import Picture, finish, new_figure
from course.plots.svg import Drawing
from nmt.data import VOCABULARY, WordPair
from nmt.pig_latin import RULE_CLASSES

GUESSING = math.log(VOCABULARY.size)  # nats per token of a uniform guess
_LENGTHS = {5: "up to 5 letters", 8: "6 to 8", 11: "9 to 11", 99: "12 and more"}


def _length_and_dash(pair: WordPair) -> str:
    if "-" in pair.source:
        return "with a dash"
    return next(name for most, name in _LENGTHS.items() if len(pair.source) <= most)


_KINDS: dict[str, tuple[Callable[[WordPair], str], Sequence[str]]] = {
    "rule class": (lambda pair: pair.rule_class, RULE_CLASSES),
    "length and dash": (_length_and_dash, [*_LENGTHS.values(), "with a dash"]),
}


def plot_learning_curves(rows: Sequence[Mapping[str, Any]], *, epochs: int = 0) -> Picture:
    """How a run went: loss and word accuracy after each epoch, on the training and on the
    validation words.

    Args:
        rows: one mapping an epoch with "epoch", "train_loss", "val_loss" (nats per token),
            "train_accuracy" and "val_accuracy" (shares of words): `state.progress.epochs`, or the
            "epochs" of a record.
        epochs: room to leave on the axis for a run that is still going on, in epochs.
    """
    done, last = [row["epoch"] for row in rows], rows[-1]
    drawing = Drawing(WIDTH, 330)
    reach = (0.5, max(epochs, last["epoch"]) + 0.5)
    smallest = min(min(row["train_loss"], row["val_loss"]) for row in rows)
    low = min(0.1, 0.8 * smallest)
    left = Panel(drawing, (84, 54, 300, 210), reach, (low, 6), log="y")
    right = Panel(drawing, (490, 54, 300, 210), reach, (-0.02, 1.05))
    left.axes("epoch", "loss (nats per token)", gap=6)
    right.axes("epoch", "words spelled right", gap=6)
    powers = log_steps(low, 6, most=7)
    left.ticks("y", powers, [f"{power:g}" for power in powers], grid=True)
    right.ticks("y", [n / 5 for n in range(6)], [f"{20 * n}%" for n in range(6)], grid=True)
    for panel, what in ((left, "loss"), (right, "accuracy")):
        places = [place for place in steps_of(*reach, 6) if place == int(place)]
        panel.ticks("x", places, [f"{place:g}" for place in places])
        for kind, colour, dash in (("train", NEUTRAL, "6 4"), ("val", MODEL, "")):
            values = [row[f"{kind}_{what}"] for row in rows]
            panel.line(done, values, colour, width=2, dash=dash)
            if len(rows) < 4:
                panel.dots(done, values, colour)
    left.line(reach, (GUESSING, GUESSING), NEUTRAL, dash="2 3")
    x, y = left.at(reach[1], GUESSING)
    guessing = f"guessing: log {VOCABULARY.size} = {GUESSING:.2f}"
    drawing.text(x, y - 10, guessing, size=12, colour=NEUTRAL, anchor="end")  # above its line
    names = [("training words", NEUTRAL, "6 4"), ("validation words", MODEL, "")]
    legend(drawing, names, 490, 24, across=150)
    reading = (
        f"After epoch {last['epoch']} the loss on validation words is {last['val_loss']:.2g} nats"
        f" per token (guessing: {GUESSING:.2f}), and {last['val_accuracy']:.1%} of them are"
        " spelled right."
    )
    alt = (
        f"Two panels, after each of {len(rows)} epochs. Left, on a logarithmic axis: the loss on"
        f" validation words goes from {rows[0]['val_loss']:.2g} to {last['val_loss']:.2g} nats per"
        f" token, on training words from {rows[0]['train_loss']:.2g} to"
        f" {last['train_loss']:.2g}; a dotted line marks guessing. Right: word accuracy goes from"
        f" {rows[0]['val_accuracy']:.0%} to {last['val_accuracy']:.0%} on validation words and"
        f" reaches {last['train_accuracy']:.0%} on training words."
    )
    return finish_sketch(drawing, alt=alt, reading=reading)


def plot_mistakes(
    pairs: Sequence[WordPair], wrong: Collection[str], by: str = "rule class"
) -> Picture:
    """Which words a model fails on: the share of mistakes in each group of words, with Wilson's
    95 % interval for it.

    Args:
        pairs: all words that were asked.
        wrong: the English words that were answered wrong.
        by: how to group: "rule class" or "length and dash".
    """
    if strangers := set(wrong) - {pair.source for pair in pairs}:
        raise ValueError(f"{min(strangers)!r} is not among the words that were asked")
    group_of, order = _KINDS[by]
    asked = Counter(map(group_of, pairs))
    failed = Counter(group_of(pair) for pair in pairs if pair.source in wrong)
    groups = {group: (failed[group], asked[group]) for group in order if asked[group]}
    drawing = Drawing(WIDTH, 330)
    panel = Panel(drawing, (190, 20, 510, 250), (-0.01, 1.01), (len(groups) - 0.4, -0.6))
    panel.axes("words spelled wrong, and the interval for the share", "")
    panel.ticks("x", [n / 5 for n in range(6)], [f"{20 * n}%" for n in range(6)], grid=True)
    panel.ticks("y", range(len(groups)), list(groups))
    for row, (missed, total) in enumerate(groups.values()):
        panel.line(wilson_interval(missed, total), (row, row), MODEL, width=5)
        panel.dots([missed / total], [row], INK, size=5)
        drawing.text(panel.right + 12, panel.at(0, row)[1], f"{missed} of {total}", anchor="start")
    total_missed = sum(missed for missed, _ in groups.values())
    reading = f"{total_missed} of {len(pairs)} words are wrong"
    if total_missed:
        worst = max(groups, key=lambda group: groups[group][0] / groups[group][1])
        missed, total = groups[worst]
        reading += f"; the largest share is {missed} of {total}, in the group “{worst}”"
    counts = ", ".join(f"{group}: {missed} of {total}" for group, (missed, total) in groups.items())
    return finish_sketch(
        drawing,
        alt=f"Dots with intervals: words spelled wrong by {by}. {counts}.",
        reading=reading + ".",
    )


def wilson_interval(count: int, total: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's interval for a share of which `count` of `total` were seen (95 % for z = 1.96):

        (p + z²/2n ± z √(p (1 − p) / n + z²/4n²)) / (1 + z²/n)

    Wilson 1927, https://doi.org/10.1080/01621459.1927.10502953.
    """
    share, part = count / total, z**2 / total
    middle = (share + part / 2) / (1 + part)
    reach = math.sqrt(z**2 * share * (1 - share) / total + part**2 / 4) / (1 + part)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def plot_comparison(values: Mapping[str, Sequence[float]]) -> Picture:
    """Several variants side by side: the share of words right of each run (seed) a dot, their mean
    a line, the best mean on top; `values` has a share for each run of each variant.
    """
    means = {name: sum(runs) / len(runs) for name, runs in values.items()}
    order = sorted(means, key=means.__getitem__, reverse=True)
    figure, axis = new_figure(8.5, 1.1 + 0.45 * len(order))
    look = {"color": MODEL, "alpha": 0.8, "label": "one run"}
    bars = {"color": INK, "lw": 2, "label": "mean"}
    rows = {name: values[name] for name in order}
    draw_dots(axis, rows, [means[name] for name in order], dots=look, bars=bars)
    axis.grid(axis="x", color="#dddddd", lw=0.6)
    axis.set_axisbelow(True)
    percent_axis(axis, "x", "words spelled right")
    axis.legend(loc="best", fontsize=9, frameon=False)
    best, worst = order[0], order[-1]
    first = f"{best} is best with {means[best]:.1%} on average"
    reading = f"Words spelled right: {first}, {worst} last with {means[worst]:.1%}."
    told = "; ".join(
        f"{name} {means[name]:.1%} (from {min(runs):.1%} to {max(runs):.1%})"
        for name, runs in rows.items()
    )
    counts = sorted({len(runs) for runs in values.values()})
    number = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    dots = f"{number} for each of {len(values)} variants, with their mean as a line"
    alt = f"Dots: words spelled right, {dots}. {told}."
    return finish(figure, alt=alt, reading=reading)


def plot_loss_against_accuracy(points: Sequence[tuple[float, float]], length: float) -> Picture:
    """Measured word accuracy against loss, beside exp(−loss · length), which would hold if mistakes
    came evenly.

    Args:
        points: (loss in nats per token, share of words right).
        length: mean number of target characters of a word, `<EOS>` counted.
    """
    losses, accuracies = zip(*points)
    steps = 1 + math.ceil(math.log(max(4.0, *losses) / 0.001, 1.1))
    grid = [0.001 * 1.1**step for step in range(steps)]
    figure, axis = new_figure(7.0, 3.4)
    promised = [math.exp(-loss * length) for loss in grid]
    axis.plot(grid, promised, color=INK, label=f"exp(−loss · {length:.1f})")
    measured = {"color": MODEL, "alpha": 0.7, "label": "measured, one dot an epoch"}
    axis.plot(losses, accuracies, "o", ms=4, **measured)
    axis.axvline(GUESSING, color=NEUTRAL, lw=1, ls=":")
    look = {"textcoords": "offset points", "ha": "right", "fontsize": 9}
    axis.annotate("guessing", (GUESSING, 1.02), (-4, 0), **look)
    axis.set_xscale("log")
    axis.set_xlabel("loss (nats per token)")
    percent_axis(axis, "y", "words spelled right", whole=True)
    axis.legend(loc="lower left", frameon=False)
    low = min(points)
    above = sum(accuracy > math.exp(-loss * length) for loss, accuracy in points)
    reading = (
        f"At a loss of {low[0]:.2g} the formula promises {math.exp(-low[0] * length):.0%} of the"
        f" words, and {low[1]:.0%} are right; {above} of {len(points)} measurements lie above the"
        " curve."
    )
    alt = (
        f"Word accuracy against loss on a logarithmic axis. The curve exp(−loss · {length:.1f})"
        f" falls from 100% to 0%; {len(points)} measured dots follow it, {above} of them above."
    )
    return finish(figure, alt=alt, reading=reading)
