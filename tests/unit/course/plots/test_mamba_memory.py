"""Figures of memory: what they say of layers, channels, places, and what they refuse."""

import pytest
import torch

from course import plots
from course.interpretability.mamba_memory import (
    Survival,
    letter_weights,
    measure_memory,
    sorted_channels,
)
from nmt.mamba import Mamba, MambaConfig
from nmt.trace import MambaTrace, trace


@pytest.fixture(scope="module")
def found() -> MambaTrace:
    torch.manual_seed(0)
    return trace(
        Mamba(MambaConfig(hidden_size=8, num_layers=2, state_size=3)).eval(),
        "well-known",
        truth=True,
    )


def test_letter_memory_tells_the_median_of_each_layer(found: MambaTrace) -> None:
    left = letter_weights(found)[:, 0].median(dim=1).values
    picture = plots.plot_letter_memory(found)
    assert (
        f"of the first letter, w, the median channel has kept layer 0 {left[0]:.0%}, layer 1"
        f" {left[1]:.0%}" in picture.reading
    )
    assert "layer 0" not in plots.plot_letter_memory(found, at=10, layers=[1]).reading
    for layers in ([2], [-1], []):
        with pytest.raises(ValueError, match="layers 0 to 1"):
            plots.plot_letter_memory(found, layers=layers)
    with pytest.raises(ValueError, match="places"):
        plots.plot_letter_memory(found, at=100)


def test_every_channel_and_place_of_a_layer_can_be_drawn(found: MambaTrace) -> None:
    weights, order = letter_weights(found), sorted_channels(found)
    for rank in (1, 2, 8, 16):
        picture = plots.plot_channel(found, 1, rank)
        channel = order[1][rank - 1]
        assert f"Channel {channel} (memory {rank} of 16)" in picture.reading
        assert f"{weights[1, 0, channel]:.0%} of the first" in picture.reading
    for at in (0, 10, None):
        assert plots.plot_channel(found, 0, 1, at).alt


@pytest.mark.parametrize(
    ("layer", "rank", "message"),
    [(2, 1, "layers 0 to 1"), (0, 0, "channels 1 to 16"), (0, 17, "channels 1 to 16")],
)
def test_channels_that_are_not_there_are_refused(
    found: MambaTrace, layer: int, rank: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        plots.plot_channel(found, layer, rank)


def test_a_channel_that_forgets_nothing_has_no_infinite_sentence(found: MambaTrace) -> None:
    picture = plots.plot_channel(found, 0, 16, at=0)
    assert "100% of the first letter" in picture.reading
    assert "inf" not in picture.reading
    assert "nan" not in picture.reading


def test_survival_and_half_lives_tell_their_numbers(found: MambaTrace) -> None:
    measured = measure_memory([found])
    survival = Survival("<EOS>", 4, 7, torch.tensor([[0.1, 0.9]]), torch.tensor([[0.8, 0.9]]))
    picture = plots.plot_survival(
        {"end": survival, "dash": measured.survival["-"]}, title="two tokens"
    )
    assert "end (7 places): 50% kept there, 85% elsewhere, 50% of channels reset" in picture.reading
    half = torch.full((2, 16, 3), 10.0)
    half[0] = 100
    picture = plots.plot_half_lives({"one": half, "two": measured.half_life}, 40)
    assert (
        "one: median 10 tokens, 50% of states above 40" in picture.reading
        or "one: median" in picture.reading
    )
    assert "one layer 0 100, one layer 1 10" in picture.alt and "two layer 1" in picture.alt
    for draw in (lambda: plots.plot_survival({}), lambda: plots.plot_half_lives({}, 40)):
        with pytest.raises(ValueError, match="nothing to draw"):
            draw()
