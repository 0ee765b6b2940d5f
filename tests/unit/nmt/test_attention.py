"""Attention against torch's own, its masks, and the three ways through a multi-head layer."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from nmt.attention import (
    MultiHeadAttention,
    attention_weights,
    causal_mask,
    check_mask,
    scaled_dot_product_attention,
)
from nmt.positions import RotaryPositions

SIZES = st.integers(1, 7)
SEEDS = st.integers(0, 2**31)


def random_mask(queries: int, keys: int, chance: torch.Generator) -> torch.Tensor:
    """A random mask that leaves each query at least one key."""
    mask = torch.rand(queries, keys, generator=chance) < 0.5
    mask[torch.arange(queries), torch.randint(keys, (queries,), generator=chance)] = True
    return mask


@st.composite
def attention_inputs(draw):
    """Query, key, value and a mask (or none), in float64, of any small shape."""
    queries, keys, size, width, batch = (draw(SIZES) for _ in range(5))
    chance = torch.Generator().manual_seed(draw(SEEDS))
    shape = {"dtype": torch.float64, "generator": chance}
    query, key = torch.randn(batch, queries, size, **shape), torch.randn(batch, keys, size, **shape)
    value = torch.randn(batch, keys, width, **shape)
    mask = random_mask(queries, keys, chance) if draw(st.booleans()) else None
    return query * draw(st.sampled_from([0.1, 1.0, 1e4])), key, value, mask


@given(attention_inputs())
def test_weights_are_an_average(inputs) -> None:
    query, key, value, mask = inputs
    weights = attention_weights(query, key, mask)
    assert (weights >= 0).all()
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(query.shape[:2]).double())
    assert mask is None or (weights[:, ~mask] == 0).all()
    output, _ = scaled_dot_product_attention(query, key, value, mask)
    torch.testing.assert_close(output, weights @ value)


@given(attention_inputs())
def test_values_and_gradients_agree_with_torch(inputs) -> None:
    *tensors, mask = inputs
    ours, theirs = ([tensor.clone().requires_grad_() for tensor in tensors] for _ in range(2))
    output = scaled_dot_product_attention(*ours, mask)[0]
    expected = F.scaled_dot_product_attention(*theirs, attn_mask=mask)
    torch.testing.assert_close(output, expected, rtol=0, atol=1e-6)
    output.square().sum().backward()
    expected.square().sum().backward()
    for our, their in zip(ours, theirs, strict=True):
        torch.testing.assert_close(our.grad, their.grad, rtol=1e-7, atol=1e-7)


# Masks


@given(SIZES, st.integers(0, 7))
def test_causal_mask(queries: int, more: int) -> None:
    """The queries are the last of the keys."""
    with pytest.raises(ValueError, match=f"{queries - 1} keys for {queries} queries"):
        causal_mask(queries, queries - 1)
    place = torch.arange(queries + more)
    expected = place[None] <= place[more:, None]
    assert torch.equal(causal_mask(queries, queries + more), expected)
    assert torch.equal(causal_mask(queries), expected[:, more:])


def test_a_mask_must_leave_something() -> None:
    query, mask = torch.randn(1, 2, 4), torch.tensor([[True, True], [False, False]])
    with pytest.raises(ValueError, match="without any key"):
        attention_weights(query, query, mask)
    # The kernel behind the fast path would answer silently.
    with pytest.raises(ValueError, match="without any key"):
        MultiHeadAttention(4, 2)(query, mask=mask)


@pytest.mark.parametrize("mask", [torch.ones(2, 2), torch.ones(2, 2, dtype=torch.long)])
def test_a_mask_must_be_boolean(mask: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=r"boolean.*mask\.bool"):
        check_mask(mask)


# Multi-head attention


@given(st.sampled_from([1, 2, 4]), st.booleans(), st.booleans(), SIZES, SIZES, SEEDS)
def test_three_ways_to_the_same_numbers(num_heads, rotary, cross, queries, more, seed) -> None:
    torch.manual_seed(seed)
    turns = RotaryPositions(8 // num_heads) if rotary else None
    layer = MultiHeadAttention(8, num_heads, rotary=turns).double()
    inputs = torch.randn(2, queries, 8, dtype=torch.float64)
    memory = torch.randn(2, queries + more, 8, dtype=torch.float64) if cross else None
    mask = causal_mask(queries, queries + more if cross else None)
    fast = layer(inputs, memory, mask)
    returned, weights = layer(inputs, memory, mask, return_weights=True)
    seen: list[torch.Tensor] = []
    layer.pattern_hook = lambda weights: seen.append(weights) or weights
    hooked = layer(inputs, memory, mask)
    torch.testing.assert_close(fast, hooked, rtol=0, atol=1e-12)
    torch.testing.assert_close(fast, returned, rtol=0, atol=1e-12)
    assert torch.equal(weights, seen[0])
    assert weights.shape == (2, num_heads, *mask.shape)


@given(st.sampled_from([1, 2, 4]), st.booleans(), SEEDS)
def test_agrees_with_torchs_layer(num_heads: int, masked: bool, seed: int) -> None:
    torch.manual_seed(seed)
    ours = MultiHeadAttention(8, num_heads).double()
    theirs = nn.MultiheadAttention(8, num_heads, bias=False, batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat((ours.to_query.weight, ours.to_key_value.weight)))
        theirs.out_proj.weight.copy_(ours.to_output.weight)
    inputs = torch.randn(3, 5, 8, dtype=torch.float64)
    mask = causal_mask(5) if masked else None
    # torch's layer has True = may not
    forbidden = None if mask is None else ~mask
    options = {"attn_mask": forbidden, "need_weights": True, "average_attn_weights": False}
    expected, expected_weights = theirs(inputs, inputs, inputs, **options)
    output, weights = ours(inputs, mask=mask, return_weights=True)
    torch.testing.assert_close(output, expected, rtol=0, atol=1e-10)
    torch.testing.assert_close(weights, expected_weights, rtol=0, atol=1e-10)


def test_dropout_only_in_training_and_on_both_paths() -> None:
    torch.manual_seed(3)
    layer = MultiHeadAttention(8, 2, dropout=0.5).double()
    inputs = torch.randn(1, 6, 8, dtype=torch.float64)
    evaluated = layer.eval()(inputs)
    torch.testing.assert_close(evaluated, layer(inputs, return_weights=True)[0])
    layer.train()
    for options in ({}, {"return_weights": True}):
        runs = [layer(inputs, **options) for _ in range(2)]
        first, second = (run[0] if options else run for run in runs)
        assert not torch.allclose(first, second)
    _, weights = layer(inputs, return_weights=True)
    # seen before dropout
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(1, 2, 6, dtype=torch.float64))


@pytest.mark.parametrize("num_heads", [0, 3, 16])
def test_heads_must_divide_the_width(num_heads: int) -> None:
    with pytest.raises(ValueError, match="divisor"):
        MultiHeadAttention(8, num_heads)
