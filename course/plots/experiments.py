"""The lab report's figures: rows side by side, curves over a number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullFormatter, PercentFormatter

from course.plots.axes import percent_axis, spaced
from course.plots.colours import INK, MODEL, NEUTRAL, SERIES
from course.plots.costs import model_colour
from course.plots.intervals import Interval, draw_interval, points_axis
from course.plots.intervals import told as interval_words
from course.plots.style import Picture, finish, new_figure

_ACCURACY = "validation words spelled right"


@dataclass(frozen=True)
class Measured:
    """One row of a table: its word accuracies on validation, one a seed (none: not run yet), and
    what the student's report says of it.

    `x` is its place on a numeric axis, `line` the curve that it belongs to. `against` is its
    difference to the row that `reference` marks, and the ends of the 95 % interval, in shares.
    """

    label: str
    values: tuple[float, ...]
    student: float | None = None
    x: float | None = None
    line: str = ""
    reference: bool = False
    against: Interval | None = None


def plot_rows(rows: Sequence[Measured], what: str, reading: str) -> Picture:
    """Rows from top to bottom in their own order: each seed a dot, their mean a line, the student's
    one run a hollow diamond; beside them the difference to the bold row with its 95 % interval.

    Args:
        rows: at least one.
        what: what varies between the rows.
    """
    against = [row.against for row in rows if row.against]
    widths: Any = {"width_ratios": (3, 2)} if against else {}
    height, columns = 0.95 + 0.24 * len(rows), 1 + bool(against)
    figure, axes = new_figure(8.5, height, 1, columns, squeeze=False, gridspec_kw=widths)
    axis = axes[0, 0]
    for place, row in enumerate(rows):
        colour = model_colour(row.label)
        if row.values:
            seeds = [place] * len(row.values)
            axis.plot(row.values, seeds, "o", color=colour, alpha=0.75, ms=5)
            axis.plot([mean(row.values)] * 2, [place - 0.32, place + 0.32], color=INK, lw=2)
        else:
            words: Any = {"va": "center", "color": NEUTRAL, "fontsize": 9}
            axis.text(0, place, " not run yet", transform=axis.get_yaxis_transform(), **words)
        if row.student is not None:
            axis.plot(row.student, place, "D", mfc="none", mec=NEUTRAL, ms=6)
        if row.against:
            draw_interval(axes[0, 1], place, row.against, INK if colour == MODEL else colour)
    axis.set_yticks(range(len(rows)), [row.label for row in rows])
    for label, row in zip(axis.get_yticklabels(), rows):
        label.set_weight("bold" if row.reference else "normal")
    axis.set_ylim(len(rows) - 0.5, -0.5)
    percent_axis(axis, "x", _ACCURACY)
    axis.xaxis.set_major_locator(MaxNLocator(5))
    axis.grid(axis="x", color="#dddddd", lw=0.6)
    axis.set_axisbelow(True)
    handles = _handles(any(row.student is not None for row in rows))
    if against:
        axes[0, 1].set_yticks(range(len(rows)), [""] * len(rows))
        axes[0, 1].set_ylim(len(rows) - 0.5, -0.5)
        points_axis(axes[0, 1], against, "points against the bold row,\n95 % interval")
        label = "interval excludes 0 (p not corrected)"
        handles.append(Line2D([], [], marker="o", color=INK, lw=2, label=label))
    figure.legend(handles=handles, loc="outside upper left", ncols=4, fontsize=8)
    return finish(figure, alt=_alt(rows, what), reading=reading)


def plot_lines(
    rows: Sequence[Measured],
    what: str,
    reading: str,
    *,
    log: bool = False,
    marks: Sequence[float] = (),
) -> Picture:
    """Accuracy over a number: each seed a dot, the means joined by a curve for each `line`.

    Args:
        rows: at least one; each has an `x`.
        what: the label of the horizontal axis, with its unit.
        log: whether that axis is logarithmic.
        marks: places on that axis to mark with a dotted line, such as where two curves cross.
    """
    lines = list(dict.fromkeys(row.line for row in rows))
    figure, axis = new_figure(7.5, 3.0)
    colours = [model_colour(line) for line in lines]
    if MODEL in colours and len(lines) > 1:
        colours = SERIES[: len(lines)]
    for place, line in enumerate(lines):
        measured = [row for row in rows if row.line == line and row.values]
        colour = colours[place]
        style = "-" if colours.index(colour) == place else "--"  # a second line of one colour
        xs, means = [row.x for row in measured], [mean(row.values) for row in measured]
        axis.plot(xs, means, style, color=colour, lw=2, label=line or None)
        for row in measured:
            at = [row.x] * len(row.values)
            axis.plot(at, row.values, "o", color=colour, alpha=0.6, ms=5)
    for mark in marks:
        axis.axvline(mark, color=NEUTRAL, lw=1, ls=":")
    ticks = sorted({row.x for row in rows if row.x is not None})
    if log:
        axis.set_xscale("log")
        axis.xaxis.set_minor_formatter(NullFormatter())
        axis.set_xlim(ticks[0] / 1.2, ticks[-1] * 1.2)
    if not any(row.values for row in rows):
        axis.set_ylim(0, 1)
    numbers = [f"{tick:,g}" if tick in spaced(ticks, log=log) else "" for tick in ticks]
    axis.set_xticks(ticks, numbers, fontsize=8 if len(ticks) > 5 else 10)
    axis.minorticks_off()
    axis.set_xlabel(what)
    axis.set_ylabel(_ACCURACY)
    axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=None))
    axis.grid(color="#dddddd", lw=0.6)
    axis.set_axisbelow(True)
    handles = [one for one in axis.get_lines() if not str(one.get_label()).startswith("_")]
    axis.legend(handles=[*handles, _handles(False)[0]], loc="best", fontsize=8)
    return finish(figure, alt=_alt(rows, what), reading=reading)


def plot_calibration(tests: Mapping[str, Sequence[float]], reading: str) -> Picture:
    """How often tests find a difference where there is none, over how often they say they do: for
    each test the p-values of comparisons of a setting with itself.
    """
    levels = [place / 200 for place in range(1, 101)]
    figure, axis = new_figure(5.5, 3.0)
    axis.plot([0, 0.5], [0, 0.5], color=NEUTRAL, lw=1, ls=":", label="as promised")
    told = []
    for (name, ps), colour, style in zip(tests.items(), SERIES, ("-", "--", "-.")):
        found = [sum(p < level for p in ps) / len(ps) for level in levels]
        axis.plot(levels, found, style, color=colour, lw=2, label=name)
        told.append(f"{name}: {sum(p < 0.05 for p in ps) / len(ps):.1%}")
    axis.axvline(0.05, color=NEUTRAL, lw=0.8)
    percent_axis(axis, "x", "promised: p below this level")
    percent_axis(axis, "y", "found: share of comparisons")
    axis.grid(color="#dddddd", lw=0.6)
    axis.legend(loc="best", fontsize=8)
    alt = f"Share of false findings over the promised level. At 5 % it is {', '.join(told)}."
    return finish(figure, alt=alt, reading=reading)


def _handles(student: bool) -> list[Line2D]:
    """What a dot, a line and a diamond stand for."""
    handles = [
        Line2D([], [], marker="o", ls="", color=NEUTRAL, label="one seed"),
        Line2D([], [], color=INK, lw=2, label="mean"),
    ]
    if student:
        look: Any = {"marker": "D", "ls": "", "mfc": "none", "color": NEUTRAL}
        handles.append(Line2D([], [], **look, label="the student's run"))
    return handles


def _alt(rows: Sequence[Measured], what: str) -> str:
    told = []
    for row in rows:
        text = f"{row.label}: not run yet"
        if row.values:
            ends = f"seeds from {min(row.values):.1%} to {max(row.values):.1%}"
            text = f"{row.label}: {mean(row.values):.1%} ({ends})"
        if row.student is not None:
            text += f", the student {row.student:.1%}"
        if row.against:
            text += f", against the bold row {interval_words(row.against)}"
        told.append(text)
    return f"Word accuracy on validation by {what}. {'; '.join(told)}."
