"""One head at one step: what is said when the rule copies, adds, or asks no more."""

import pytest
import torch

from course.plots.attention_step import plot_attention_step

KEYS = ["o", "x", "<EOS>"]
ASKED = ["o", "x", "w", "a", "y", "<EOS>"]
TRUTH = [0, 1, None, None, None, None]


def draw(step: int, right: str | None, weights: torch.Tensor | None = None) -> str:
    weights = torch.full((6, 3), 0.25) if weights is None else weights
    weights[1, 1] = 0.5
    probabilities = torch.full((29,), 0.1 / 28)
    probabilities[23] = 0.9  # x
    return plot_attention_step(
        weights, KEYS, ASKED, TRUTH, probabilities, right, step, title="a head"
    ).reading


def test_the_reading_names_step_look_and_truth() -> None:
    assert (
        draw(1, "x")
        == "Step 2 of 6: x is most probable (90%); this head looks most at x (place 2, weight"
        " 0.50), "
        "and the rule copies x (place 2), which gets 0.50."
    )
    assert draw(2, "w").endswith("; the rule copies nothing here, it adds w.")
    assert draw(5, None).endswith("so the rule asks for nothing here.")


def test_the_rules_letter_is_shown_however_improbable() -> None:
    probabilities = torch.full((29,), 0.03)
    probabilities[22] = 0.0  # w
    picture = plot_attention_step(torch.rand(6, 3), KEYS, ASKED, TRUTH, probabilities, "w", 2)
    assert "w 0.0%" in picture.alt


@pytest.mark.parametrize(
    ("weights", "step"),
    [(torch.rand(5, 3), 0), (torch.rand(6, 2), 0), (torch.rand(6, 3), 6), (torch.rand(6, 3), -1)],
)
def test_what_does_not_fit_is_refused(weights: torch.Tensor, step: int) -> None:
    with pytest.raises(ValueError, match="do not fit together"):
        plot_attention_step(weights, KEYS, ASKED, TRUTH, torch.full((29,), 1 / 29), None, step)
