"""The fast selective scan against the plain loop, its gradient against finite differences."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nmt.discretization import discretize
from nmt.selective_scan import selective_scan, selective_scan_reference, selective_scan_with_state


def random_inputs(b: int, length: int, e: int, n: int, seed: int = 0) -> dict[str, Tensor]:
    make = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=make, dtype=torch.float64)

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


def reference(x, delta, A, B, C, D, initial_state) -> tuple[Tensor, Tensor]:
    A_bar, B_bar = discretize("mixed", delta, A, B)
    return selective_scan_reference(x, A_bar, B_bar, C, D, initial_state)


SIZES = st.tuples(st.integers(1, 3), st.integers(1, 20), st.integers(1, 5), st.integers(1, 4))


@settings(max_examples=30)
@given(sizes=SIZES, seed=st.integers(0, 999))
def test_values_and_gradients_equal_those_of_the_plain_loop(sizes, seed: int) -> None:
    inputs = random_inputs(*sizes, seed=seed)
    # random directions in which both results are differentiated
    weights = random_inputs(*sizes, seed=seed + 1)
    gradients = []
    for function in (selective_scan_with_state, reference):
        y, last_state = function(**inputs)
        loss = (y * weights["x"]).sum() + (last_state * weights["initial_state"]).sum()
        gradients.append((y, last_state, *torch.autograd.grad(loss, list(inputs.values()))))
    for name, ours, theirs in zip(("y", "last_state", *inputs), *gradients, strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-10, atol=1e-10), name


def test_a_step_of_no_length_changes_nothing() -> None:
    inputs = random_inputs(2, 4, 3, 2)
    torch.nn.init.zeros_(inputs["delta"])
    y, last_state = selective_scan_with_state(**inputs)
    torch.testing.assert_close(last_state, inputs["initial_state"])
    gradients = torch.autograd.grad(y.sum(), list(inputs.values()))
    assert all(gradient.isfinite().all() for gradient in gradients)


def test_float32_stays_close_to_float64_for_values_and_gradients() -> None:
    results = {}
    for dtype in (torch.float64, torch.float32):
        tensors = [each.detach().to(dtype) for each in random_inputs(4, 300, 8, 16).values()]
        inputs = [tensor.requires_grad_() for tensor in tensors]
        y = selective_scan(*inputs)
        weighted = (y * inputs[0].detach().flip(1)).sum()
        results[dtype] = [y, *torch.autograd.grad(weighted, inputs)]
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
