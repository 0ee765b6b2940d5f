"""The lab report's figures: rows side by side, curves over a number, and the eight runs' losses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from textwrap import fill

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter, PercentFormatter

from course.plots.axes import spaced
from course.plots.style import (
    INK,
    MAMBA,
    MODEL,
    NEUTRAL,
    SERIES,
    TRANSFORMER,
    Picture,
    finish,
    new_figure,
)

_ACCURACY = "validation words spelled right"


@dataclass(frozen=True)
class Measured:
    """One row of a table: its word accuracies on validation, one a seed (none: not run yet), and
    what the student's report says of it.

    `x` is its place on a numeric axis, `line` the curve that it belongs to.
    """

    label: str
    values: tuple[float, ...]
    student: float | None = None
    x: float | None = None
    line: str = ""


def plot_rows(rows: Sequence[Measured], what: str, reading: str) -> Picture:
    """Rows from top to bottom in their own order: each seed a dot, their mean a line, the student's
    one run a hollow diamond.

    Args:
        rows: at least one.
        what: what varies between the rows.
        reading: one sentence that says what to see.

    Raises:
        ValueError: if there is no row.
    """
    if not rows:
        raise ValueError("a figure needs at least one row")
    figure, axis = new_figure(8.5, 1.2 + 0.36 * len(rows))
    for place, row in enumerate(rows):
        if row.values:
            axis.plot(
                row.values,
                [place] * len(row.values),
                "o",
                color=_colour(row.label),
                alpha=0.75,
                ms=6,
            )
            axis.plot([mean(row.values)] * 2, [place - 0.32, place + 0.32], color=INK, lw=2)
        else:
            axis.annotate(
                " not run yet",
                (0, place),
                va="center",
                color=NEUTRAL,
                fontsize=9,
                xycoords=("axes fraction", "data"),
            )
        if row.student is not None:
            axis.plot(row.student, place, "D", mfc="none", mec=NEUTRAL, ms=7)
    axis.set_yticks(range(len(rows)), [row.label for row in rows])
    axis.set_ylim(len(rows) - 0.5, -0.5)
    axis.set_xlabel(_ACCURACY)
    axis.set_ylabel(fill(what, 4 * len(rows) + 8))  # no taller than the figure
    _percent(axis.xaxis)
    axis.grid(axis="x", color="#dddddd", lw=0.6)
    axis.set_axisbelow(True)
    _legend(axis, any(row.student is not None for row in rows))
    return finish(figure, alt=_alt(rows, what), reading=reading)


def plot_lines(
    rows: Sequence[Measured],
    what: str,
    reading: str,
    *,
    log: bool = False,
    marks: Sequence[float] = (),
) -> Picture:
    """Accuracy over a number: each seed a dot, the means joined by a curve for each `line`, the
    student's runs hollow diamonds.

    Args:
        rows: at least one; each has an `x`.
        what: the label of the horizontal axis, with its unit.
        reading: one sentence that says what to see.
        log: whether that axis is logarithmic.
        marks: places on that axis to mark with a dotted line, such as where two curves cross.

    Raises:
        ValueError: if there is no row, or one has no `x`.
    """
    if not rows or any(row.x is None for row in rows):
        raise ValueError("a figure over a number needs rows that say where on its axis they stand")
    lines = list(dict.fromkeys(row.line for row in rows))
    figure, axis = new_figure(7.5, 3.6)
    colours = _line_colours(lines)
    for place, line in enumerate(lines):
        measured = [row for row in rows if row.line == line and row.values]
        style = (
            "-" if colours.index(colours[place]) == place else "--"
        )  # a second line of one colour is dashed
        axis.plot(
            [row.x for row in measured],
            [mean(row.values) for row in measured],
            style,
            color=colours[place],
            lw=2,
            label=line or None,
        )
        for row in measured:
            axis.plot(
                [row.x] * len(row.values), row.values, "o", color=colours[place], alpha=0.6, ms=5
            )
    for row in rows:
        if row.student is not None:
            axis.plot(row.x, row.student, "D", mfc="none", mec=NEUTRAL, ms=7)
    for mark in marks:
        axis.axvline(mark, color=NEUTRAL, lw=1, ls=":")
    ticks = sorted({row.x for row in rows if row.x is not None})
    if log:
        axis.set_xscale("log")
        axis.xaxis.set_minor_formatter(NullFormatter())
        axis.set_xlim(ticks[0] / 1.2, ticks[-1] * 1.2)
    if not any(row.values or row.student is not None for row in rows):
        axis.set_ylim(0, 1)
    axis.set_xticks(
        ticks,
        [_number(tick) if tick in spaced(ticks, log=log) else "" for tick in ticks],
        fontsize=8 if len(ticks) > 5 else 10,
    )
    axis.minorticks_off()
    axis.set_xlabel(what)
    axis.set_ylabel(_ACCURACY)
    _percent(axis.yaxis)
    axis.grid(color="#dddddd", lw=0.6)
    axis.set_axisbelow(True)
    handles = [
        handle
        for handle in axis.get_lines()
        if handle.get_label() and not str(handle.get_label()).startswith("_")
    ]
    _legend(axis, any(row.student is not None for row in rows), handles)
    return finish(figure, alt=_alt(rows, what), reading=reading)


def plot_calibration(tests: Mapping[str, Sequence[float]], reading: str) -> Picture:
    """How often tests find a difference where there is none, over how often they say they do.

    Args:
        tests: for each test the p-values of comparisons of a setting with itself.
        reading: one sentence that says what to see.

    Raises:
        ValueError: if a test has no p-value.
    """
    if not tests or not all(tests.values()):
        raise ValueError("each test needs p-values to be drawn")
    levels = [place / 200 for place in range(1, 101)]
    figure, axis = new_figure(5.5, 3.6)
    axis.plot([0, 0.5], [0, 0.5], color=NEUTRAL, lw=1, ls=":", label="as promised")
    told = []
    for (name, ps), colour, style in zip(tests.items(), SERIES, ("-", "--", "-.")):
        found = [sum(p < level for p in ps) / len(ps) for level in levels]
        axis.plot(levels, found, style, color=colour, lw=2, label=name)
        told.append(f"{name}: {sum(p < 0.05 for p in ps) / len(ps):.1%}")
    axis.axvline(0.05, color=NEUTRAL, lw=0.8)
    axis.set_xlabel("promised: p below this level")
    axis.set_ylabel("found: share of comparisons")
    for one in (axis.xaxis, axis.yaxis):
        _percent(one)
    axis.grid(color="#dddddd", lw=0.6)
    axis.legend(loc="best", fontsize=8)
    alt = f"Share of false findings over the promised level. At 5 % it is {', '.join(told)}."
    return finish(figure, alt=alt, reading=reading)


def plot_loss_curves(
    runs: Mapping[str, Sequence[Sequence[Mapping[str, float]]]], reading: str
) -> Picture:
    """The losses of several runs, one panel each: training words dashed, validation words solid,
    one curve a seed.

    Args:
        runs: for each panel, the epochs' rows of each seed ("epoch", "train_loss", "val_loss", in
            nats per token).
        reading: one sentence that says what to see.

    Raises:
        ValueError: if there is no run.
    """
    if not runs or not all(runs.values()):
        raise ValueError("each panel needs the curves of at least one run")
    columns = min(4, len(runs))
    lines = -(-len(runs) // columns)
    figure, axes = new_figure(
        2.6 * columns, 2.3 * lines + 0.3, lines, columns, squeeze=False, sharey=True
    )
    for axis, (name, seeds) in zip(axes.flat, runs.items()):
        for rows in seeds:
            epochs = [row["epoch"] for row in rows]
            axis.plot(epochs, [row["train_loss"] for row in rows], "--", color=NEUTRAL, lw=1)
            axis.plot(epochs, [row["val_loss"] for row in rows], color=_colour(name), lw=1.5)
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


def _colour(label: str) -> str:
    """The colour of the model that a label names, or that of any model."""
    for word, colour in (("transformer", TRANSFORMER), ("Mamba", MAMBA)):
        if word in label:
            return colour
    return MODEL


def _line_colours(lines: Sequence[str]) -> list[str]:
    named = [_colour(line) for line in lines]
    return (
        named
        if all(colour != MODEL for colour in named)
        else [MODEL]
        if len(lines) == 1
        else SERIES[: len(lines)]
    )


def _number(tick: float) -> str:
    return f"{tick:,g}" if tick < 1e6 else f"{tick:g}"


def _percent(axis: object) -> None:
    axis.set_major_formatter(PercentFormatter(1, decimals=None))  # type: ignore[attr-defined]


def _legend(axis: Axes, student: bool, lines: Sequence[Line2D] = ()) -> None:
    handles = [*lines, Line2D([], [], marker="o", ls="", color=NEUTRAL, label="one seed")]
    if not lines:
        handles.append(Line2D([], [], color=INK, lw=2, label="mean"))
    if student:
        handles.append(
            Line2D([], [], marker="D", ls="", mfc="none", color=NEUTRAL, label="the student's run")
        )
    axis.legend(handles=handles, loc="best", fontsize=8)


def _alt(rows: Sequence[Measured], what: str) -> str:
    told = []
    for row in rows:
        text = "not run yet"
        if row.values:
            text = (
                f"{mean(row.values):.1%} (seeds from {min(row.values):.1%} to"
                f" {max(row.values):.1%})"
            )
        told.append(
            f"{row.label}: {text}"
            + (f", the student {row.student:.1%}" if row.student is not None else "")
        )
    return f"Word accuracy on validation by {what}. {'; '.join(told)}."
