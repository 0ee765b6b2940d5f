"""Figures of Mamba: the numbers they draw, the words they carry, and what they refuse."""

import pytest
import torch
from says import says

from course import plots
from course.plots.mamba import kept_amounts


def test_kept_amounts_are_the_recurrence_unrolled() -> None:
    steps, rate = torch.tensor([0.5, 0.0, 2.0, 0.1], dtype=torch.float64), 1.5
    shares = kept_amounts(steps, rate)
    for s in range(4):
        state = torch.zeros((), dtype=torch.float64)
        for t in range(4):
            state = torch.exp(-rate * steps[t]) * state + (steps[t] if s == t else 0)
            torch.testing.assert_close(shares[t, s], state)


def test_memory_says_what_is_left() -> None:
    says(plots.plot_memory("t--m", 0.5, 0.5), "t, has kept 22%", "dashes make up")  # e^−1.5
    says(plots.plot_memory("t--m", 0.5, 0.0), "t, has kept 61%", "dashes make up 0%")  # e^−0.5
    says(plots.plot_memory("a-", 0.0, 1.0), "nothing of the letters was ever written")
    for text in ("", "---", "a" * 25):
        with pytest.raises(ValueError, match="1 to 24 letters and dashes, at least one"):
            plots.plot_memory(text)


def test_step_sizes_say_how_much_they_change() -> None:
    delta = torch.full((4, 6), 0.1)
    delta[2, :4] = 0.4  # most channels take a step four times as large at the third token
    delta[0, 0] = 0.05
    picture = plots.plot_step_sizes(delta, ["o", "x", "<EOS>", "<SOS>"], 3)
    largest = "at <EOS> (place 3 of 4), with 0.3"
    says(picture, "factor of 4.0 or less, one by 8.0", largest)
    calm, moving = torch.full((3, 4), 0.1), torch.tensor([[0.1] * 4, [0.5] * 4, [0.1] * 4])
    picture = plots.plot_mean_steps({"a": calm, "b": moving}, ["o", "<EOS>", "x"], 2)
    says(picture, "by a factor of: a 1.0, b 5.0.")


def test_gate_copying_and_cost_carry_words() -> None:
    says(plots.plot_gate(), "Δ = 0.69")
    says(plots.plot_copying({"a": 0.5, "b": 1.0}), "a: 50%; b: 100%")
    picture = plots.plot_cost_per_letter([8, 64], {"Mamba": [1.0, 1.1], "transformer": [1.0, 2.5]})
    says(picture, "Mamba 1.1 times, transformer 2.5 times")


def test_the_matrix_view_counts_rows_whose_product_is_largest_at_the_copied_key() -> None:
    scores = torch.tensor([[-3.0, 1.0], [2.0, 1.5], [0.0, 1.0]])
    mask = torch.tensor([[0.5, 1.0], [0.5, 1.0], [0.5, 1.0]])
    picture = plots.plot_matrix_view(scores, mask, ["<SOS>", "a", "b"], ["x", "y"], [0, 0, None])
    # row 0: 1.5 in size against 1; row 1: the mask turns 2 against 1.5 round
    says(picture, "In 1 of 2 rows", "at least 50%", "Three heat maps, 3 rows by 2 columns")
    assert picture.svg.count('stroke="#009E73"') == 6  # two frames in each map
