"""`nmt.scan`: nine ways to compute one recurrence, held against the plain loop in value and
gradient.
"""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from course.lab.scan_steps import Cost, count_cost, watch
from nmt.parallel_scan import (
    affine,
    blelloch,
    chunked,
    heinsen,
    hillis_steele,
    one_by_one,
    sklansky,
)
from nmt.scan import METHODS, WRONG, scan

ALL = tuple(METHODS)
TREES = (hillis_steele, sklansky, blelloch, chunked)
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
        if (
            method == "heinsen" and name == "a"
        ):  # it knows ∂/∂ log a; dividing by a tiny a magnifies the error
            ours, theirs = ours * a, theirs * a
        # Heinsen's sums of logarithms lose digits; how many is predicted and tested below.
        tolerance = (1e-8 if method == "heinsen" else 1e-12) * (
            1 + float(theirs.detach().abs().max())
        )
        torch.testing.assert_close(
            ours, theirs, rtol=0, atol=tolerance, msg=lambda text, name=name: f"{name}: {text}"
        )


@pytest.mark.parametrize("method", ALL)
def test_gradient_agrees_with_finite_differences(method: str) -> None:
    torch.manual_seed(0)
    a = DECAYS["random"]((2, 5, 3)).requires_grad_()
    b = torch.randn(2, 5, 3, dtype=torch.float64).requires_grad_()
    h_0 = torch.randn(2, 3, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda *tensors: scan(*tensors, method=method), (a, b, h_0))


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


def test_heinsen_clamp_adds_its_size_for_each_zero_and_loses_the_gradient() -> None:
    a, b = (
        torch.ones(1, 8, dtype=torch.float64),
        torch.zeros(1, 8, dtype=torch.float64).requires_grad_(),
    )
    for log_zero in (-12.0, -20.0):
        h = heinsen(a, b, log_zero=log_zero)
        torch.testing.assert_close(
            h, math.exp(log_zero) * torch.arange(1.0, 9, dtype=torch.float64)[None]
        )
    assert torch.equal(
        torch.autograd.grad(h.sum(), b)[0], torch.zeros_like(b)
    )  # the truth is 8, 7, … 1


def test_heinsen_error_grows_as_predicted_and_the_repair_does_not() -> None:
    """Two sums of size |S| are subtracted, so about ε|S| is lost; joined pairs never hold such a
    sum.
    """
    torch.manual_seed(2)
    errors = {}
    for length in (64, 1024):
        a, b = 0.5 + 0.4 * torch.rand(64, length), 0.1 + torch.rand(64, length)
        exact = scan(a.double(), b.double(), method="sequential")
        for method in LOG_SPACE:
            errors[method, length] = float(
                ((scan(a, b, method=method) - exact) / exact).abs().max()
            )
        predicted = torch.finfo(torch.float32).eps * float(a.double().log().sum(1).abs().max())
        assert 0.1 * predicted < errors["heinsen", length] < 3 * predicted
    assert errors["heinsen", 1024] > 5 * errors["heinsen", 64]
    assert errors["log_pairs", 1024] < 2e-6


@pytest.mark.parametrize(
    "method", ["sequential", "fast", "chunked", "hillis_steele", "sklansky", "blelloch"]
)
def test_float32_error_stays_flat(method: str) -> None:
    """SPEED's target for Mamba's initial decays: value within 5e-7, gradient within 1e-6 of the
    largest, at any length up to 4,096.
    """
    torch.manual_seed(3)
    delta = torch.exp(
        torch.empty(2, 4096, 8, 1, dtype=torch.float64).uniform_(math.log(1e-3), math.log(0.1))
    )
    a = torch.exp(-delta * torch.arange(1.0, 17, dtype=torch.float64))
    b, weights = torch.randn(2, *a.shape, dtype=torch.float64)
    b = b * delta
    single = values_and_gradients(
        method, *(tensor.float() for tensor in (a, b)), None, weights.float()
    )
    exact = values_and_gradients(
        "sequential",
        *(tensor.float().double() for tensor in (a, b)),
        None,
        weights.float().double(),
    )
    for tolerance, ours, theirs in zip((5e-7, 1e-6, 1e-6), single, exact):
        assert ours.dtype == torch.float32
        error = (ours - theirs).abs().amax(dim=1) / theirs.abs().amax(dim=1)
        assert error.max() < tolerance


def test_joining_steps_is_associative() -> None:
    torch.manual_seed(4)
    first, second, third = (
        (torch.randn(5, dtype=torch.float64), torch.randn(5, dtype=torch.float64)) for _ in range(3)
    )
    for left, right in zip(
        affine(affine(first, second), third), affine(first, affine(second, third))
    ):
        torch.testing.assert_close(left, right)


@pytest.mark.parametrize("prefix", [*TREES, one_by_one])
@given(length=st.integers(1, 70))
def test_prefixes_join_every_step_once_and_in_order(prefix, length: int) -> None:
    """`watch` checks that only neighbours are joined and that position t ends with steps 1 … t;
    here: nothing is used before it exists.
    """
    made = {(t, t) for t in range(1, length + 1)}
    for joins in watch(prefix, length):
        for join in joins:
            assert join.earlier in made and join.later in made
        made |= {join.whole for join in joins}
    assert {(1, t) for t in range(1, length + 1)} <= made


def test_watching_finds_a_scan_that_skips_or_stops_early() -> None:
    def skips(steps, combine, identity):
        return combine(
            tuple(tensor[:, :-2] for tensor in steps), tuple(tensor[:, 2:] for tensor in steps)
        )

    with pytest.raises(ValueError, match="do not follow each other"):
        watch(skips, 4)
    with pytest.raises(ValueError, match="does not join all steps"):
        watch(lambda steps, combine, identity: steps, 4)


@given(power=st.integers(1, 9))
def test_work_and_depth_of_powers_of_two(power: int) -> None:
    length = 2**power
    assert count_cost(one_by_one, length) == Cost(length - 1, length - 1)
    assert count_cost(hillis_steele, length) == Cost(power * length - (length - 1), power)
    assert count_cost(sklansky, length) == Cost(power * length // 2, power)
    assert count_cost(blelloch, length) == Cost(3 * length - 2, 2 * power + 1)


@given(length=st.integers(2, 500))
def test_chunks_need_twice_the_root_of_the_length(length: int) -> None:
    work, depth = count_cost(chunked, length)
    assert depth <= 2 * math.ceil(math.sqrt(length))
    assert work < 2 * (length + 2 * math.ceil(math.sqrt(length)))


def test_non_contiguous_inputs_and_unchanged_arguments() -> None:
    torch.manual_seed(5)
    a, b = (
        DECAYS["random"]((7, 3, 2)).transpose(0, 1),
        torch.randn(3, 2, 7, dtype=torch.float64).transpose(1, 2),
    )
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
        (
            (torch.ones(2, 5), torch.ones(2, 5), None, "magic"),
            "unknown scan method 'magic'; choose one of sequential",
        ),
    ],
)
def test_bad_input_is_refused_with_a_reason(arguments: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        scan(*arguments)


def test_the_wrong_scan_forgets_nothing_and_is_no_method() -> None:
    """Given decays where it expects their logarithms, a scan in log space multiplies by e^decay:
    what came first weighs most.
    """
    assert not set(WRONG) & set(METHODS)
    wrong = WRONG["wrong-factors-as-logs"]
    a, b = (
        torch.full((1, 6, 1), 0.9, dtype=torch.float64),
        torch.zeros(1, 6, 1, dtype=torch.float64),
    )
    b[:, 0] = 1.0
    right = scan(a, b)[0, :, 0]
    torch.testing.assert_close(right, 0.9 ** torch.arange(6, dtype=torch.float64))
    torch.testing.assert_close(
        wrong(a, b, None)[0, :, 0], torch.exp(0.9 * torch.arange(6, dtype=torch.float64))
    )
    torch.testing.assert_close(
        wrong(a.log(), b, None)[0, :, 0], right
    )  # given what it expects, it is a scan like the others


def test_the_wrong_scan_is_what_heinsens_formula_gives_for_factors() -> None:
    torch.manual_seed(0)
    a, b = (
        0.1 + 0.8 * torch.rand(2, 9, 3, dtype=torch.float64),
        0.1 + torch.rand(2, 9, 3, dtype=torch.float64),
    )
    total = a.cumsum(dim=1)  # the "logarithms" are the factors themselves
    expected = (total + torch.logcumsumexp(b.log() - total, dim=1)).exp()
    torch.testing.assert_close(WRONG["wrong-factors-as-logs"](a, b, None), expected)
