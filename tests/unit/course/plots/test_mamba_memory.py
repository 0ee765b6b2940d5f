"""Figures of memory: what they say of layers, channels, places, and what they refuse."""

import pytest
import torch
from says import says
from tiny import tiny_mamba

from course import plots
from course.interpretability.mamba_memory import (
    Survival,
    letter_weights,
    measure_memory,
    sorted_channels,
)
from nmt.trace import MambaTrace, trace


@pytest.fixture(scope="module")
def found() -> MambaTrace:
    return trace(tiny_mamba(), "well-known", truth=True)


def test_letter_memory_tells_the_median_of_each_layer(found: MambaTrace) -> None:
    left = letter_weights(found)[:, 0].median(dim=1).values
    kept = f"layer 0 {left[0]:.0%}, layer 1 {left[1]:.0%}"
    says(plots.plot_letter_memory(found), f"first letter, w, the median channel has kept {kept}")


def test_every_channel_and_place_of_a_layer_can_be_drawn(found: MambaTrace) -> None:
    weights, order = letter_weights(found), sorted_channels(found)
    for rank in (1, 2, 8, 16):
        channel = order[1][rank - 1]
        first = f"{weights[1, 0, channel]:.0%} of the first"
        says(plots.plot_channel(found, 1, rank), f"Channel {channel} (memory {rank} of 16)", first)
    for at in (0, 10, None):
        says(plots.plot_channel(found, 0, 1, at))
    keeps_all = plots.plot_channel(found, 0, 16, at=0)
    says(keeps_all, "100% of the first letter")
    assert "inf" not in keeps_all.reading
    for rank in (0, 17):
        with pytest.raises(ValueError, match="channels 1 to 16"):
            plots.plot_channel(found, 0, rank)


def test_survival_and_half_lives_tell_their_numbers(found: MambaTrace) -> None:
    measured = measure_memory([found])
    survival = Survival("<EOS>", 4, 7, torch.tensor([[0.1, 0.9]]), torch.tensor([[0.8, 0.9]]))
    both = {"end": survival, "dash": measured.survival["-"]}
    kept = "end (7 places): 50% kept there, 85% elsewhere, 50% of channels reset"
    says(plots.plot_survival(both, title="two tokens"), kept)
    half = torch.full((2, 16, 3), 10.0)
    half[0] = 100
    picture = plots.plot_half_lives({"one": half, "two": measured.half_life}, 40)
    medians = "one layer 0 100, one layer 1 10", "two layer 1"
    says(picture, "one: median 10 tokens, 50% of states above 40", *medians)
