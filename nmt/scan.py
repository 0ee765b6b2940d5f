"""The linear recurrence h_t = a_t ∘ h_{t−1} + b_t, computed in nine ways that all mean the same.

    method              how                                           decays it takes
    sequential          the definition: a loop over time              any
    sequential_indexed  the same loop, written a[:, t]                any
    fast                one loop into one buffer, backward by hand    any
    chunked             ⌈√L⌉ chunks side by side, then across         any whose products stay finite
    hillis_steele       a tree of doubling steps                      any whose products stay finite
    sklansky            a tree of halves                              any whose products stay finite
    blelloch            up-sweep and down-sweep                       any whose products stay finite
    heinsen             two cumulative sums of logarithms             any but 0
    log_pairs           a tree of pairs of logarithms                 0 or more

Training uses `fast`, or `nmt.selective_scan` where the outputs alone are wanted. The others are
there to be understood, and what `WRONG` holds is none of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from nmt.parallel_scan import (
    blelloch,
    chunked,
    heinsen,
    hillis_steele,
    log_pairs,
    prefix_scan,
    sklansky,
    with_scan_as_backward,
)


def sequential(
    a: Float[Tensor, "b l *rest"],
    b: Float[Tensor, "b l *rest"],
    initial_state: Float[Tensor, "b *rest"] | None = None,
) -> Float[Tensor, "b l *rest"]:
    """The definition: h_t = a_t ∘ h_{t−1} + b_t in a loop. `unbind` takes all slices at once."""
    h = torch.zeros_like(b[:, 0]) if initial_state is None else initial_state
    states = []
    for a_t, b_t in zip(a.unbind(1), b.unbind(1), strict=True):
        h = a_t * h + b_t
        states.append(h)
    return torch.stack(states, dim=1)


def sequential_indexed(
    a: Float[Tensor, "b l *rest"],
    b: Float[Tensor, "b l *rest"],
    initial_state: Float[Tensor, "b *rest"] | None = None,
) -> Float[Tensor, "b l *rest"]:
    """The same loop as it is usually written, with a[:, t] inside, and a backward pass of O(l²).

    The gradient of a[:, t] is a tensor as large as a, zero outside position t. Autograd makes one
    at each step and adds it up.
    """
    h = torch.zeros_like(b[:, 0]) if initial_state is None else initial_state
    states = []
    for t in range(a.shape[1]):
        h = a[:, t] * h + b[:, t]
        states.append(h)
    return torch.stack(states, dim=1)


def fast(
    a: Float[Tensor, "b l *rest"],
    b: Float[Tensor, "b l *rest"],
    initial_state: Float[Tensor, "b *rest"] | None = None,
) -> Float[Tensor, "b l *rest"]:
    """The loop as one step for autograd: every state is written once, and the gradient is a loop.

    With g_t = ∂loss/∂h_t, counting all later states that depend on h_t:

        g_t = ∂loss/∂h_t (direct) + a_{t+1} ∘ g_{t+1}
        ∂loss/∂b_t = g_t        ∂loss/∂a_t = g_t ∘ h_{t−1}
    """
    h: Tensor = _Fast.apply(
        a, b, torch.zeros_like(b[:, 0]) if initial_state is None else initial_state
    )
    return h


class _Fast(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, initial_state: Tensor) -> Tensor:
        h = torch.empty_like(b, memory_format=torch.contiguous_format)
        before = initial_state
        for a_t, b_t, h_t in zip(a.unbind(1), b.unbind(1), h.unbind(1), strict=True):
            before = torch.addcmul(b_t, a_t, before, out=h_t)
        ctx.save_for_backward(a, h, initial_state)
        return h

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_h: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        a, h, initial_state = ctx.saved_tensors
        grad_a, grad_b = torch.empty_like(h), torch.empty_like(h)
        later = torch.zeros_like(h[:, 0])  # g_{t+1}; nothing comes after the last position
        decays_after, states_before = (*a.unbind(1)[1:], later), (initial_state, *h.unbind(1)[:-1])
        slices = (grad_h.unbind(1), decays_after, states_before, grad_a.unbind(1), grad_b.unbind(1))
        for direct, decay_after, before, grad_a_t, grad_b_t in zip(
            *(part[::-1] for part in slices), strict=True
        ):
            later = torch.addcmul(direct, decay_after, later, out=grad_b_t)
            torch.mul(later, before, out=grad_a_t)
        return grad_a, grad_b, a[:, 0] * later


def factors_taken_for_logarithms(
    a: Float[Tensor, "b l *rest"],
    b: Float[Tensor, "b l *rest"],
    initial_state: Float[Tensor, "b *rest"] | None = None,
) -> Float[Tensor, "b l *rest"]:
    """h_t = exp(a_t) ∘ h_{t−1} + b_t: what a scan in log space computes when it is given the decays
    a_t where it expects log a_t.

    Decays between 0 and 1 become factors between 1 and e: nothing is forgotten any more, and the
    oldest input weighs most. Computed without logarithms, so that the mistake stands alone, without
    their rounding errors.
    """
    return fast(a.exp(), b, initial_state)


WRONG = {"wrong-factors-as-logs": factors_taken_for_logarithms}


Scan = Callable[[Tensor, Tensor, Tensor | None], Tensor]

METHODS: dict[str, Scan] = {
    "sequential": sequential,
    "sequential_indexed": sequential_indexed,
    "fast": fast,
    "chunked": with_scan_as_backward(prefix_scan(chunked)),
    "hillis_steele": with_scan_as_backward(prefix_scan(hillis_steele)),
    "sklansky": with_scan_as_backward(prefix_scan(sklansky)),
    "blelloch": with_scan_as_backward(prefix_scan(blelloch)),
    "heinsen": heinsen,
    "log_pairs": with_scan_as_backward(log_pairs),
}


def scan(
    a: Float[Tensor, "b l *rest"],
    b: Float[Tensor, "b l *rest"],
    initial_state: Float[Tensor, "b *rest"] | None = None,
    method: str = "fast",
) -> Float[Tensor, "b l *rest"]:
    """All states of the recurrence h_t = a_t ∘ h_{t−1} + b_t, t = 1 … l; ∘ acts entry by entry.

    `a` are the decays and `b` the inputs, with time in dimension 1 and any dimensions after it;
    `initial_state` is h_0, zero without it; `method` is a key of `METHODS`. Returns h_1 … h_l,
    shaped like `b`. Differentiable once in all three tensors.

    Raises ValueError for an unknown method, for shapes or kinds of number that do not fit together,
    for an empty sequence, and for decays that the method cannot take (see the table above).
    """
    if method not in METHODS:
        raise ValueError(f"unknown scan method {method!r}; choose one of {', '.join(METHODS)}")
    if a.shape != b.shape or a.ndim < 2:
        raise ValueError(
            f"a and b must both be (batch, length, …), not {tuple(a.shape)} and {tuple(b.shape)}"
        )
    if a.shape[1] == 0:
        raise ValueError("the sequence is empty; a scan needs at least one position")
    state_shape = (a.shape[0], *a.shape[2:])
    if initial_state is not None and initial_state.shape != state_shape:
        raise ValueError(
            f"initial_state must have shape {state_shape}, that of one position, not"
            f" {tuple(initial_state.shape)}"
        )
    kinds = {tensor.dtype for tensor in (a, b, initial_state) if tensor is not None}
    if len(kinds) > 1 or not a.is_floating_point():
        raise ValueError(
            "a, b and initial_state must hold the same kind of real number, not"
            f" {', '.join(sorted(map(str, kinds)))}"
        )
    return METHODS[method](a, b, initial_state)
