"""What a layer and a model cost, and which words models get wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, PercentFormatter

from course.plots.colours import FREE, INK, MAMBA, MODEL, NEUTRAL, TRANSFORMER
from course.plots.style import Picture, finish, new_figure
from course.plots.training import wilson_interval

Counts = Mapping[str, Sequence[int]]  # a group of words → [wrong, asked]
COSTS = (
    ("val_loss", "validation loss\n(nats per token)", "{:.2g}"),
    ("parameters", "parameters", "{:,.0f}"),
    ("milliseconds_alone", "milliseconds for a word\nby itself", "{:.2g}"),
    ("milliseconds_a_word", "milliseconds a word,\n256 in a batch", "{:.2g}"),
)


def plot_cost(lengths: Sequence[int], counts: Mapping[str, Sequence[int]]) -> Picture:
    """How many numbers a layer computes as words grow; slope 2 is a square, 1 a straight line."""
    figure, axis = new_figure(5.6, 3.2)
    for (name, values), marker, colour in zip(counts.items(), "os^", FREE):
        axis.plot(lengths, values, marker=marker, color=colour, label=name)
    axis.set_xscale("log", base=2)
    axis.set_yscale("log")
    axis.set_xticks(lengths, [str(length) for length in lengths])
    axis.set(xlabel="letters in the sequence", ylabel="numbers computed")
    axis.legend()
    growth = "; ".join(f"{name} by {own[-1] / own[0]:,.0f}" for name, own in counts.items())
    reading = (
        f"From {lengths[0]} to {lengths[-1]} letters (a factor of {lengths[-1] // lengths[0]}) the"
        f" count grows: {growth}."
    )
    return finish(figure, alt=f"Rising lines on logarithmic axes. {reading}", reading=reading)


def plot_costs(rows: Sequence[Mapping[str, str]], reading: str) -> Picture:
    """What each run costs beside what it reaches: validation loss, parameters, and the time to
    spell a word, by itself and among 256: a panel each. In the rows of `course.lab.tables.table`
    empty cells are runs that are missing.
    """
    names = [row["row"] for row in rows]
    figure, axes = new_figure(9.5, 1.1 + 0.34 * len(rows), columns=len(COSTS), sharey=True)
    told = []
    for axis, (key, label, form) in zip(axes, COSTS):
        values = [float(row[key]) if row[key] else 0.0 for row in rows]
        shown = [form.format(float(row[key])) if row[key] else "not measured" for row in rows]
        axis.barh(range(len(rows)), values, color=list(map(model_colour, names)), height=0.7)
        for place, (row, value, words) in enumerate(zip(rows, values, shown)):
            ink = INK if row[key] else NEUTRAL
            axis.annotate(f" {words}", (value, place), va="center", fontsize=8, color=ink)
        axis.set_xlim(0, 1.35 * (max(values) or 1.0))
        axis.set_xlabel(label)
        axis.xaxis.set_major_locator(MaxNLocator(2))
        axis.xaxis.set_major_formatter(lambda value, _place: f"{value:,.6g}")
        listed = "; ".join(f"{name} {words}" for name, words in zip(names, shown))
        what = label.replace("\n", " ")
        told.append(f"{what}: {listed}")
    axes[0].set_yticks(range(len(names)), names)
    axes[0].set_ylim(len(names) - 0.5, -0.5)
    return finish(figure, alt=f"{len(COSTS)} panels of bars. {'. '.join(told)}.", reading=reading)


def model_colour(name: str) -> str:
    """The colour of the model that a name contains, or that of any model."""
    named = {"transformer": TRANSFORMER, "mamba": MAMBA}
    return next((colour for kind, colour in named.items() if kind in name.lower()), MODEL)


def plot_wrong_groups(panels: Mapping[str, Mapping[str, Counts]], reading: str) -> Picture:
    """The share of wrong words by group of words, for several models: a panel for each way to
    group.

    Groups that are whole numbers lie on an axis with a curve for each model, others are bars from
    top to bottom with the 95 % interval of their share (Wilson).

    Args:
        panels: for each panel's axis label the models, for each model its groups, for each group
            [wrong, asked].
    """
    models = list(dict.fromkeys(name for found in panels.values() for name in found))
    width = max(6.5, min(10.5, 4.4 * len(panels)))
    figure, axes = new_figure(width, 2.9, columns=len(panels), squeeze=False)
    told = []
    for axis, (label, found) in zip(axes.flat, panels.items()):
        groups = list(dict.fromkeys(group for counts in found.values() for group in counts))
        numeric = _numeric(found)
        for place, name in enumerate(models):
            counts = found.get(name, {})
            shares = {group: wrong / asked for group, (wrong, asked) in counts.items() if asked}
            colour, heights = model_colour(name), list(shares.values())
            marker, dash, hatch = _style(name)
            if numeric:
                axis.plot(list(map(int, shares)), heights, marker + dash, color=colour, ms=4)
            else:
                height = 0.8 / len(models)
                places = [groups.index(group) - 0.4 + (place + 0.5) * height for group in shares]
                look: Any = {"color": colour, "hatch": hatch, "edgecolor": "white"}
                axis.barh(places, heights, height=0.9 * height, **look)
                for at, group in zip(places, shares):
                    axis.plot(wilson_interval(*counts[group]), [at, at], color=INK, lw=0.9)
            listed = ", ".join(f"{group} {w} of {n}" for group, (w, n) in counts.items())
            told.append(f"{label}, {name}: {listed}")
        _label(axis, label, groups, numeric)
    curves = all(_numeric(found) for found in panels.values())
    handles = [_handle(name, curves) for name in models]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(models), fontsize=9)
    alt = f"Shares of words spelled wrong. {'. '.join(told)}."
    return finish(figure, alt=alt, reading=reading)


def _label(axis: Axes, label: str, groups: Sequence[str], numeric: bool) -> None:
    shares = axis.yaxis if numeric else axis.xaxis
    shares.set_major_formatter(PercentFormatter(1, decimals=None))
    if numeric:
        axis.set_xlabel(label)
        axis.set_ylabel("spelled wrong")
        axis.set_ylim(bottom=0)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    else:
        axis.set_yticks(range(len(groups)), list(groups))
        axis.set_ylim(len(groups) - 0.5, -0.5)
        axis.set_ylabel(label)
        axis.set_xlabel("spelled wrong")
        axis.set_xlim(left=0)
        axis.xaxis.set_major_locator(MaxNLocator(4))
    axis.grid(axis="y" if numeric else "x", color="#dddddd", lw=0.6)
    axis.set_axisbelow(True)


def _style(name: str) -> tuple[str, str, str]:
    """How models of two sizes differ: the marker and the dash of a line, the hatch of a bar."""
    return ("s", "--", "////") if "large" in name else ("o", "-", "")


def _numeric(found: Mapping[str, Counts]) -> bool:
    """Whether all groups of a panel are whole numbers."""
    return all(group.isdigit() for counts in found.values() for group in counts)


def _handle(name: str, curve: bool) -> Line2D | Patch:
    """What stands for a model in the legend."""
    marker, dash, hatch = _style(name)
    if curve:
        return Line2D([], [], color=model_colour(name), ls=dash, marker=marker, ms=4, label=name)
    return Patch(facecolor=model_colour(name), hatch=hatch, edgecolor="white", label=name)
