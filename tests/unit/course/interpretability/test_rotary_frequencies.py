"""Rotary frequencies that stand still: the turn is gone inside the block, and back after it."""

import math
from contextlib import ExitStack

import pytest
import torch
from tiny import tiny_transformer

from course.interpretability.rotary_frequencies import (
    frequency_effects,
    standing_still,
    wavelengths,
)
from nmt.data import load_pairs
from nmt.decoding import evaluating
from nmt.positions import RotaryPositions
from nmt.transformer import Transformer

PAIRS = load_pairs("small", "val")[:12]


@pytest.fixture
def model() -> Transformer:
    return tiny_transformer()


def logits(model: Transformer) -> torch.Tensor:
    with evaluating(model):
        return model(torch.tensor([[0, 1, 2, 3, 28]]), torch.tensor([[27, 4, 5]]))


def test_wavelengths_are_letters_for_a_turn(model: Transformer) -> None:
    found = wavelengths(model)
    assert found == pytest.approx([2 * math.pi * 10_000 ** (2 * i / 8) for i in range(4)], rel=1e-4)


def test_inside_the_block_one_pair_is_not_turned_and_afterwards_it_is(model: Transformer) -> None:
    before = logits(model)
    rotary = next(module for module in model.modules() if isinstance(module, RotaryPositions))
    vectors = torch.randn(1, 2, 6, 8)
    with standing_still(model, 1):
        turned = rotary(vectors)
        assert torch.equal(turned[..., 2:4], vectors[..., 2:4])
        assert not torch.allclose(turned[..., :2], vectors[..., :2])
        assert not torch.allclose(logits(model), before)
    assert torch.equal(logits(model), before)
    with pytest.raises(RuntimeError), standing_still(model, 0):
        raise RuntimeError
    assert torch.equal(logits(model), before)


def test_without_any_turn_the_encoder_does_not_see_order(model: Transformer) -> None:
    """With all pairs standing still it has no positions: shuffled letters, shuffled vectors."""
    source = torch.tensor([[0, 1, 2, 3, 28]])
    with evaluating(model), ExitStack() as stack:
        for pair in range(4):
            stack.enter_context(standing_still(model, pair))
        torch.testing.assert_close(model.encode(source.flip(1)), model.encode(source).flip(1))


def test_effects_come_pair_by_pair_and_the_fast_ones_move_more(model: Transformer) -> None:
    with torch.no_grad():
        for layer in model.attention_layers().values():
            layer.to_query.weight *= 4  # sharp enough to see a difference
    effects = frequency_effects(model, PAIRS)
    assert [effect.pair for effect in effects] == [0, 1, 2, 3]
    assert effects[0].moved > 10 * effects[3].moved > 0
    assert all(0 <= effect.accuracy <= 1 for effect in effects)
