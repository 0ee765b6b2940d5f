"""Position schemes: the formulas by hand, and what each of them promises."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nmt.positions import PositionEmbedding, RotaryPositions, sinusoidal_table

POSITIONS = st.integers(0, 40)
BASES = st.sampled_from([10.0, 100.0, 10_000.0])


@given(st.integers(1, 30), st.sampled_from([2, 4, 6, 64]), BASES)
def test_sinusoidal_formula(length: int, hidden_size: int, base: float) -> None:
    table = sinusoidal_table(length, hidden_size, base)
    angles = np.arange(length)[:, None] / base ** (np.arange(0, hidden_size, 2) / hidden_size)
    expected = np.stack((np.sin(angles), np.cos(angles)), axis=-1).reshape(length, hidden_size)
    np.testing.assert_allclose(table.numpy(), expected, rtol=0, atol=1e-5)


@given(POSITIONS, POSITIONS, POSITIONS, BASES, st.integers(0, 2**31))
def test_rotation_keeps_norms_and_sees_distance_only(query_at, key_at, shift, base, seed) -> None:
    torch.manual_seed(seed)
    rotary = RotaryPositions(8, base).double()
    query, key = torch.randn(2, 1, 1, 1, 8, dtype=torch.float64)

    def turned(vector: torch.Tensor, position: int) -> torch.Tensor:
        return rotary(vector, position).flatten()

    torch.testing.assert_close(turned(query, query_at).norm(), query.norm())
    here = turned(query, query_at) @ turned(key, key_at)
    there = turned(query, query_at + shift) @ turned(key, key_at + shift)
    torch.testing.assert_close(here, there, rtol=0, atol=1e-9)


def test_rotation_by_hand() -> None:
    """Pair 0 turns by 1 radian a letter, pair 1 by 0.1 (base 100); position 0 stays as it is."""
    rotary = RotaryPositions(4, 100.0)
    turned = rotary(torch.tensor([1.0, 0, 0, 1]).expand(1, 1, 3, 4))[0, 0]
    expected = [[math.cos(p), math.sin(p), -math.sin(p / 10), math.cos(p / 10)] for p in range(3)]
    torch.testing.assert_close(turned, torch.tensor(expected))


TRAINED = {"none": 0, "rotary": 0, "sinusoidal": 0, "learned": 80, "learned-from-sinusoidal": 80}


@pytest.mark.parametrize(("scheme", "trained"), TRAINED.items())
def test_what_each_scheme_trains_and_adds(scheme: str, trained: int) -> None:
    torch.manual_seed(0)
    embedding, inputs = PositionEmbedding(scheme, 8, max_length=10), torch.randn(1, 10, 8)
    assert sum(parameter.numel() for parameter in embedding.parameters()) == trained
    added = (embedding(inputs) - inputs)[0].detach()
    if scheme in ("none", "rotary"):
        assert (added == 0).all()
    elif scheme == "learned":
        assert 0.01 < added.std() < 0.03
    else:
        torch.testing.assert_close(added, sinusoidal_table(10, 8), rtol=0, atol=1e-5)
    assert embedding.state_dict().keys() == ({"table"} if trained else set())


def test_sinusoids_go_on_without_limit() -> None:
    embedding = PositionEmbedding("sinusoidal", 8, max_length=4)
    with torch.inference_mode():  # as decoding does
        long = embedding(torch.zeros(1, 9, 8))[0]
    torch.testing.assert_close(long, sinusoidal_table(9, 8))
    inputs = torch.zeros(1, 9, 8, requires_grad=True)
    # a table made while decoding does not stand in the way of training
    embedding(inputs).sum().backward()
    assert inputs.grad is not None


@pytest.mark.parametrize("scheme", ["learned", "learned-from-sinusoidal"])
def test_a_trained_table_ends(scheme: str) -> None:
    embedding = PositionEmbedding(scheme, 8, max_length=4)
    embedding(torch.zeros(1, 4, 8))
    with pytest.raises(ValueError, match="position 4 is beyond the 4 positions"):
        embedding(torch.zeros(1, 1, 8), start=4)


@pytest.mark.parametrize(
    ("message", "wrong"),
    [
        ("even hidden_size", lambda: sinusoidal_table(4, 5)),
        ("head size must be even, not 3", lambda: RotaryPositions(3)),
        ("unknown position scheme 'x'.*none, sinu", lambda: PositionEmbedding("x", 8, 4)),
    ],
)
def test_errors(message: str, wrong) -> None:
    with pytest.raises(ValueError, match=message):
        wrong()
