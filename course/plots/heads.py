"""Figures of what heads do (alignment accuracy, roles, the same roles in other seeds), and of what
probes read from each layer.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from course.interpretability.alignment import Score
from course.interpretability.heads import Matching
from course.interpretability.probes import Probe
from course.plots.axes import describe_table, draw_dots, draw_table, percent_axis
from course.plots.colours import INK, MAMBA, MODEL, NEUTRAL, TRANSFORMER, TRUTH
from course.plots.style import Picture, finish, new_figure, new_panels


def plot_alignment_scores(scores: Mapping[str, Score], baselines: Mapping[str, float]) -> Picture:
    """The alignment accuracy of every head of every layer, one group of bars for each model, and
    what is reached without looking.

    Args:
        scores: by the name of the model; one with "Mamba" in it gets Mamba's colour.
        baselines: shares to compare with, by name.
    """
    figure, axis = new_figure(7.6, 3.6)
    ticks, names, said, place = [], [], [], 0.0
    dash: Any = {"color": INK, "markersize": 11, "markeredgewidth": 2}
    for model, score in scores.items():
        colour = MAMBA if "Mamba" in model else TRANSFORMER
        for layer, (shares, weights) in enumerate(zip(score.share.tolist(), score.weight.tolist())):
            spots = [place + head for head in range(len(shares))]
            bar = axis.bar(spots, shares, color=colour, width=0.8)
            axis.plot(spots, weights, "_", **dash)
            for spot, share, weight in zip(spots, shares, weights):
                above = max(share, weight) + 0.015
                axis.text(spot, above, f"{100 * share:.0f}", ha="center", va="bottom", fontsize=8)
            ticks.append(sum(spots) / len(spots))
            names.append(f"layer {layer}" if len(shares) > 1 else f"l. {layer}")
            said.append(f"{model}, layer {layer}: {', '.join(f'{share:.0%}' for share in shares)}")
            place += len(shares) + (0.7 if len(shares) > 1 else 0.2)
        bar.set_label(f"{model}: largest weight on the true letter")
        place += 0.6
    axis.plot([], [], "_", label="mean weight on the true letter", **dash)
    for (name, value), style in zip(baselines.items(), ("-", "--", ":", "-.")):
        axis.axhline(value, color=NEUTRAL, lw=1.2, ls=style, label=f"{name}: {value:.0%}")
    axis.set_xticks(ticks, names)
    percent_axis(axis, "y", "copied letters", steps=4)
    axis.set_ylim(0, 1.1)
    axis.set_xlabel("one bar for each head (Mamba: all channels of a layer); numbers in percent")
    figure.legend(loc="outside lower center", ncols=2, fontsize=8, frameon=False)
    lines = ", ".join(f"{name} {value:.0%}" for name, value in baselines.items())
    bests = ", ".join(f"{model} {score.share.max():.0%}" for model, score in scores.items())
    reading = f"Best head: {bests}; without looking: {lines}."
    alt = f"Bars of alignment accuracy. {'; '.join(said)}. Lines: {lines}."
    return finish(figure, alt=alt, reading=reading)


def plot_shifts(shares: Mapping[str, Mapping[int, float]]) -> Picture:
    """How well attention fits the truth moved by some letters, a line for each layer or head: for
    each shift the share of copied letters whose largest weight falls there.
    """
    figure, axis = new_figure(5.8, 2.8)
    for number, (name, line) in enumerate(shares.items()):
        colour = MAMBA if "Mamba" in name else TRANSFORMER
        style = ("-", "--", ":", "-.")[number % 4]
        axis.plot(list(line), list(line.values()), marker="o", color=colour, ls=style, label=name)
    axis.axvline(0, color=TRUTH, lw=6, alpha=0.2, zorder=0)
    places = sorted({shift for line in shares.values() for shift in line})
    axis.set_xticks(places, [f"{shift:+d}".replace("-", "−") if shift else "0" for shift in places])
    axis.set_xlabel("shift from the letter that is copied (letters; + is to the right)")
    percent_axis(axis, "y", "largest weight there", steps=2)
    axis.set_ylim(0, 1.05)
    axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    best = {name: max(line, key=line.__getitem__) for name, line in shares.items()}
    told = ", ".join(f"{shift:+d} for {name}".replace("+0", "0") for name, shift in best.items())
    ends = "; ".join(
        f"{name}: " + ", ".join(f"{shift:+d} {share:.0%}" for shift, share in line.items())
        for name, line in shares.items()
    )
    return finish(figure, alt=f"Lines over shifts. {ends}.", reading=f"The best shift is {told}.")


def plot_head_roles(scores: Mapping[str, Mapping[str, Score]]) -> Picture:
    """What each head does: for each kind of attention ("encoder", "decoder", "cross") the scores
    of `course.interpretability.heads.score_heads`, roles by heads, with the chance level last.
    """
    lengths = [len(roles) for roles in scores.values()]
    tall = 0.75 + 0.27 * sum(lengths) / len(scores)
    figure, axes = new_panels(len(scores), 1, 7.4, tall, height_ratios=lengths)
    said, best = [], []
    for axis, (kind, roles) in zip(axes.flat, scores.items()):
        layers, heads = next(iter(roles.values())).weight.shape
        cells = [[*one.weight.flatten().tolist(), one.chance] for one in roles.values()]
        rows = torch.tensor(cells)
        columns = [f"{layer}·{head}" for layer in range(layers) for head in range(heads)]
        columns.append("chance")
        draw_table(axis, rows, list(roles), columns)
        for layer in range(1, layers + 1):
            axis.axvline(layer * heads - 0.5, color="white", lw=4)
        axis.set_title({"cross": "cross-attention"}.get(kind, f"{kind} self-attention"), loc="left")
        said.append(f"{kind}. {describe_table(rows, list(roles), columns)}")
        for name, score in roles.items():
            layer, head = score.best()
            if score.weight[layer, head] > 0.5:
                best.append(f"{name} {score.weight[layer, head]:.0%} (chance {score.chance:.0%})")
    axes.flat[-1].set_xlabel("layer · head; numbers: mean weight in percent")
    listed = "; ".join(best) or "none"
    reading = f"Roles to which some head gives more than half of its weight: {listed}."
    return finish(figure, alt=f"Tables of mean weights. {' '.join(said)}", reading=reading)


def plot_roles_over_seeds(
    best: Mapping[str, Sequence[float]], chance: Mapping[str, float]
) -> Picture:
    """Does every seed have a head for each role? For each role the mean weight of the best head of
    each seed (dots), and its chance level (bars).
    """
    figure, axis = new_figure(6.8, 0.9 + 0.27 * len(best))
    ends = [(min(values), max(values)) for values in best.values()]
    axis.hlines(range(len(best)), *zip(*ends), color=TRANSFORMER, lw=2, zorder=1)
    draw_dots(
        axis,
        best,
        [chance[name] for name in best],
        dots={"color": TRANSFORMER, "mec": INK, "ms": 6.7, "label": "one seed"},
        bars={"color": NEUTRAL, "lw": 2, "ls": ":", "label": "chance"},
    )
    percent_axis(axis, "x", "mean weight of the best head on the role's letter", steps=4)
    axis.set_xlim(0, 1)
    axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    steady = [name for name, values in best.items() if min(values) > 0.5]
    shaky = [name for name, values in best.items() if min(values) <= 0.5 < max(values)]
    reading = (
        "In every seed some head gives more than half of its weight to:"
        f" {'; '.join(steady) or 'no role'}. In some seeds only: {'; '.join(shaky) or 'no role'}."
    )
    alt = "; ".join(
        f"{name}: {', '.join(f'{value:.0%}' for value in values)}, chance {chance[name]:.0%}"
        for name, values in best.items()
    )
    return finish(figure, alt=f"Dots for each role and seed. {alt}.", reading=reading)


def plot_matching(matchings: Mapping[str, Sequence[Matching]]) -> Picture:
    """Are heads the same in other seeds? For each kind of attention and layer the overlap of
    matched heads, and of random pairings, a dot for each pair of seeds.
    """
    figure, axis = new_figure(6.6, 2.8)
    looks = (("paired at random", "white", NEUTRAL, -0.12), ("matched", TRANSFORMER, INK, 0.12))
    names, gains, place = [], [], 0
    for kind, ones in matchings.items():
        for layer in range(len(ones[0].matched)):
            matched, chance = zip(*((one.matched[layer], one.random[layer]) for one in ones))
            for values, (label, face, edge, shift) in zip((chance, matched), looks):
                spots = [place + shift] * len(values)
                label = "" if place else label
                axis.scatter(spots, values, color=face, edgecolor=edge, s=45, label=label)
            gains.append(sum(matched) / len(matched) - sum(chance) / len(chance))
            names.append(f"{kind}\nlayer {layer}")
            place += 1
    axis.set_xticks(range(place), names)
    percent_axis(axis, "y", "overlap of two seeds' heads", steps=4)
    axis.set_ylim(0, 1)
    axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    largest, smallest = (best(range(place), key=gains.__getitem__) for best in (max, min))
    plain = [name.replace("\n", " ") for name in names]
    reading = (
        f"Matching raises the overlap most in {plain[largest]}, by {100 * gains[largest]:z.0f}"
        f" points, and least in {plain[smallest]}, by {100 * gains[smallest]:z.0f}."
    )
    alt = "; ".join(f"{name} gains {100 * gain:z.0f} points" for name, gain in zip(plain, gains))
    return finish(
        figure,
        alt=f"Dots: overlap of heads of two seeds, matched and paired at random. {alt}.",
        reading=reading,
    )


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
        names = ["emb.", *(f"layer {layer}" for layer in range(depth - 1))]
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
