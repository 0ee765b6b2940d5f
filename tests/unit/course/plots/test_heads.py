"""Figures of heads, causes and probes: words from the numbers; misfits are refused."""

import pytest
import torch

from course import plots
from course.interpretability.ablation import Loss
from course.interpretability.alignment import Score
from course.interpretability.heads import Matching
from course.interpretability.probes import Probe
from course.plots.shaded_table import describe_table, draw_table
from course.plots.style import new_figure


def score(values: list[list[float]], chance: float = 0.1) -> Score:
    table = torch.tensor(values, dtype=torch.float64)
    return Score(table, table / 2, chance, 10)


def test_tables_number_every_cell_without_a_negative_zero_and_leave_gaps_empty() -> None:
    values = torch.tensor([[0.256, float("nan")], [-0.001, 1.0]])
    _, axis = new_figure(3, 3)
    draw_table(axis, values, ["a", "b"], ["x", "y"], percent=False, signed=True)
    assert sorted(text.get_text() for text in axis.texts) == ["0.00", "0.26", "1.00"]
    assert describe_table(values, ["a", "b"], ["x", "y"]) == "a: x 26%. b: x 0%, y 100%."
    with pytest.raises(ValueError, match="2 rows and 1 columns"):
        draw_table(axis, values, ["a", "b"], ["x"])


def test_alignment_scores_name_the_best_head_of_each_model() -> None:
    picture = plots.plot_alignment_scores(
        {"transformer": score([[0.2, 0.7]]), "Mamba": score([[0.4], [0.1]])}, {"chance": 0.1}
    )
    assert "transformer 70%" in picture.reading
    assert "Mamba 40%" in picture.reading
    assert "chance 10%" in picture.reading
    assert "Mamba, layer 1: 10%" in picture.alt
    with pytest.raises(ValueError, match="no score"):
        plots.plot_alignment_scores({}, {})


def test_shifts_name_the_best_one() -> None:
    picture = plots.plot_shifts(
        {"layer 0": {-1: 0.2, 0: 0.1, 1: 0.6}, "layer 1": {-1: 0.1, 0: 0.9, 1: 0.3}}
    )
    assert picture.reading == "The best shift is +1 for layer 0, 0 for layer 1."
    with pytest.raises(ValueError, match="no line"):
        plots.plot_shifts({})


def test_roles_and_seeds_say_which_roles_are_played() -> None:
    picture = plots.plot_head_roles(
        {"encoder": {"previous letter": score([[0.2, 1.9]]), "itself": score([[0.2, 0.3]])}}
    )
    assert "previous letter 95% (chance 10%)" in picture.reading and "itself" not in picture.reading
    picture = plots.plot_roles_over_seeds(
        {"a": [0.9, 0.8], "b": [0.2, 0.7], "c": [0.1, 0.1]}, {"a": 0.1, "b": 0.1, "c": 0.1}
    )
    assert "to: a. In some seeds only: b." in picture.reading
    for draw in (lambda: plots.plot_head_roles({}), lambda: plots.plot_roles_over_seeds({}, {})):
        with pytest.raises(ValueError, match="no role"):
            draw()


def test_matching_says_where_it_helps_most() -> None:
    picture = plots.plot_matching({"encoder": [Matching([[0, 1]] * 2, [0.9, 0.5], [0.6, 0.5])] * 3})
    assert "most in encoder layer 0, by 30 points" in picture.reading
    assert "least in encoder layer 1, by 0" in picture.reading
    with pytest.raises(ValueError, match="no matching"):
        plots.plot_matching({})


def test_losses_name_the_head_that_is_missed() -> None:
    layer = "encoder.0.self_attention"
    losses = [Loss(layer, (head,), "off", 0.01 + head / 10, 0.9, 0, {}) for head in range(2)] + [
        Loss(layer, (0, 1), "off", 0.7, 0.2, 0.7, {})
    ]
    picture = plots.plot_losses(losses, untouched=0.002)
    assert (
        picture.reading
        == "Untouched, the loss is 0.002 nats per token; without head 1 of encoder 0"
        " it is 0.11, without all heads of encoder 0 0.7."
    )
    assert "all heads of encoder 0 off: 0.7" in picture.alt
    for wrong in ([], [Loss(layer, (0,), "half", 1.0, 0.9, 0, {})]):
        with pytest.raises(ValueError, match="at least one loss"):
            plots.plot_losses(wrong, untouched=0.002)


def test_the_other_tables_carry_their_numbers_in_words() -> None:
    picture = plots.plot_losses_by_class(
        {"off": {"vowel": 0.5}}, {"vowel": 8, "cluster": 2}, reading="Half."
    )
    assert "off: vowel 50%." in picture.alt and picture.reading == "Half."
    picture = plots.plot_patching(
        torch.tensor([[1.0, 0.0]]), ["embedding"], ["b", "r"], title="t", reading="Here."
    )
    assert "embedding: b 1.00, r 0.00." in picture.alt
    letter, finding = torch.tensor([[1.0, 0.0], [0.9, 0.1]]), torch.tensor([[0.2, 0.0], [0.0, 0.3]])
    picture = plots.plot_patching_average(letter, finding, ["embedding", "encoder.0"], [0, 1], 7)
    assert "0.90 after encoder.0" in picture.reading
    assert "at the letter itself in embedding and +1 from it after" in picture.reading


def test_swaps_need_their_control() -> None:
    one = {"place": 0.6, "other": 0.3, "neither": 0.1}
    two = {"place": 1.0, "other": 0.0, "neither": 0.0}
    assert "30% (control 0%, which stays right in 100%)" in plots.plot_swaps([one], [two]).reading
    with pytest.raises(ValueError, match="as many controls"):
        plots.plot_swaps([one], [])


def test_probes_name_the_layer_with_the_largest_gap() -> None:
    probes = [
        Probe("embedding", "position", 0.3, 0.3, 0.2),
        Probe("encoder.0", "position", 0.8, 0.4, 0.2),
    ]
    picture = plots.plot_probes({"transformer": probes})
    assert "position 80%, control 40% (encoder.0)" in picture.reading
    assert "embedding: 30%" in picture.alt
    with pytest.raises(ValueError, match="no probe"):
        plots.plot_probes({"transformer": []})
