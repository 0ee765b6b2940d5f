"""Figures of how long scans take: by length, by width, two ways to loop, and compiled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes

from course.plots.axes import log_axis, spaced
from course.plots.scans import SCAN_COLOURS, SCAN_LINES, SCAN_NAMES, scan_style
from course.plots.sketch import WIDTH, Panel, finish_sketch, legend, powers_of_ten
from course.plots.style import INK, NEUTRAL, Picture, finish, new_figure
from course.plots.svg import Drawing

Row = Mapping[
    str, Any
    # one measurement: "method", "length", "numbers", and "forward" and "both" with "median" and
    # "fastest" seconds
]
PARTS = {"forward": "forward", "both": "forward + backward"}


def plot_scan_times(rows: Sequence[Row], title: str = "") -> Picture:
    """Milliseconds against length, forward and forward + backward, one line a method (the median of
    several runs).

    Raises ValueError without any measurement.
    """
    if not rows:
        raise ValueError(
            "there is no measurement to draw; choose another width or number of threads"
        )
    drawing = Drawing(WIDTH, 380, "", "")
    lengths = sorted({row["length"] for row in rows})
    times = [1e3 * row[part]["median"] for row in rows for part in PARTS]
    limits = (0.8 * min(times), 1.2 * max(times))
    methods = list(dict.fromkeys(row["method"] for row in rows))
    for number, (part, name) in enumerate(PARTS.items()):
        box = (80 + 300 * number, 54, 260, 250)
        panel = Panel(drawing, box, (0.9 * lengths[0], 1.1 * lengths[-1]), limits, log="xy")
        panel.title(name)
        panel.axes("length L", "milliseconds" * (number == 0), gap=8)
        labelled = spaced(lengths, 0.17)
        panel.ticks("x", labelled, [f"{length:,}" for length in labelled])
        powers = powers_of_ten(*limits)
        numbers = [f"{power:,g}" if number == 0 else "" for power in powers]
        panel.ticks("y", powers, numbers, grid=True)
        for method in methods:
            _sketch_line(panel, [row for row in rows if row["method"] == method], method, part)
    dashes = {"-": "", "--": "6 4"}
    entries = [(SCAN_NAMES[m], SCAN_COLOURS[m], dashes[SCAN_LINES[m]]) for m in methods]
    legend(drawing, entries, 660, 70)
    drawing.text(20, 22, title, size=14, anchor="start")
    winners = {length: _winner(rows, length) for length in lengths}
    if len(set(winners.values())) == 1:
        told = f"every length: {winners[lengths[0]]}"
    else:
        told = "; ".join(f"L = {length:,}: {winner}" for length, winner in winners.items())
    return finish_sketch(
        drawing,
        alt=(
            "Two log-log plots of milliseconds against length, forward alone and forward with"
            " backward, one line for each way to scan."
        ),
        reading=f"Quickest forward and backward at {told}.",
    )


def _sketch_line(panel: Panel, rows: Sequence[Row], method: str, part: str) -> None:
    mine = sorted(rows, key=lambda row: row["length"])
    lengths, times = [row["length"] for row in mine], [1e3 * row[part]["median"] for row in mine]
    dash, width = "6 4" if SCAN_LINES[method] == "--" else "", 3 if method == "fast" else 1.6
    panel.line(lengths, times, SCAN_COLOURS[method], width=width, dash=dash)
    panel.dots(lengths, times, SCAN_COLOURS[method], size=3)


def plot_two_loops(rows: Sequence[Row]) -> Picture:
    """Time of the loop as a[:, t], with `unbind`, and as one step for autograd, by length."""
    loops = [row for row in rows if row["method"] in ("sequential_indexed", "sequential", "fast")]
    figure, axis = new_figure(7, 3.6)
    _draw_lines(axis, loops, "length", "both")
    axis.set(
        xlabel="length L",
        ylabel="milliseconds",
        title="One loop, written three ways: forward + backward",
    )
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    longest = max(row["length"] for row in loops if row["method"] == "sequential_indexed")
    seconds = {row["method"]: row["both"]["median"] for row in loops if row["length"] == longest}
    against_unbind, against_fast = (
        seconds["sequential_indexed"] / seconds[other] for other in ("sequential", "fast")
    )
    return finish(
        figure,
        alt=(
            "A log-log plot of milliseconds against length with three lines: the indexed loop bends"
            " upwards and leaves the other two."
        ),
        reading=(
            f"At L = {longest:,} the indexed loop takes {against_unbind:.0f} times as long as the"
            f" same loop over unbind, and {against_fast:.0f} times as long as the fast one."
        ),
    )


def plot_times_by_width(rows: Sequence[Row]) -> Picture:
    """Microseconds a position against the numbers in one state: trees against the loop."""
    length = rows[0]["length"]
    figure, axis = new_figure(7, 3.6)
    _draw_lines(axis, rows, "numbers", "both", scale=1e6 / length)
    axis.set(
        xlabel="numbers in one state h",
        ylabel="microseconds a position",
        title=f"Forward + backward at L = {length:,}",
    )
    widths = sorted({row["numbers"] for row in rows})
    winners = {
        width: _winner([row for row in rows if row["numbers"] == width], length) for width in widths
    }
    crossing = next((width for width in widths if winners[width] == SCAN_NAMES["fast"]), None)
    if crossing is not None:
        axis.axvline(crossing, color=NEUTRAL, linewidth=0.8)
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    reading = (
        f"With {widths[0]} numbers in a state the quickest is {winners[widths[0]]}, with"
        f" {widths[-1]:,} it is {winners[widths[-1]]}"
    )
    return finish(
        figure,
        alt=(
            "A log-log plot of microseconds a position against the size of the state. The fast loop"
            " is flat and rises late; the trees start far below it, rise early and cross it."
        ),
        reading=reading + (f"; the fast loop wins from {crossing:,} on." if crossing else "."),
    )


def plot_compiled(rows: Sequence[Row]) -> Picture:
    """Plain and compiled milliseconds (both ways), and the seconds of compiling, by length."""
    figure, (left, right) = new_figure(8.5, 3.4, columns=2)
    methods = list(dict.fromkeys(row["method"] for row in rows))
    for method in methods:
        mine = [row for row in rows if row["method"] == method]
        lengths = [row["length"] for row in mine]
        colour = SCAN_COLOURS[method]
        for kind, style in (("plain", "-"), ("compiled", ":")):
            label = SCAN_NAMES[method] + (", compiled" if kind == "compiled" else "")
            times = [1e3 * row[kind]["both"]["median"] for row in mine]
            left.loglog(
                lengths, times, color=colour, linestyle=style, marker="o", markersize=4, label=label
            )
        right.loglog(
            lengths,
            [row["compile_seconds"] for row in mine],
            color=colour,
            marker="s",
            markersize=4,
        )
    for axis in (left, right):
        label_places(axis, [row["length"] for row in rows])
    left.set(xlabel="length L", ylabel="milliseconds", title="One run, forward + backward")
    right.set(xlabel="length L", ylabel="seconds", title="Compiling, once for each length")
    left.set_ylim(bottom=0.1)
    right.set_ylim(bottom=1)
    figure.legend(loc="outside right center", frameon=False)
    longest = max(row["length"] for row in rows)
    gains = [
        f"{SCAN_NAMES[row['method']]}"
        f" {row['plain']['both']['median'] / row['compiled']['both']['median']:.1f} times as quick"
        f" after {row['compile_seconds']:.0f} s"
        for row in rows
        if row["length"] == longest
    ]
    return finish(
        figure,
        alt=(
            "Left, milliseconds against length for each scan, plain as full and compiled as dotted"
            " lines; right, the seconds of compiling."
        ),
        reading=f"At L = {longest} compiling makes {'; '.join(gains)}.",
    )


def _draw_lines(axis: Axes, rows: Iterable[Row], x: str, part: str, scale: float = 1e3) -> None:
    rows = list(rows)
    for method in dict.fromkeys(row["method"] for row in rows):
        mine = sorted((row for row in rows if row["method"] == method), key=lambda row: row[x])
        style = scan_style(method) | ({"linewidth": 3.0} if method == "fast" else {})
        axis.loglog(
            [row[x] for row in mine], [scale * row[part]["median"] for row in mine], **style
        )
    label_places(axis, [row[x] for row in rows])
    axis.grid(axis="y", color=INK, alpha=0.1)


def label_places(axis: Axes, places: Iterable[float]) -> None:
    """Plain numbers at both logarithmic axes, at x where something was measured."""
    log_axis(axis, "x", places)
    log_axis(axis, "y")
    axis.minorticks_off()


def _winner(rows: Iterable[Row], length: int) -> str:
    best = min(
        (row for row in rows if row["length"] == length), key=lambda row: row["both"]["median"]
    )
    return SCAN_NAMES[best["method"]]
