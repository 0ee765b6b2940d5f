"""Figures of what heads do: alignment accuracy, roles, and the same roles in other seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from course.interpretability.alignment import Score
from course.interpretability.heads import Matching
from course.plots.shaded_table import describe_table, draw_table
from course.plots.style import INK, MAMBA, NEUTRAL, TRANSFORMER, TRUTH, Picture, finish, new_figure


def plot_alignment_scores(scores: Mapping[str, Score], baselines: Mapping[str, float]) -> Picture:
    """The alignment accuracy of every head of every layer, one group of bars for each model, and
    what is reached without looking.

    Args:
        scores: by the name of the model; one with "Mamba" in it gets Mamba's colour.
        baselines: shares to compare with, by name.

    Raises:
        ValueError: if there is no model.
    """
    if not scores:
        raise ValueError("there is no score to draw; give at least one model's")
    figure, axis = new_figure(7.6, 3.6)
    ticks, names, said, place = [], [], [], 0.0
    for model, score in scores.items():
        colour = MAMBA if "Mamba" in model else TRANSFORMER
        bar = None
        for layer, (shares, weights) in enumerate(zip(score.share.tolist(), score.weight.tolist())):
            spots = [place + head for head in range(len(shares))]
            bar = axis.bar(spots, shares, color=colour, width=0.8)
            axis.plot(spots, weights, "_", color=INK, markersize=11, markeredgewidth=2)
            for spot, share, weight in zip(spots, shares, weights):
                axis.annotate(
                    f"{100 * share:.0f}",
                    (spot, max(share, weight) + 0.015),
                    ha="center",
                    va="bottom",
                    fontsize=8,
                )
            ticks.append(sum(spots) / len(spots))
            names.append(f"layer {layer}" if len(shares) > 1 else f"l. {layer}")
            said.append(f"{model}, layer {layer}: {', '.join(f'{share:.0%}' for share in shares)}")
            place += len(shares) + (0.7 if len(shares) > 1 else 0.2)
        if bar is not None:
            bar.set_label(f"{model}: largest weight on the true letter")
        place += 0.6
    axis.plot(
        [],
        [],
        "_",
        color=INK,
        markersize=11,
        markeredgewidth=2,
        label="mean weight on the true letter",
    )
    for (name, value), style in zip(baselines.items(), ("-", "--", ":", "-.")):
        axis.axhline(value, color=NEUTRAL, lw=1.2, ls=style, label=f"{name}: {value:.0%}")
    axis.set_xticks(ticks, names)
    axis.set_ylim(0, 1.1)
    axis.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    axis.set_ylabel("copied letters")
    axis.set_xlabel("one bar for each head (Mamba: all channels of a layer); numbers in percent")
    figure.legend(loc="outside lower center", ncols=2, fontsize=8, frameon=False)
    best = {model: float(score.share.max()) for model, score in scores.items()}
    lines = ", ".join(f"{name} {value:.0%}" for name, value in baselines.items())
    reading = (
        f"Best head: {', '.join(f'{model} {share:.0%}' for model, share in best.items())}; without"
        f" looking: {lines}."
    )
    return finish(
        figure,
        alt=f"Bars of alignment accuracy. {'; '.join(said)}. Lines: {lines}.",
        reading=reading,
    )


def plot_shifts(shares: Mapping[str, Mapping[int, float]]) -> Picture:
    """How well attention fits the truth moved by some letters: a line for each layer or head.

    Args:
        shares: by name, for each shift in letters the share of copied letters whose largest weight
            falls there.

    Raises:
        ValueError: if there is no line.
    """
    if not shares:
        raise ValueError("there is no line to draw; give at least one")
    figure, axis = new_figure(5.8, 2.8)
    for number, (name, line) in enumerate(shares.items()):
        colour = MAMBA if "Mamba" in name else TRANSFORMER
        style = ("-", "--", ":", "-.")[number % 4]
        axis.plot(list(line), list(line.values()), marker="o", color=colour, ls=style, label=name)
    axis.axvline(0, color=TRUTH, lw=6, alpha=0.2, zorder=0)
    places = sorted({shift for line in shares.values() for shift in line})
    axis.set_xticks(places, [f"{shift:+d}".replace("-", "−") if shift else "0" for shift in places])
    axis.set(
        xlabel="shift from the letter that is copied (letters; + is to the right)", ylim=(0, 1.05)
    )
    axis.set_yticks([0, 0.5, 1], ["0 %", "50 %", "100 %"])
    axis.set_ylabel("largest weight there")
    axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    best = {name: max(line, key=line.__getitem__) for name, line in shares.items()}
    reading = (
        "The best shift is "
        + ", ".join(f"{shift:+d} for {name}".replace("+0", "0") for name, shift in best.items())
        + "."
    )
    ends = "; ".join(
        f"{name}: " + ", ".join(f"{shift:+d} {share:.0%}" for shift, share in line.items())
        for name, line in shares.items()
    )
    return finish(figure, alt=f"Lines over shifts. {ends}.", reading=reading)


def plot_table_of_scores(
    values: Float[Tensor, "rows columns"],
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    title: str,
    reading: str,
    across: str = "",
) -> Picture:
    """A table of shares in percent, shaded: such as heads by rule classes."""
    figure, axis = new_figure(2.4 + 0.75 * len(columns), 1.3 + 0.25 * len(rows))
    draw_table(axis, values, rows, columns)
    axis.set_title(title)
    axis.set_xlabel(across)
    return finish(
        figure, alt=f"A table, in percent. {describe_table(values, rows, columns)}", reading=reading
    )


def plot_head_roles(scores: Mapping[str, Mapping[str, Score]]) -> Picture:
    """What each head does: for each kind of attention a table of roles by heads, with the chance
    level in the last column.

    Args:
        scores: by kind ("encoder", "decoder", "cross"), as
            `course.interpretability.heads.score_heads` gives them.

    Raises:
        ValueError: if there is no kind.
    """
    if not scores:
        raise ValueError(
            "there is no role to draw; give the scores of at least one kind of attention"
        )
    lengths = [len(roles) for roles in scores.values()]
    figure, axes = new_figure(
        7.4,
        0.75 * len(scores) + 0.27 * sum(lengths),
        len(scores),
        1,
        squeeze=False,
        height_ratios=lengths,
    )
    said, best = [], []
    for axis, (kind, roles) in zip(axes.flat, scores.items()):
        layers, heads = next(iter(roles.values())).weight.shape
        rows = torch.stack(
            [
                torch.cat((score.weight.flatten(), torch.tensor([score.chance])))
                for score in roles.values()
            ]
        )
        columns = [
            *(f"{layer}·{head}" for layer in range(layers) for head in range(heads)),
            "chance",
        ]
        draw_table(axis, rows, list(roles), columns)
        for boundary in [layer * heads - 0.5 for layer in range(1, layers + 1)]:
            axis.axvline(boundary, color="white", lw=4)
        axis.set_title({"cross": "cross-attention"}.get(kind, f"{kind} self-attention"), loc="left")
        said.append(f"{kind}. {describe_table(rows, list(roles), columns)}")
        for name, score in roles.items():
            layer, head = score.best()
            if score.weight[layer, head] > 0.5:
                best.append(f"{name} {score.weight[layer, head]:.0%} (chance {score.chance:.0%})")
    axes.flat[-1].set_xlabel("layer · head; numbers: mean weight in percent")
    reading = (
        f"Roles to which some head gives more than half of its weight: {'; '.join(best) or 'none'}."
    )
    return finish(figure, alt=f"Tables of mean weights. {' '.join(said)}", reading=reading)


def plot_roles_over_seeds(
    best: Mapping[str, Sequence[float]], chance: Mapping[str, float]
) -> Picture:
    """Does every seed have a head for each role? For each role the best head of each seed (dots),
    and chance (bars).

    Args:
        best: for each role the mean weight of the best head, one number a seed.
        chance: for each role its chance level.

    Raises:
        ValueError: if there is no role.
    """
    if not best:
        raise ValueError("there is no role to draw; give at least one")
    figure, axis = new_figure(6.8, 0.9 + 0.27 * len(best))
    for row, (name, values) in enumerate(best.items()):
        axis.plot([min(values), max(values)], [row, row], color=TRANSFORMER, lw=2, zorder=1)
        axis.scatter(
            values,
            [row] * len(values),
            color=TRANSFORMER,
            edgecolor=INK,
            s=45,
            zorder=2,
            label="one seed" if row == 0 else None,
        )
        axis.plot(
            [chance[name]] * 2,
            [row - 0.3, row + 0.3],
            color=NEUTRAL,
            lw=2,
            ls=":",
            label="chance" if row == 0 else None,
        )
    axis.set_yticks(range(len(best)), list(best))
    axis.invert_yaxis()
    axis.set_xlim(0, 1)
    axis.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    axis.set_xlabel("mean weight of the best head on the role's letter")
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
    matched heads, and of random pairings.

    Args:
        matchings: by kind, one matching for each pair of seeds.

    Raises:
        ValueError: if there is none.
    """
    if not matchings:
        raise ValueError("there is no matching to draw; give at least one")
    figure, axis = new_figure(6.6, 2.8)
    names, gains, place = [], [], 0
    for kind, ones in matchings.items():
        for layer in range(len(ones[0].matched)):
            matched = [one.matched[layer] for one in ones]
            chance = [one.random[layer] for one in ones]
            axis.scatter(
                [place - 0.12] * len(chance),
                chance,
                color="white",
                edgecolor=NEUTRAL,
                s=45,
                label=None if place else "paired at random",
            )
            axis.scatter(
                [place + 0.12] * len(matched),
                matched,
                color=TRANSFORMER,
                edgecolor=INK,
                s=45,
                label=None if place else "matched",
            )
            gains.append(sum(matched) / len(matched) - sum(chance) / len(chance))
            names.append(f"{kind}\nlayer {layer}")
            place += 1
    axis.set_xticks(range(place), names)
    axis.set_ylim(0, 1)
    axis.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    axis.set_ylabel("overlap of two seeds' heads")
    axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    largest = max(range(place), key=gains.__getitem__)
    smallest = min(range(place), key=gains.__getitem__)
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
