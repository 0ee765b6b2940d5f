"""Figures of probes: what is readable from each layer, beside what a probe learns by heart."""

from collections.abc import Mapping, Sequence

from course.interpretability.probes import Probe
from course.plots.axes import percent_axis
from course.plots.style import MAMBA, MODEL, NEUTRAL, TRANSFORMER, Picture, finish, new_panels


def plot_probes(probes: Mapping[str, Sequence[Probe]]) -> Picture:
    """One panel for each property: accuracy by layer (solid), control task (dashed), most frequent
    label (dotted); a colour for each model.

    Args:
        probes: by the name of the model, as `course.interpretability.probes.run_probes` gives them.
    """
    labels = list(dict.fromkeys(one.label for ones in probes.values() for one in ones))
    figure, axes = new_panels(len(labels), 2, 3.7 if len(labels) > 1 else 7.4, 2.3, sharey=True)
    depth = max(len({one.layer for one in ones}) for ones in probes.values())
    for axis, label in zip(axes.flat, labels):
        for (model, ones), marker in zip(probes.items(), "os^D"):
            colour = MAMBA if "Mamba" in model else NEUTRAL if "untrained" in model else TRANSFORMER
            own = [one for one in ones if one.label == label]
            axis.plot([one.accuracy for one in own], f"{marker}-", color=colour, label=model)
            control = {"ms": 4, "lw": 1, "mfc": "white", "label": f"{model}: control"}
            axis.plot([one.control for one in own], f"{marker}--", color=colour, **control)
        axis.axhline(own[0].usual, color=MODEL, lw=1, ls=":", label="most frequent label")
        axis.set_title(label)
        names = ["embedding", *(f"layer {layer}" for layer in range(depth - 1))]
        axis.set_xticks(range(depth), names, fontsize=8)
    for axis in axes[:, 0]:
        percent_axis(axis, "y", "read correctly", steps=2)
        axis.set_ylim(0, 1.05)
    drawn = axes[0, 0].get_legend_handles_labels()
    figure.legend(*drawn, loc="outside lower center", ncols=3, fontsize=8, frameon=False)
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
