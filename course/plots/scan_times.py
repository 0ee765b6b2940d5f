"""Figures of how long scans take: by length, by width, two ways to loop, and compiled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from course.lab.scan_costs import Prices, crossing, predict
from course.plots.axes import log_axis, spaced
from course.plots.colours import INK, NEUTRAL, SOURCE
from course.plots.scans import SCAN_COLOURS, SCAN_LINES, SCAN_NAMES, scan_style
from course.plots.sketch import WIDTH, Panel, finish_sketch, legend, log_steps, powers_of_ten
from course.plots.style import Picture, finish, new_figure
from course.plots.svg import Drawing

# A measurement: "method", "length", "numbers"; "forward" and "both", in "median" and "fastest" s.
Row = Mapping[str, Any]
DASHES = {"-": "", "--": "6 4"}
PARTS = {"forward": "forward", "both": "forward + backward"}


def plot_scan_times(rows: Sequence[Row]) -> Picture:
    """How many times the fast loop's seconds each method takes, against length; forward, and
    forward + backward (the median of several runs).

    Raises ValueError without any measurement.
    """
    if not rows:
        hint = "choose another width or number of threads"
        raise ValueError(f"there is no measurement to draw; {hint}")
    drawing = Drawing(WIDTH, 380)
    lengths = sorted({row["length"] for row in rows})
    fast = {row["length"]: row for row in rows if row["method"] == "fast"}
    times = {part: _times_the_fast_loop(rows, fast, part) for part in PARTS}
    factors = [y for lines in times.values() for line in lines.values() for _, y in line]
    limits = (0.8 * min(factors), 1.3 * max(factors))
    for number, (part, name) in enumerate(PARTS.items()):
        box = (80 + 300 * number, 34, 260, 270)
        panel = Panel(drawing, box, (0.9 * lengths[0], 1.1 * lengths[-1]), limits, log="xy")
        panel.title(name)
        panel.axes("length L", "times the fast loop" * (number == 0), gap=8)
        labelled = spaced(lengths, 0.17)
        panel.ticks("x", labelled, [f"{length:,}" for length in labelled])
        places = log_steps(*limits)
        numbers = [f"{place:,g}" if number == 0 else "" for place in places]
        panel.ticks("y", places, numbers, grid=True)
        for method, line in times[part].items():
            xs, ys = zip(*line)
            look = {"width": 3 if method == "fast" else 1.6, "dash": DASHES[SCAN_LINES[method]]}
            panel.line(xs, ys, SCAN_COLOURS[method], **look)
            panel.dots(xs, ys, SCAN_COLOURS[method], size=3)
    entries = [(SCAN_NAMES[m], SCAN_COLOURS[m], DASHES[SCAN_LINES[m]]) for m in times["both"]]
    legend(drawing, entries, 660, 50)
    winners = {length: _winner(rows, length) for length in lengths}
    alt = (
        "Two log-log plots of the time of each way to scan, as a multiple of the fast loop's,"
        " against length: forward alone and forward with backward. The fast loop lies flat at 1."
    )
    reading = f"Quickest forward and backward at {_in_runs(winners)}."
    return finish_sketch(drawing, alt=alt, reading=reading)


def _times_the_fast_loop(
    rows: Sequence[Row], fast: Mapping[int, Row], part: str
) -> dict[str, list[tuple[int, float]]]:
    lines: dict[str, list[tuple[int, float]]] = {}
    for row in sorted(rows, key=lambda row: row["length"]):
        factor = row[part]["median"] / fast[row["length"]][part]["median"]
        lines.setdefault(row["method"], []).append((row["length"], factor))
    return lines


def _in_runs(winners: Mapping[int, str]) -> str:
    """Neighbouring lengths with one winner are told together."""
    runs: list[tuple[str, list[int]]] = []
    for length, winner in winners.items():
        if not runs or runs[-1][0] != winner:
            runs.append((winner, []))
        runs[-1][1].append(length)
    if len(runs) == 1:
        return f"every length: {runs[0][0]}"
    ends = [f"{run[0]:,}" + (f" to {run[-1]:,}" if run[1:] else "") for _, run in runs]
    return "; ".join(f"L = {end}: {winner}" for end, (winner, _) in zip(ends, runs))


def plot_two_loops(rows: Sequence[Row]) -> Picture:
    """Time of the loop as a[:, t], with `unbind`, and as one step for autograd, by length."""
    loops = [row for row in rows if row["method"] in ("sequential_indexed", "sequential", "fast")]
    figure, axis = new_figure(7, 3.6)
    for method in dict.fromkeys(row["method"] for row in loops):
        mine = sorted((r for r in loops if r["method"] == method), key=lambda row: row["length"])
        lengths, times = zip(*((row["length"], 1e3 * row["both"]["median"]) for row in mine))
        style = scan_style(method) | ({"linewidth": 3.0} if method == "fast" else {})
        axis.loglog(lengths, times, **style)
    log_axis(axis, "x", [row["length"] for row in loops])
    log_axis(axis, "y")
    axis.minorticks_off()
    axis.grid(axis="y", color=INK, alpha=0.1)
    axis.set(xlabel="length L", ylabel="milliseconds")
    axis.set_title("One loop, written three ways: forward + backward")
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    longest = max(row["length"] for row in loops if row["method"] == "sequential_indexed")
    seconds = {row["method"]: row["both"]["median"] for row in loops if row["length"] == longest}
    against_unbind, against_fast = (
        seconds["sequential_indexed"] / seconds[other] for other in ("sequential", "fast")
    )
    alt = (
        "A log-log plot of milliseconds against length with three lines: the indexed loop bends"
        " upwards and leaves the other two."
    )
    reading = (
        f"At L = {longest:,} the indexed loop takes {against_unbind:.0f} times as long as the"
        f" same loop over unbind, and {against_fast:.0f} times as long as the fast one."
    )
    return finish(figure, alt=alt, reading=reading)


def plot_predicted_times(
    prices: Mapping[str, Prices],
    rows: Sequence[Row],
    length: int = 1000,
    workers: int = 1,
    who: str = "1 worker",
) -> Picture:
    """Lines: predicted seconds (forward and backward) against the width, for so many workers. Dots:
    what one of them needed, where `rows` hold this length. `prices` as of `fit_prices`, from `who`.
    """
    drawing = Drawing(WIDTH, 380)
    widths = [2.0**power for power in range(4, 23)]
    lines = {
        method: [1e3 * predict(price, method, length, width, workers) for width in widths]
        for method, price in prices.items()
    }
    limits = (0.7 * min(map(min, lines.values())), 1.4 * max(map(max, lines.values())))
    panel = Panel(drawing, (90, 20, 520, 290), (14, 1.2 * widths[-1]), limits, log="xy")
    panel.axes("numbers in one state h", "milliseconds, forward + backward", gap=14)
    panel.ticks("x", widths[::3], [f"{width:,.0f}" for width in widths[::3]])
    powers = powers_of_ten(*limits)
    panel.ticks("y", powers, [f"{power:,g}" for power in powers], grid=True)
    edge = crossing(prices, length, workers)
    if widths[0] < edge < widths[-1]:
        panel.stroke([panel.at(edge, limits[0]), panel.at(edge, limits[1])], NEUTRAL, 1, "3 3")
    for method, line in lines.items():
        width = 3 if method == "fast" else 1.6
        panel.line(widths, line, SCAN_COLOURS[method], width=width)
        mine = [row for row in rows if (row["method"], row["length"]) == (method, length)]
        if workers == 1:
            seconds = [1e3 * row["both"]["fastest"] for row in mine]
            panel.dots([row["numbers"] for row in mine], seconds, SCAN_COLOURS[method])
    legend(drawing, [(SCAN_NAMES[m], SCAN_COLOURS[m], "") for m in lines], 660, 50)
    who = who if workers == 1 else f"{workers:,} workers"
    found = (
        "a tree or chunks are quicker at every width drawn"
        if edge >= widths[-1]
        else f"the fast loop is the quickest from about {float(f'{edge:.2g}'):,.0f} numbers on"
        if edge > widths[0]
        else "the fast loop is the quickest at every width drawn"
    )
    alt = (
        "A log-log plot of predicted milliseconds against the size of the state, one line for"
        " each way to scan: flat where calls count, then rising with the work."
    )
    reading = f"Predicted for L = {length:,} and {who}: {found}."
    return finish_sketch(drawing, alt=alt, reading=reading)


def plot_compiled(rows: Sequence[Row]) -> Picture:
    """Milliseconds (both ways) at length 128: plain, and what `torch.compile` made of it; the fast
    loop, which it cannot compile, as a line.
    """
    length = 128
    figure, axis = new_figure(6.8, 3.2)
    mine = [row for row in rows if row["length"] == length and row["method"] != "fast"]
    for row in rows:
        if (row["method"], row["length"]) == ("fast", length):
            loop = 1e3 * row["plain"]["both"]["median"]
            axis.axvline(loop, color=SCAN_COLOURS["fast"], label=f"fast loop, plain: {loop:.0f}")
    names = [SCAN_NAMES[row["method"]] for row in mine]
    plain, compiled = (
        [1e3 * row[kind]["both"]["median"] for row in mine] for kind in ("plain", "compiled")
    )
    places = range(len(mine))
    axis.hlines(places, compiled, plain, color="#cccccc", lw=2, zorder=0)
    looks = (plain, NEUTRAL, "plain", 7), (compiled, SOURCE, "compiled", -17)
    for times, colour, label, up in looks:
        axis.plot(times, places, "o", color=colour, label=label)
        where: Any = {"xytext": (0, up), "textcoords": "offset points", "ha": "center"}
        for place, time in zip(places, times):
            axis.annotate(f"{time:.0f}", (time, place), color=colour, **where)
    axis.set_yticks(places, names)
    axis.set_ylim(len(mine) - 0.5, -0.6)
    log_axis(axis, "x")
    axis.minorticks_off()
    axis.set(xlabel="milliseconds, forward + backward", xlim=(2, 2 * max(plain)))
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    gains = [f"{name} {a / b:.1f} times as quick" for name, a, b in zip(names, plain, compiled)]
    alt = (
        "Two dots for each way to scan, its time as it is and its time compiled, and a line"
        " for the fast loop."
    )
    reading = f"At L = {length} compiling makes {'; '.join(gains)}."
    return finish(figure, alt=alt, reading=reading)


def _winner(rows: Iterable[Row], length: int) -> str:
    mine = (row for row in rows if row["length"] == length)
    return SCAN_NAMES[min(mine, key=lambda row: row["both"]["median"])["method"]]
