"""Figures of heads, causes and probes: their words follow from the numbers."""

import torch
from says import says

from course import plots
from course.interpretability.ablation import Loss
from course.interpretability.alignment import Score
from course.interpretability.heads import Matching
from course.interpretability.probes import Probe
from course.plots.axes import describe_table, draw_table
from course.plots.style import new_figure


def score(*values: list[float]) -> Score:
    table = torch.tensor(values, dtype=torch.float64)
    return Score(table, table / 2, 0.1, 10)


def test_tables_number_every_cell_without_a_negative_zero_and_leave_gaps_empty() -> None:
    values = torch.tensor([[0.256, float("nan")], [-0.001, 1.0]])
    _, axis = new_figure(3, 3)
    draw_table(axis, values, ["a", "b"], ["x", "y"], percent=False, signed=True)
    assert sorted(text.get_text() for text in axis.texts) == ["0.00", "0.26", "1.00"]
    assert describe_table(values, ["a", "b"], ["x", "y"]) == "a: x 26%. b: x 0%, y 100%."


def test_heads_are_named_for_what_they_do_best() -> None:
    scores = {"transformer": score([0.2, 0.7]), "Mamba": score([0.4], [0.1])}
    told = "transformer 70%", "Mamba 40%", "chance 10%", "Mamba, layer 1: 10%"
    says(plots.plot_alignment_scores(scores, {"chance": 0.1}), *told)
    shifts = {"layer 0": {-1: 0.2, 0: 0.1, 1: 0.6}, "layer 1": {-1: 0.1, 0: 0.9, 1: 0.3}}
    says(plots.plot_shifts(shifts), "The best shift is +1 for layer 0, 0 for layer 1.")
    roles = {"previous letter": score([0.2, 1.9]), "itself": score([0.2, 0.3])}
    picture = plots.plot_head_roles({"encoder": roles})
    says(picture, "previous letter 95% (chance 10%)")
    assert "itself" not in picture.reading
    best = {"a": [0.9, 0.8], "b": [0.2, 0.7], "c": [0.1, 0.1]}
    seeds = plots.plot_roles_over_seeds(best, dict.fromkeys("abc", 0.1))
    says(seeds, "to: a. In some seeds only: b.")
    matched = [Matching([[0, 1]] * 2, [0.9, 0.5], [0.6, 0.5])] * 3
    matching = plots.plot_matching({"encoder": matched})
    says(matching, "most in encoder layer 0, by 30 points", "least in encoder layer 1, by 0")


def test_losses_name_the_head_that_is_missed() -> None:
    layer = "encoder.0.self_attention"
    losses = [Loss(layer, (head,), "off", 0.01 + head / 10, 0.9, 0, {}) for head in range(2)]
    losses.append(Loss(layer, (0, 1), "off", 0.7, 0.2, 0.7, {}))
    missed = "the loss is 0.002 nats per token; without head 1 of encoder 0 it is 0.11"
    every = "without all heads of encoder 0 0.7.", "all heads of encoder 0 off: 0.7"
    says(plots.plot_losses(losses, untouched=0.002), missed, *every)
    classes = {"off": {"vowel": 0.5}}, {"vowel": 8, "cluster": 2}
    says(plots.plot_losses_by_class(*classes, reading="Half."), "off: vowel 50%.", "Half.")


def test_patching_and_swaps_tell_what_moved() -> None:
    one = torch.tensor([[1.0, 0.0]])
    picture = plots.plot_patching(one, ["embedding"], ["b", "r"], title="t", reading="Here.")
    says(picture, "embedding: b 1.00, r 0.00.")
    letter, finding = torch.tensor([[1.0, 0.0], [0.9, 0.1]]), torch.tensor([[0.2, 0.0], [0.0, 0.3]])
    picture = plots.plot_patching_average(letter, finding, ["embedding", "encoder.0"], [0, 1], 7)
    where = "at the letter itself in embedding and +1 from it after"
    says(picture, "0.90 after encoder.0", where)
    swapped = {"place": 0.6, "other": 0.3, "neither": 0.1}
    kept = {"place": 1.0, "other": 0.0, "neither": 0.0}
    says(plots.plot_swaps([swapped], [kept]), "30% (control 0%, which stays right in 100%)")


def test_probes_name_the_layer_with_the_largest_gap() -> None:
    first = Probe("embedding", "position", 0.3, 0.3, 0.2)
    probes = [first, Probe("encoder.0", "position", 0.8, 0.4, 0.2)]
    picture = plots.plot_probes({"transformer": probes})
    says(picture, "position 80%, control 40% (encoder.0)", "embedding: 30%")
