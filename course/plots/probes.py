"""Figures of probes: what is readable from each layer, beside what a probe learns by heart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from course.interpretability.probes import Probe
from course.plots.style import MAMBA, MODEL, NEUTRAL, TRANSFORMER, Picture, finish, new_figure


def plot_probes(probes: Mapping[str, Sequence[Probe]]) -> Picture:
    """One panel for each property: accuracy by layer (solid), control task (dashed), most frequent
    label (dotted); a colour for each model.

    Args:
        probes: by the name of the model, as `course.interpretability.probes.run_probes` gives them.

    Raises:
        ValueError: if there is none.
    """
    if not probes or not all(probes.values()):
        raise ValueError("there is no probe to draw; give those of at least one model")
    labels = list(dict.fromkeys(one.label for ones in probes.values() for one in ones))
    columns = min(2, len(labels))
    figure, axes = new_figure(
        7.4,
        2.3 * -(-len(labels) // columns),
        -(-len(labels) // columns),
        columns,
        squeeze=False,
        sharey=True,
    )
    depth = max(len({one.layer for one in ones}) for ones in probes.values())
    for axis, label in zip(axes.flat, labels):
        for (model, ones), marker in zip(probes.items(), "os^D"):
            colour = MAMBA if "Mamba" in model else NEUTRAL if "untrained" in model else TRANSFORMER
            own = [one for one in ones if one.label == label]
            axis.plot(
                range(len(own)),
                [one.accuracy for one in own],
                marker=marker,
                color=colour,
                label=model,
            )
            axis.plot(
                range(len(own)),
                [one.control for one in own],
                marker=marker,
                ms=4,
                ls="--",
                lw=1,
                color=colour,
                mfc="white",
                label=f"{model}: control",
            )
        axis.axhline(own[0].usual, color=MODEL, lw=1, ls=":", label="most frequent label")
        axis.set_title(label)
        axis.set_xticks(
            range(depth),
            ["embedding", *(f"layer {layer}" for layer in range(depth - 1))],
            fontsize=8,
        )
    for axis in axes[:, 0]:
        axis.set_ylabel("read correctly")
    axes[0, 0].set_ylim(0, 1.05)
    axes[0, 0].set_yticks([0, 0.5, 1], ["0 %", "50 %", "100 %"])
    for axis in axes.flat[len(labels) :]:
        axis.set_axis_off()
    handles, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    model, ones = next(iter(probes.items()))
    ends = {
        label: max((one for one in ones if one.label == label), key=lambda one: one.selectivity)
        for label in labels
    }
    reading = f"{model}, layer with the largest gap: " + "; ".join(
        f"{label} {one.accuracy:.0%}, control {one.control:.0%} ({one.layer})"
        for label, one in ends.items()
    )
    alt = "; ".join(
        f"{model} {one.label} {one.layer}: {one.accuracy:.0%}, control {one.control:.0%}"
        for model, ones in probes.items()
        for one in ones
    )
    return finish(figure, alt=f"Lines over layers. {alt}.", reading=reading + ".")
