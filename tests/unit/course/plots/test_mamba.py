"""Figures of Mamba: the numbers they draw, the words they carry, and what they refuse."""

import pytest
import torch

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
    fixed, selective = plots.plot_memory("t--m", 0.5, 0.5), plots.plot_memory("t--m", 0.5, 0.0)
    assert "t, has kept 22%" in fixed.reading and "dashes make up" in fixed.reading  # e^−1.5
    # e^−0.5
    assert "t, has kept 61%" in selective.reading and "dashes make up 0%" in selective.reading
    assert "nothing of the letters was ever written" in plots.plot_memory("a-", 0.0, 1.0).reading


@pytest.mark.parametrize(
    ("text", "letter", "blank", "rate", "message"),
    [
        ("", 1, 1, 1, "1 to 24"),
        ("---", 1, 1, 1, "at least one"),
        ("a" * 25, 1, 1, 1, "24"),
        ("a", -1, 1, 1, "negative"),
        ("a", 1, 1, 0, "rate"),
    ],
)
def test_memory_refuses(text: str, letter: int, blank: int, rate: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plots.plot_memory(text, letter, blank, rate)


def test_gate_and_copying_carry_words() -> None:
    assert "Δ = 0.69" in plots.plot_gate().reading
    assert "a: 50%; b: 100%" in plots.plot_copying({"a": 0.5, "b": 1.0}).reading


def test_step_sizes_say_how_much_they_change() -> None:
    delta = torch.full((4, 6), 0.1)
    delta[2, :4] = 0.4  # most channels take a step four times as large at the third token
    delta[0, 0] = 0.05
    picture = plots.plot_step_sizes(delta, ["o", "x", "<EOS>", "<SOS>"], 3)
    assert "factor of 4.0 or less, one by 8.0" in picture.reading
    assert "at <EOS> (place 3 of 4), with 0.3" in picture.reading
    with pytest.raises(ValueError, match="labels"):
        plots.plot_step_sizes(delta, ["o"], 1)


def test_mean_steps_say_which_layer_moves():
    calm, moving = torch.full((3, 4), 0.1), torch.tensor([[0.1] * 4, [0.5] * 4, [0.1] * 4])
    picture = plots.plot_mean_steps({"a": calm, "b": moving}, ["o", "<EOS>", "x"], 2)
    assert "by a factor of: a 1.0, b 5.0." in picture.reading


def test_cost_per_letter_reads_the_growth() -> None:
    picture = plots.plot_cost_per_letter([8, 64], {"Mamba": [1.0, 1.1], "transformer": [1.0, 2.5]})
    assert "Mamba 1.1 times, transformer 2.5 times" in picture.reading
    with pytest.raises(ValueError, match="lengths"):
        plots.plot_cost_per_letter([8, 64], {"Mamba": [1.0]})
