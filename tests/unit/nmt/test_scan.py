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
LOG_SPACE = ("heinsen", "log_pairs")
LINEAR = tuple(method for method in ALL if method not in LOG_SPACE)

DECAYS = {
    "random": lambda shape: torch.rand(shape, dtype=torch.float64) * 0.98 + 0.01,
    "one": lambda shape: torch.ones(shape, dtype=torch.float64),
    "tiny": lambda shape: 10.0 ** (-8 * torch.rand(shape, dtype=torch.float64)),
    "large": lambda shape: 0.5 + 2.5 * torch.rand(shape, dtype=torch.float64),
    "some zero": lambda shape: torch.rand(shape, dtype=torch.float64).sub(0.3).clamp(min=0),
    "negative": lambda shape: -0.1 - torch.rand(shape, dtype=torch.float64),
}
REFUSED = {("heinsen", "some zero"), ("log_pairs", "negative")}


def values_and_gradients(
    method: str, a: Tensor, b: Tensor, initial_state: Tensor | None, weights: Tensor
) -> list[Tensor]:
    inputs = [
        tensor.detach().clone().requires_grad_()
        for tensor in (a, b, initial_state)
        if tensor is not None
    ]
    h = scan(*inputs, method=method)
    return [h, *torch.autograd.grad((h * weights).sum(), inputs)]


@pytest.mark.parametrize("kind", DECAYS)
@pytest.mark.parametrize("method", ALL[1:])
@settings(max_examples=12, deadline=None)
@given(
    length=st.integers(1, 40),
    with_state=st.booleans(),
    inner=st.sampled_from([(), (3,), (2, 3)]),
    seed=st.integers(0, 10**6),
)
def test_agrees_with_the_loop(
    method: str, kind: str, length: int, with_state: bool, inner: tuple[int, ...], seed: int
) -> None:
    torch.manual_seed(seed)
    a = DECAYS[kind]((2, length, *inner))
    b, weights = torch.randn(2, *a.shape, dtype=torch.float64)
    b = b + b.sign() / 100  # far from the clamp of log 0, which has a test of its own
    initial_state = torch.randn(2, *inner, dtype=torch.float64) if with_state else None
    if (method, kind) in REFUSED:
        if bool((a == 0).any() or (a < 0).any()):
            with pytest.raises(ValueError, match="decay"):
                scan(a, b, initial_state, method=method)
        return
    expected = values_and_gradients("sequential", a, b, initial_state, weights)
    received = values_and_gradients(method, a, b, initial_state, weights)
    for name, ours, theirs in zip(("h", "a", "b", "initial state"), received, expected):
        # It knows ∂/∂ log a; dividing by a tiny a magnifies the error.
        if method == "heinsen" and name == "a":
            ours, theirs = ours * a, theirs * a
        # Heinsen's sums of logarithms lose digits; how many is predicted and tested below.
        tolerance = (1e-8 if method == "heinsen" else 1e-12) * (
            1 + float(theirs.detach().abs().max())
        )
        torch.testing.assert_close(
            ours, theirs, rtol=0, atol=tolerance, msg=lambda text, name=name: f"{name}: {text}"
        )


@pytest.mark.parametrize("method", ALL)
def test_by_hand(method: str) -> None:
    """Half of what was there, plus what comes: 4 → 2 + 1 = 3 → 1.5 − 2 = −0.5 → −0.25 + 8."""
    a = torch.full((1, 3), 0.5, dtype=torch.float64)
    b = torch.tensor([[1.0, -2.0, 8.0]], dtype=torch.float64)
    h = scan(a, b, torch.tensor([4.0], dtype=torch.float64), method=method)
    torch.testing.assert_close(h, torch.tensor([[3.0, -0.5, 7.75]], dtype=torch.float64))


@pytest.mark.parametrize("method", [method for method in ALL if method != "heinsen"])
def test_zero_inputs_keep_value_and_gradient(method: str) -> None:
    """Where b is 0 half of the time; Heinsen's form is left out, see the next test."""
    torch.manual_seed(1)
    a, b = DECAYS["random"]((2, 30, 3)), torch.randn(2, 30, 3, dtype=torch.float64).clamp(min=0)
    weights = torch.randn_like(b)
    expected = values_and_gradients("sequential", a, b, None, weights)
    for ours, theirs in zip(values_and_gradients(method, a, b, None, weights), expected):
        torch.testing.assert_close(ours, theirs, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(
    "method", ["sequential", "fast", "chunked", "hillis_steele", "sklansky", "blelloch"]
)
def test_float32_error_stays_flat(method: str) -> None:
    """For Mamba's initial decays: value within 5e-7, gradient within 1e-6, at length 4,096."""
    torch.manual_seed(3)
    delta = torch.exp(
        torch.empty(2, 4096, 8, 1, dtype=torch.float64).uniform_(math.log(1e-3), math.log(0.1))
    )
    a = torch.exp(-delta * torch.arange(1.0, 17, dtype=torch.float64))
    b, weights = torch.randn(2, *a.shape, dtype=torch.float64)
    b = b * delta
    a, b, weights = (tensor.float() for tensor in (a, b, weights))
    single = values_and_gradients(method, a, b, None, weights)
    exact = values_and_gradients("sequential", a.double(), b.double(), None, weights.double())
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


def test_the_wrong_scan_forgets_nothing_and_is_no_method() -> None:
    """A scan in log space given decays multiplies by e^decay: what came first weighs most."""
    assert not set(WRONG) & set(METHODS)
    wrong = WRONG["wrong-factors-as-logs"]
    a = torch.full((1, 6, 1), 0.9, dtype=torch.float64)
    b = torch.zeros(1, 6, 1, dtype=torch.float64)
    b[:, 0] = 1.0
    right = scan(a, b)[0, :, 0]
    torch.testing.assert_close(right, 0.9 ** torch.arange(6, dtype=torch.float64))
    torch.testing.assert_close(
        wrong(a, b, None)[0, :, 0], torch.exp(0.9 * torch.arange(6, dtype=torch.float64))
    )
    # given what it expects, it is a scan like the others
    torch.testing.assert_close(wrong(a.log(), b, None)[0, :, 0], right)


def test_the_wrong_scan_is_what_heinsens_formula_gives_for_factors() -> None:
    torch.manual_seed(0)
    a = 0.1 + 0.8 * torch.rand(2, 9, 3, dtype=torch.float64)
    b = 0.1 + torch.rand(2, 9, 3, dtype=torch.float64)
    total = a.cumsum(dim=1)  # the "logarithms" are the factors themselves
    expected = (total + torch.logcumsumexp(b.log() - total, dim=1)).exp()
    torch.testing.assert_close(WRONG["wrong-factors-as-logs"](a, b, None), expected)
