"""The fast selective scan against the plain loop, its gradient against finite differences."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nmt.discretization import discretize
from nmt.selective_scan import selective_scan, selective_scan_reference, selective_scan_with_state

NAMES = ("x", "delta", "A", "B", "C", "D", "initial_state")


def random_inputs(
    b: int, length: int, e: int, n: int, dtype: torch.dtype = torch.float64, seed: int = 0
) -> dict[str, Tensor]:
    make = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=make, dtype=dtype)

    inputs = {
        "x": normal(b, length, e),
        "delta": torch.nn.functional.softplus(normal(b, length, e)),
        "A": -torch.exp(normal(e, n)),
        "B": normal(b, length, n),
        "C": normal(b, length, n),
        "D": normal(e),
        "initial_state": normal(b, e, n),
    }
    return {name: tensor.requires_grad_() for name, tensor in inputs.items()}


def reference(
    x: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, initial_state: Tensor
) -> tuple[Tensor, Tensor]:
    A_bar, B_bar = discretize("mixed", delta, A, B)
    return selective_scan_reference(x, A_bar, B_bar, C, D, initial_state)


@settings(max_examples=30, deadline=None)
@given(
    b=st.integers(1, 3),
    length=st.integers(1, 20),
    e=st.integers(1, 5),
    n=st.integers(1, 4),
    seed=st.integers(0, 999),
)
def test_values_and_gradients_equal_those_of_the_plain_loop(
    b: int, length: int, e: int, n: int, seed: int
) -> None:
    inputs = random_inputs(b, length, e, n, seed=seed)
    # random directions in which both results are differentiated
    weights = random_inputs(b, length, e, n, seed=seed + 1)
    gradients = []
    for function in (selective_scan_with_state, reference):
        y, last_state = function(**inputs)
        loss = (y * weights["x"]).sum() + (last_state * weights["initial_state"]).sum()
        gradients.append((y, last_state, *torch.autograd.grad(loss, list(inputs.values()))))
    for name, ours, theirs in zip(("y", "last_state", *NAMES), *gradients, strict=True):
        torch.testing.assert_close(
            ours, theirs, rtol=1e-10, atol=1e-10, msg=lambda text, name=name: f"{name}: {text}"
        )


def test_a_step_of_no_length_changes_nothing() -> None:
    inputs = random_inputs(2, 4, 3, 2) | {
        "delta": torch.zeros(2, 4, 3, dtype=torch.float64, requires_grad=True)
    }
    y, last_state = selective_scan_with_state(**inputs)
    torch.testing.assert_close(last_state, inputs["initial_state"])
    gradients = torch.autograd.grad(y.sum(), list(inputs.values()))
    assert all(gradient.isfinite().all() for gradient in gradients)


def test_one_channel_by_hand() -> None:
    """Δ = ln 2 and A = −1 halve the state; B = C = 1, x = (1, 1, 0): h = ln 2 · (1, 3/2, 3/4)."""
    ones = torch.ones(1, 3, 1, dtype=torch.float64)
    x = torch.tensor([1.0, 1.0, 0.0], dtype=torch.float64).reshape(1, 3, 1)
    y = selective_scan(x, math.log(2) * ones, -ones[0, :1], ones, ones)
    torch.testing.assert_close(
        y.flatten(), math.log(2) * torch.tensor([1.0, 1.5, 0.75], dtype=torch.float64)
    )


def test_float32_stays_close_to_float64_for_values_and_gradients() -> None:
    results = {}
    for dtype in (torch.float64, torch.float32):
        inputs = {
            name: tensor.detach().to(dtype).requires_grad_()
            for name, tensor in random_inputs(4, 300, 8, 16).items()
        }
        y = selective_scan(**inputs)
        results[dtype] = [
            y,
            *torch.autograd.grad((y * inputs["x"].detach().flip(1)).sum(), list(inputs.values())),
        ]
    for exact, single in zip(results[torch.float64], results[torch.float32], strict=True):
        assert single.dtype == torch.float32
        assert (single.double() - exact).abs().max() < 1e-6 * exact.abs().max()


def test_without_gradients_the_result_is_the_same_and_inputs_are_untouched() -> None:
    inputs = random_inputs(2, 7, 3, 4)
    copies = {name: tensor.detach().clone() for name, tensor in inputs.items()}
    with torch.no_grad():
        y, last_state = selective_scan_with_state(**inputs)
    kept, kept_last = selective_scan_with_state(**inputs)
    torch.autograd.grad(kept.sum() + kept_last.sum(), list(inputs.values()))
    torch.testing.assert_close(y, kept, rtol=0, atol=0)
    torch.testing.assert_close(last_state, kept_last, rtol=0, atol=0)
    for name, copy in copies.items():
        assert torch.equal(inputs[name], copy), name


@pytest.mark.parametrize(
    ("name", "wrong", "message"),
    [
        ("delta", torch.ones(2, 6, 3, dtype=torch.float64), "delta must have shape"),
        ("A", torch.ones(4, 2, dtype=torch.float64), "A must have shape"),
        ("B", torch.ones(2, 5, 3, dtype=torch.float64), "B must have shape"),
        ("initial_state", torch.ones(2, 2, 3).double(), "initial_state must have shape"),
        ("C", torch.ones(2, 5, 2, dtype=torch.float32), "same kind of real number"),
        ("x", torch.ones(2, 0, 3, dtype=torch.float64), "empty"),
        ("x", torch.ones(2, 5, dtype=torch.float64), "batch, length, channels"),
    ],
)
@pytest.mark.usefixtures("without_type_checks")
def test_bad_input_is_refused_with_a_reason(name: str, wrong: Tensor, message: str) -> None:
    inputs = random_inputs(2, 5, 3, 2) | {name: wrong}
    with pytest.raises(ValueError, match=message):
        selective_scan_with_state(**inputs)


def test_states_are_kept_for_the_backward_pass_alone() -> None:
    """b·l·e·n states of 8 bytes are 20 MB here; without gradients the scan never needs them."""
    inputs = {name: tensor.detach() for name, tensor in random_inputs(8, 400, 50, 16).items()}
    kept: list[int] = []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda tensor: kept.append(tensor.numel()) or tensor, lambda tensor: tensor
    ):
        selective_scan(**inputs)
        assert not kept
        selective_scan(**(inputs | {"x": inputs["x"].clone().requires_grad_()}))
    large = [size for size in kept if size >= 8 * 400 * 50 * 16]
    assert len(large) == 1  # the states, and nothing else of that size
