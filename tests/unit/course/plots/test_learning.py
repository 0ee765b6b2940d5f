"""Figures of learning: what they say, what they refuse."""

import pytest
import torch

from course.plots.learning import (
    plot_gradient_sums,
    plot_learned_attention,
    plot_over_each_other,
    plot_projections,
)

BEFORE = torch.tensor([[0.5, 0.25, 0.25], [0.5, 0.25, 0.25]])
AFTER = torch.tensor([[0.0, 1.0, 0.0], [0.75, 0.25, 0.0]])
ROWS = [{"epoch": n, "alone": n / 4, "val_loss": 1 / n} for n in (1, 2, 3)]


def test_learned_attention_says_how_much_lies_in_the_frames():
    picture = plot_learned_attention(
        {"before": BEFORE, "after": AFTER}, "ab", ["x", "y", "<EOS>"], [1, None]
    )
    assert picture.reading == "The weight on the right letters goes from 25% to 100%."
    assert "Weight in them: before 25%, after 100%" in picture.alt and "<svg" in picture.svg
    one = plot_learned_attention({"now": AFTER}, "ab", "xyz", [1, 0], reading="Look.")
    assert one.reading == "Look." and "now 88%" in one.alt


@pytest.mark.parametrize(
    ("maps", "truth", "message"),
    [
        ({}, [1, None], "at least one"),
        ({"now": AFTER[:1]}, [1, None], r"not \(1, 3\)"),
        ({"now": AFTER}, [None, None], "at least one key"),
        ({"now": AFTER}, [1], "for each of the 2 queries"),
    ],
)
def test_learned_attention_refuses(maps, truth, message):
    with pytest.raises(ValueError, match=message):
        plot_learned_attention(maps, "ab", "xyz", truth)


def test_sums_of_gradients_stand_by_number():
    picture = plot_gradient_sums({"one length": {16: [0.5, 0.7], 1: [0.1]}, "random": {1: [0.4]}})
    assert "one length: 1 batches 0.10, 16 batches 0.60; random: 1 batches 0.40" in picture.reading
    for nothing in ({}, {"one length": {}}):
        with pytest.raises(ValueError, match="no sum"):
            plot_gradient_sums(nothing)


def test_runs_over_each_other_say_where_each_ended():
    picture = plot_over_each_other({"whole": ROWS, "without mask": ROWS[:1], "later": []}, 8)
    assert "whole 75.0% after epoch 3, without mask 25.0% after epoch 1." in picture.reading
    assert "whole 0.33, without mask 1" in picture.alt and "later" not in picture.alt
    with pytest.raises(ValueError, match="no epoch"):
        plot_over_each_other({"whole": []})


def test_projections_say_what_comes_out():
    picture = plot_projections(
        torch.tensor([1.0, -1.0]), {"query": torch.eye(2), "key": 2 * torch.eye(2)}, "e"
    )
    assert picture.reading == "One vector of 2 numbers, 2 maps, 2 results: query, key."
    assert "query 1.0 -1.0; key 2.0 -2.0" in picture.alt and "<svg" in picture.svg
    with pytest.raises(ValueError, match="at least one"):
        plot_projections(torch.ones(2), {}, "e")
    with pytest.raises(ValueError, match="it needs 2 rows"):
        plot_projections(torch.ones(2), {"query": torch.ones(3, 2)}, "e")
