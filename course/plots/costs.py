"""What a layer and a model cost, and which words models get wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, PercentFormatter

from course.plots.style import (
    FREE,
    INK,
    MAMBA,
    MODEL,
    NEUTRAL,
    TRANSFORMER,
    Picture,
    finish,
    new_figure,
)
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
    growth = [f"{name} by {values[-1] / values[0]:,.0f}" for name, values in counts.items()]
    reading = (
        f"From {lengths[0]} to {lengths[-1]} letters (a factor of {lengths[-1] // lengths[0]}) the"
        f" count grows: {'; '.join(growth)}."
    )
    return finish(figure, alt=f"Rising lines on logarithmic axes. {reading}", reading=reading)


def plot_costs(rows: Sequence[Mapping[str, str]], reading: str) -> Picture:
    """What each run costs beside what it reaches: validation loss, parameters, and the time to
    spell a word, by itself and among 256: a panel each.

    Args:
        rows: of the experiment's table (`course.lab.tables.table`); empty cells are runs that are
            missing.
    """
    names = [row["row"] for row in rows]
    figure, axes = new_figure(9.5, 1.1 + 0.34 * len(rows), columns=len(COSTS), sharey=True)
    told = []
    for axis, (key, label, form) in zip(axes, COSTS):
        values = [float(row[key]) if row[key] else None for row in rows]
        for place, (name, value) in enumerate(zip(names, values)):
            shown = "not measured" if value is None else form.format(value)
            axis.barh(place, value or 0, color=model_colour(name), height=0.7)
            ink = INK if value is not None else NEUTRAL
            axis.annotate(f" {shown}", (value or 0, place), va="center", fontsize=8, color=ink)
        axis.set_xlim(0, 1.35 * max([value for value in values if value is not None], default=1.0))
        axis.set_xlabel(label)
        axis.xaxis.set_major_locator(MaxNLocator(2))
        axis.xaxis.set_major_formatter(lambda value, _place: f"{value:,.6g}")
        known = {name: value for name, value in zip(names, values) if value is not None}
        what = label.replace("\n", " ")
        told.append(
            f"{what}: "
            + "; ".join(
                f"{name} {form.format(known[name])}" if name in known else f"{name} not measured"
                for name in names
            )
        )
    axes[0].set_yticks(range(len(names)), names)
    axes[0].set_ylim(len(names) - 0.5, -0.5)
    return finish(figure, alt=f"{len(COSTS)} panels of bars. {'. '.join(told)}.", reading=reading)


def model_colour(name: str) -> str:
    """The colour of the model that a name contains, or that of any model."""
    return (
        TRANSFORMER
        if "transformer" in name.lower()
        else MAMBA
        if "mamba" in name.lower()
        else MODEL
    )


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
    figure, axes = new_figure(
        max(6.5, min(10.5, 4.4 * len(panels))), 2.9, columns=len(panels), squeeze=False
    )
    told = []
    for axis, (label, found) in zip(axes.flat, panels.items()):
        groups = list(dict.fromkeys(group for counts in found.values() for group in counts))
        numeric = _numeric(found)
        for place, name in enumerate(models):
            shares = {
                group: wrong / asked
                for group, (wrong, asked) in found.get(name, {}).items()
                if asked
            }
            colour, heights = model_colour(name), list(shares.values())
            if numeric:
                axis.plot(list(map(int, shares)), heights, _line_style(name), color=colour, ms=4)
            else:
                height = 0.8 / len(models)
                places = [groups.index(group) - 0.4 + (place + 0.5) * height for group in shares]
                look: Any = {"color": colour, "hatch": _hatch(name), "edgecolor": "white"}
                axis.barh(places, heights, height=0.9 * height, **look)
                for at, group in zip(places, shares):
                    ends = wilson_interval(*found[name][group])
                    axis.plot(ends, [at, at], color=INK, lw=0.9)
            told.append(
                f"{label}, {name}: "
                + ", ".join(f"{group} {w} of {n}" for group, (w, n) in found.get(name, {}).items())
            )
        _label(axis, label, groups, numeric)
    curves = all(_numeric(found) for found in panels.values())
    handles = [_handle(name, curves) for name in models]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(models), fontsize=9)
    return finish(
        figure,
        alt=f"Shares of words spelled wrong. {'. '.join(told)}.",
        reading=reading,
    )


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


def _hatch(name: str) -> str:
    return "////" if "large" in name else ""


def _line_style(name: str) -> str:
    return "s--" if "large" in name else "o-"


def _numeric(found: Mapping[str, Counts]) -> bool:
    """Whether all groups of a panel are whole numbers."""
    return all(group.isdigit() for counts in found.values() for group in counts)


def _handle(name: str, curve: bool) -> Line2D | Patch:
    """What stands for a model in the legend."""
    if curve:
        marker, line = _line_style(name)[0], _line_style(name)[1:]
        return Line2D([], [], color=model_colour(name), ls=line, marker=marker, ms=4, label=name)
    return Patch(facecolor=model_colour(name), hatch=_hatch(name), edgecolor="white", label=name)
