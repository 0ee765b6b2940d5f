"""`nmt.scan`: nine ways to one recurrence, held against the loop in value and gradient."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nmt.scan import METHODS, WRONG, scan

ALL = tuple(METHODS)

DECAYS = {
    "random": lambda shape: torch.rand(shape, dtype=torch.float64) * 0.98 + 0.01,
    "one": lambda shape: torch.ones(shape, dtype=torch.float64),
    "tiny": lambda shape: 10.0 ** (-8 * torch.rand(shape, dtype=torch.float64)),
    "large": lambda shape: 0.5 + 2.5 * torch.rand(shape, dtype=torch.float64),
    "some zero": lambda shape: torch.rand(shape, dtype=torch.float64).sub(0.3).clamp(min=0),
    "negative": lambda shape: -0.1 - torch.rand(shape, dtype=torch.float64),
}
REFUSED = {("heinsen", "some zero"), ("log_pairs", "negative")}


def values_and_gradients(method: str, weights: Tensor, *inputs: Tensor) -> list[Tensor]:
    """The states, and how their weighted sum depends on decays, inputs, and a state if given."""
    inputs = [tensor.detach().clone().requires_grad_() for tensor in inputs]
    h = scan(*inputs, method=method)
    return [h, *torch.autograd.grad((h * weights).sum(), inputs)]


@pytest.mark.parametrize("kind", DECAYS)
@pytest.mark.parametrize("method", ALL[1:])
@settings(max_examples=12, deadline=None)
@given(
    length=st.integers(1, 40),
    with_state=st.booleans(),
    with_zeros=st.booleans(),
    inner=st.sampled_from([(), (3,), (2, 3)]),
    seed=st.integers(0, 10**6),
)
def test_agrees_with_the_loop(method, kind, length, with_state, with_zeros, inner, seed) -> None:
    torch.manual_seed(seed)
    a = DECAYS[kind]((2, length, *inner))
    b, weights = torch.randn(2, *a.shape, dtype=torch.float64)
    b = b + b.sign() / 100  # far from Heinsen's clamp of log 0, see test_parallel_scan
    b = b.clamp(min=0) if with_zeros and method != "heinsen" else b
    inputs = [a, b] + with_state * [torch.randn(2, *inner, dtype=torch.float64)]
    if (method, kind) in REFUSED:
        if (a <= 0).any():
            with pytest.raises(ValueError, match="decay"):
                scan(*inputs, method=method)
        return
    expected = values_and_gradients("sequential", weights, *inputs)
    received = values_and_gradients(method, weights, *inputs)
    for name, ours, theirs in zip(("h", "a", "b", "initial state"), received, expected):
        # It knows ∂/∂ log a; dividing by a tiny a magnifies the error.
        if method == "heinsen" and name == "a":
            ours, theirs = ours * a, theirs * a
        # Heinsen's sums of logarithms lose digits; how many is predicted and tested below.
        tolerance = (1e-8 if method == "heinsen" else 1e-12) * (1 + theirs.abs().max())
        assert (ours - theirs).abs().max() <= tolerance, name


@pytest.mark.parametrize("method", ALL)
def test_by_hand(method: str) -> None:
    """Half of what was there, plus what comes: 4 → 2 + 1 = 3 → 1.5 − 2 = −0.5 → −0.25 + 8."""
    a = torch.full((1, 3), 0.5, dtype=torch.float64)
    b = torch.tensor([[1.0, -2.0, 8.0]], dtype=torch.float64)
    h = scan(a, b, torch.tensor([4.0], dtype=torch.float64), method=method)
    torch.testing.assert_close(h, torch.tensor([[3.0, -0.5, 7.75]], dtype=torch.float64))


@pytest.mark.parametrize(
    "method", ["sequential", "fast", "chunked", "hillis_steele", "sklansky", "blelloch"]
)
def test_float32_error_stays_flat(method: str) -> None:
    """For Mamba's initial decays: value within 5e-7, gradient within 1e-6, at length 4,096."""
    torch.manual_seed(3)
    delta = torch.empty(1, 4096, 4, 1).double().uniform_(math.log(1e-3), math.log(0.1)).exp()
    a = torch.exp(-delta * torch.arange(1.0, 17, dtype=torch.float64))
    b, weights = torch.randn(2, *a.shape, dtype=torch.float64)
    b = b * delta
    a, b, weights = (tensor.float() for tensor in (a, b, weights))
    single = values_and_gradients(method, weights, a, b)
    exact = values_and_gradients("sequential", weights.double(), a.double(), b.double())
    for tolerance, ours, theirs in zip((5e-7, 1e-6, 1e-6), single, exact):
        assert ours.dtype == torch.float32
        error = (ours - theirs).abs().amax(dim=1) / theirs.abs().amax(dim=1)
        assert error.max() < tolerance


def test_non_contiguous_inputs_and_unchanged_arguments() -> None:
    torch.manual_seed(5)
    a = DECAYS["random"]((7, 3, 2)).transpose(0, 1)
    b = torch.randn(3, 2, 7, dtype=torch.float64).transpose(1, 2)
    copies = a.clone(), b.clone()
    expected = scan(a, b, method="sequential")
    for method in ALL:
        torch.testing.assert_close(scan(a, b, method=method), expected, rtol=1e-9, atol=1e-9)
        assert torch.equal(a, copies[0]) and torch.equal(b, copies[1]), method


@pytest.mark.usefixtures("without_type_checks")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((torch.ones(2, 5), torch.ones(2, 4)), "must both be"),
        ((torch.ones(5), torch.ones(5)), "must both be"),
        ((torch.ones(2, 0), torch.ones(2, 0)), "empty"),
        ((torch.ones(2, 5), torch.ones(2, 5), torch.ones(3)), "initial_state must have shape"),
        ((torch.ones(2, 5), torch.ones(2, 5).double()), "same kind"),
        ((torch.ones(2, 5).int(), torch.ones(2, 5).int()), "same kind"),
        ((torch.ones(2, 5), torch.ones(2, 5), None, "magic"), "unknown scan method 'magic'"),
    ],
)
def test_bad_input_is_refused_with_a_reason(arguments: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        scan(*arguments)


def test_the_wrong_scan_is_what_heinsens_formula_gives_for_factors() -> None:
    assert not set(WRONG) & set(METHODS)
    torch.manual_seed(0)
    a = 0.1 + 0.8 * torch.rand(2, 9, 3, dtype=torch.float64)
    b = 0.1 + torch.rand(2, 9, 3, dtype=torch.float64)
    total = a.cumsum(dim=1)  # the "logarithms" are the factors themselves
    expected = (total + torch.logcumsumexp(b.log() - total, dim=1)).exp()
    wrong = WRONG["wrong-factors-as-logs"]
    torch.testing.assert_close(wrong(a, b, None), expected)
    # Given what it expects, it is a scan like the others.
    torch.testing.assert_close(wrong(a.log(), b, None), scan(a, b))
