"""Figures of how exact scans are, with the two errors of log space apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes

from course.plots.colours import INK, MODEL, NEUTRAL, SOURCE, TARGET, TRUTH
from course.plots.style import Picture, finish, new_figure

Row = Mapping[str, Any]
LINES: dict[str, tuple[str, str, str, str]] = {  # key in a row → name, colour, dash, marker
    "heinsen": ("log space as it is", INK, "-", "o"),
    "cancellation": ("… no clamp: cancellation alone", TARGET, "--", "v"),
    "clamp": ("… in float64: clamp alone", MODEL, "--", "^"),
    "log_pairs": ("log pairs", SOURCE, "-", "s"),
    "fast": ("fast loop", TRUTH, "-", "D"),
}


def plot_errors_by_length(rows: Sequence[Row]) -> Picture:
    """Largest relative error of h and ∂loss/∂log a; `rows` of assets/results/scans.json."""
    figure = _two_panels(rows, "length", "length L")
    last = rows[-1]
    alt = (
        "Two log-log plots of relative error against length. Log space: flat where its clamp"
        " rules, then rising like the length. Without a clamp it rises from the start, along"
        " the predicted line. In float64 it stays flat. Log pairs and the loop lie below."
    )
    reading = (
        f"At L = {last['length']:,} log space is off by {last['heinsen']['value']:.0e} (ε|S|"
        f" predicts {last['predicted']:.0e}), its gradient by"
        f" {last['heinsen']['gradient_decay']:.0e}; log pairs by"
        f" {last['log_pairs']['value']:.0e}, the fast loop by {last['fast']['value']:.0e}."
    )
    return finish(figure, alt=alt, reading=reading)


def plot_errors_by_spread(rows: Sequence[Row]) -> Picture:
    """The same against the standard deviation of the logits z in a = σ(z), at one length."""
    figure = _two_panels(rows, "spread", "standard deviation of the logits")
    first, last = rows[0], rows[-1]
    alt = (
        "Two log-log plots of relative error against the spread of the logits. Log space rises with"
        " the spread, along the predicted line; log pairs and the loop stay flat far below."
    )
    reading = (
        f"From a spread of {first['spread']:g} to {last['spread']:g} the error of log space without"
        f" a clamp grows from {first['cancellation']['value']:.0e} to"
        f" {last['cancellation']['value']:.0e} (predicted: {first['predicted']:.0e} to"
        f" {last['predicted']:.0e}); that of the fast loop stays at {last['fast']['value']:.0e}."
    )
    return finish(figure, alt=alt, reading=reading)


def plot_log_space_difference(rows: Sequence[Row]) -> Picture:
    """max |h − h_loop| in float32 against length, and its two causes each by itself."""
    figure, axis = new_figure(7, 3.6)
    for key in ("heinsen", "cancellation", "clamp", "log_pairs"):
        _line(axis, key, [row["length"] for row in rows], [row[key] for row in rows])
    axis.set(xlabel="length L", ylabel="largest difference")
    axis.set_title("Log-space scan against plain loop")
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    first, last = rows[0], rows[-1]
    alt = (
        "A log-log plot of the largest difference against length. The log-space line rises and"
        " lies on the line without a clamp; the line in float64, clamp alone, stays flat far"
        " below; log pairs lie lowest."
    )
    reading = (
        f"From {first['heinsen']:.0e} at L = {first['length']} to {last['heinsen']:.0e} at L ="
        f" {last['length']}, of which the clamp alone makes {last['clamp']:.0e}: the rest is"
        " cancellation."
    )
    return finish(figure, alt=alt, reading=reading)


def _two_panels(rows: Sequence[Row], x: str, label: str) -> Any:
    figure, axes = new_figure(8.5, 3.5, columns=2, sharey=True)
    places, predicted = [row[x] for row in rows], [row["predicted"] for row in rows]
    axes[0].loglog(places, predicted, color=NEUTRAL, linewidth=5, alpha=0.3)
    look: Any = {"color": NEUTRAL, "textcoords": "offset points", "ha": "center"}
    axes[0].annotate("ε|S|", (places[-1], predicted[-1]), (0, 6), **look)
    parts = {"value": "values h", "gradient_decay": "gradients ∂loss/∂log a"}
    for axis, (part, title) in zip(axes, parts.items()):
        for key in LINES:
            _line(axis, key, places, [row[key][part] for row in rows])
        axis.set(xlabel=label, title=title)
    axes[0].set_ylabel("largest relative error")
    axes[1].legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    return figure


def _line(axis: Axes, key: str, places: Sequence[float], errors: Sequence[float]) -> None:
    name, colour, dash, marker = LINES[key]
    axis.loglog(places, errors, dash, color=colour, marker=marker, markersize=4, label=name)
