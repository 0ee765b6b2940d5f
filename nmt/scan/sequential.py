"""One step after the other: the definition, in both ways people write it, and the form that training uses."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable


def sequential(
    a: Float[Tensor, "b l *rest"], b: Float[Tensor, "b l *rest"], initial_state: Float[Tensor, "b *rest"] | None = None
) -> Float[Tensor, "b l *rest"]:
    """The definition: h_t = a_t ∘ h_{t−1} + b_t in a loop. `unbind` takes all slices at once, and autograd joins them at once."""
    h = torch.zeros_like(b[:, 0]) if initial_state is None else initial_state
    states = []
    for a_t, b_t in zip(a.unbind(1), b.unbind(1), strict=True):
        h = a_t * h + b_t
        states.append(h)
    return torch.stack(states, dim=1)


def sequential_indexed(
    a: Float[Tensor, "b l *rest"], b: Float[Tensor, "b l *rest"], initial_state: Float[Tensor, "b *rest"] | None = None
) -> Float[Tensor, "b l *rest"]:
    """The same loop as it is usually written, with a[:, t] inside: same values, same gradients, and a backward pass of O(l²).

    The gradient of a[:, t] is a tensor as large as a, zero outside position t. Autograd makes one at each step and adds it up.
    """
    h = torch.zeros_like(b[:, 0]) if initial_state is None else initial_state
    states = []
    for t in range(a.shape[1]):
        h = a[:, t] * h + b[:, t]
        states.append(h)
    return torch.stack(states, dim=1)


def fast(
    a: Float[Tensor, "b l *rest"], b: Float[Tensor, "b l *rest"], initial_state: Float[Tensor, "b *rest"] | None = None
) -> Float[Tensor, "b l *rest"]:
    """The loop as one step for autograd: every state is written once, where it belongs, and the gradient is a loop of its own.

    With g_t = ∂loss/∂h_t, counting all later states that depend on h_t:

        g_t = ∂loss/∂h_t (direct) + a_{t+1} ∘ g_{t+1}        ∂loss/∂b_t = g_t        ∂loss/∂a_t = g_t ∘ h_{t−1}
    """
    h: Tensor = _Fast.apply(a, b, torch.zeros_like(b[:, 0]) if initial_state is None else initial_state)
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
        for direct, decay_after, before, grad_a_t, grad_b_t in zip(*(part[::-1] for part in slices), strict=True):
            later = torch.addcmul(direct, decay_after, later, out=grad_b_t)
            torch.mul(later, before, out=grad_a_t)
        return grad_a, grad_b, a[:, 0] * later
