"""Figures of learning: what they say, what they refuse."""

import torch
from says import says

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
    maps = {"before": BEFORE, "after": AFTER}
    picture = plot_learned_attention(maps, "ab", ["x", "y", "<EOS>"], [1, None])
    says(picture, "goes from 25% to 100%.", "Weight in them: before 25%, after 100%")
    says(plot_learned_attention({"now": AFTER}, "ab", "xyz", [1, 0]), "now 88%")


def test_sums_of_gradients_stand_by_number():
    picture = plot_gradient_sums({"one length": {16: [0.5, 0.7], 1: [0.1]}, "random": {1: [0.4]}})
    says(picture, "one length: 0.10 from 1, 0.60 from 16; random: 0.40 from 1")


def test_runs_over_each_other_say_where_each_ended():
    picture = plot_over_each_other({"whole": ROWS, "without mask": ROWS[:1], "later": []}, 8)
    last = "whole 75.0% after epoch 3, without mask 25.0% after epoch 1."
    says(picture, last, "whole 0.33, without mask 1")
    assert "later" not in picture.alt


def test_projections_say_what_comes_out():
    maps = {"query": torch.eye(2), "key": 2 * torch.eye(2)}
    counts = "One vector of 2 numbers, 2 maps, 2 results: query, key."
    picture = plot_projections(torch.tensor([1.0, -1.0]), maps, "e")
    says(picture, counts, "query 1.0 -1.0; key 2.0 -2.0")
