"""Differences with their intervals: beside a table's rows, all claims on a page, a factorial."""

import math
from collections.abc import Iterable, Mapping, Sequence
from textwrap import fill
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from course.lab.significance import Comparison
from course.lab.verdicts import FAILS, HOLDS, IN_PART, NOT_SHOWN, OPEN, Difference, Verdict
from course.plots.colours import INK, MODEL, NEUTRAL, TRUTH
from course.plots.style import Picture, finish, new_figure

MARKS = {HOLDS: "✓", IN_PART: "◐", NOT_SHOWN: "○", FAILS: "✗", OPEN: "…"}
Interval = tuple[float, float, float]  # a difference and the ends of its 95 % interval, in shares
_LINEAR = 3.0  # points: beyond that the axis is logarithmic, where it has to reach far
_TICKS = (0, 10, -10, 100, -100, 3, -3, 30, -30)  # the first has room, others where some is left
_ROOM = 0.17  # of the axis: the least distance of two labels that don't touch


def draw_interval(axis: Axes, place: float, found: Interval, colour: str = MODEL) -> None:
    """A difference with its interval at this height, in points; hollow where 0 lies inside."""
    value, low, high = (100 * one for one in found)
    axis.plot([low, high], [place, place], color=colour, lw=2, solid_capstyle="butt")
    inside = low <= 0 <= high
    axis.plot(value, place, "o", ms=6, color=colour, mfc="white" if inside else colour)


def points_axis(axis: Axes, intervals: Iterable[Interval], label: str, further: float = 0) -> None:
    """The x axis of differences in points, with a line at 0. Where one lies beyond twelve points,
    the axis is logarithmic outside of ± 3, so that small ones can be told apart.

    Args:
        further: another place that the axis has to reach, in points.
    """
    ends = [100 * end for _, low, high in intervals for end in (low, high)]
    ends += [further, 1.0, -1.0]
    axis.axvline(0, color=NEUTRAL, lw=1, zorder=0)
    if max(map(abs, ends)) > 12:
        axis.set_xscale("symlog", linthresh=_LINEAR, linscale=0.8)
        axis.set_xlim(1.25 * min(ends), 1.25 * max(ends))
        low, high = axis.get_xlim()
        axis.xaxis.set_major_locator(FixedLocator(_ticks(low, high)))
        axis.xaxis.set_minor_locator(NullLocator())
        label += "; log beyond ±3"
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _place: _signed(float(value))))
    axis.set_xlabel(label)
    axis.grid(axis="x", color="#dddddd", lw=0.6)
    axis.set_axisbelow(True)


def _ticks(low: float, high: float) -> list[float]:
    """Of `_TICKS` between these ends those that have room on the symmetric logarithmic axis."""

    def at(value: float) -> float:
        size = abs(value)
        place = size / _LINEAR if size <= _LINEAR else 1 + math.log10(size / _LINEAR) / 0.8
        return math.copysign(place, value)

    room, kept = _ROOM * (at(high) - at(low)), []  # type: float, list[float]
    for tick in _TICKS:
        if low <= tick <= high and all(abs(at(tick) - at(one)) >= room for one in kept):
            kept.append(tick)
    return sorted(kept)


def told(found: Interval) -> str:
    """The difference and its interval in words, in points."""
    value, low, high = (f"{100 * one:+z.1f}".replace("-", "−") for one in found)
    return f"{value} ({low} to {high})"


def plot_forest(
    verdicts: Sequence[Verdict],
    claimed: Mapping[tuple[str, str], float],
    reading: str,
) -> Picture:
    """All claims on a page: those that a difference judges with each of its differences and its
    interval, the others with the place where they are judged; at the right the verdict in words.

    Args:
        claimed: (first row, second row) → the difference that the student reports, in shares; it
            stands as a tick.
    """
    chosen = [one for one in verdicts if one.finding.differences]
    others = [one for one in verdicts if not one.finding.differences]
    rows = sum(len(one.finding.differences) + 2 * _spare(one) for one in verdicts)
    height = rows + len(others) + 1
    figure, axis = new_figure(9, 1.0 + 0.18 * height)
    figure.set_layout_engine("none")  # columns at fixed places: claim, interval, numbers, verdict
    inch = 1 / (1.0 + 0.18 * height)
    axis.set_position((0.39, 0.5 * inch, 0.29, 1 - 0.85 * inch))
    places, place, marks = [], 0.0, 0.0
    for one in chosen:
        first = place = place + _spare(one)
        for found in one.finding.differences:
            draw_interval(axis, place, _interval(found))
            size = claimed.get((found.first, found.second))
            if size is not None:
                axis.plot(100 * size, place, "|", color=INK, ms=13, mew=2.5)
                marks = min(marks, 100 * size)
            _beside(axis, place, 1.02, told(_interval(found)))
            place += 1
        _verdict(axis, first, one)
        places.append((first + place - 1) / 2)
        place += _spare(one)
        axis.axhline(place - 0.5, color="#dddddd", lw=0.6)
    axis.axhline(place, color=NEUTRAL, lw=0.8)
    look: Any = {"ha": "center", "backgroundcolor": "white"}
    _beside(axis, place + 0.02, 0.5, " judged without a difference of rows ", **look)
    for one in others:
        place += 1 + _spare(one)
        notebook, _, section = one.place.partition(", ")
        where = f"in {notebook[:2]}, {section}" + (f"; {one.beside}" if one.beside else "")
        _beside(axis, place, 0.5, where, **look)
        _verdict(axis, place, one)
        places.append(place)
        place += _spare(one)
    axis.set_yticks(places, [_label(one) for one in [*chosen, *others]], fontsize=7)
    axis.tick_params(axis="x", labelsize=8)
    axis.tick_params(axis="y", length=0)
    axis.set_ylim(place + 0.6, -0.6)
    every = [_interval(found) for one in chosen for found in one.finding.differences]
    points_axis(axis, every, "points of accuracy, 95 % interval", marks)
    axis.plot([], [], "|", color=INK, ms=11, mew=2.5, label="what the student reports")
    axis.plot([], [], "o", mfc="white", color=MODEL, label="interval holds 0: may be luck")
    axis.plot([], [], "o", color=MODEL, label="interval excludes 0")
    figure.legend(loc="upper right", ncols=3, fontsize=8)
    words = [
        f"{v.number}, {v.claim}: {v.verdict}; {numbers_of(v)}{f' ({v.beside})' * bool(v.beside)}."
        for v in [*chosen, *others]
    ]
    return finish(figure, alt=" ".join(words), reading=reading)


def plot_effects(effects: Mapping[str, Comparison], reading: str) -> Picture:
    """Main effects and interactions of a factorial (`course.lab.factorial.effects`), each with its
    interval and p.
    """
    figure, axis = new_figure(8.5, 0.9 + 0.25 * len(effects))
    every, words = [(one.difference, one.low, one.high) for one in effects.values()], []
    for place, (label, one) in enumerate(effects.items()):
        draw_interval(axis, place, every[place], TRUTH if one.p < 0.05 else MODEL)
        line = f"{told(every[place])}, p = {one.p:.2g}"
        _beside(axis, place, 1.02, line, size=9)
        words.append(f"{label}: {line}")
    axis.set_yticks(range(len(effects)), list(effects))
    axis.set_ylim(len(effects) - 0.4, -0.6)
    points_axis(axis, every, "effect (points of accuracy), 95 % interval")
    alt = f"Effects in points with 95 % intervals. {'; '.join(words)}."
    return finish(figure, alt=alt, reading=reading)


def _signed(value: float) -> str:
    return f"{value:+g}".replace("-", "−") if value else "0"


def _interval(found: Difference) -> Interval:
    return found.value, found.low, found.high


def _label(one: Verdict) -> str:
    return fill(one.claim if one.number == "table" else f"{one.number} · {one.claim}", 62)


def _spare(one: Verdict) -> float:
    """What a claim of several lines needs above and below its differences, in rows."""
    more = _label(one).count("\n") + 1 - max(1, len(one.finding.differences))
    return 0.3 * max(0, more)


def _verdict(axis: Axes, place: float, one: Verdict) -> None:
    strong = one.verdict in (HOLDS, FAILS)
    words = f"{MARKS[one.verdict]} {one.verdict}"
    _beside(axis, place, 1.56, words, size=8, weight="bold" if strong else "normal")


def _beside(axis: Axes, place: float, x: float, line: str, size: float = 8, **look: object) -> None:
    frame = axis.get_yaxis_transform()
    axis.text(x, place, line, transform=frame, va="center", fontsize=size, color=INK, **look)  # type: ignore[arg-type]


def numbers_of(one: Verdict) -> str:
    """A verdict's differences and numbers in words."""
    numbers = [f"{found.first} − {found.second}: {found.told}" for found in one.finding.differences]
    numbers += [f"{name} {value:.3g}" for name, value in one.finding.numbers.items()]
    return "; ".join(numbers)
