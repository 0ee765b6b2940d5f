"""The gradient of a scan is a scan that runs from the end to the beginning, so any way to scan can be its own backward pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

Run = Callable[[Tensor, Tensor, Tensor | None], Tensor]


def with_scan_as_backward(run: Run) -> Run:
    """`run`, a way to compute h_t = a_t ∘ h_{t−1} + b_t, made differentiable without looking inside.

    With g_t = ∂loss/∂h_t, counting all later states, g_t = ∂loss/∂h_t (direct) + a_{t+1} ∘ g_{t+1}: the same recurrence in
    reversed time. So `run` computes it, and autograd has to store neither a tree nor a logarithm.
    """

    def differentiable(a: Tensor, b: Tensor, initial_state: Tensor | None = None) -> Tensor:
        h: Tensor = _ScanAsBackward.apply(a, b, initial_state, run)
        return h

    return differentiable


class _ScanAsBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, initial_state: Tensor | None, run: Run) -> Tensor:
        h = run(a, b, initial_state)
        ctx.run = run
        ctx.save_for_backward(a, h, initial_state)
        return h

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_h: Tensor) -> tuple[Tensor | None, ...]:
        a, h, initial_state = ctx.saved_tensors
        first = torch.ones_like(a[:, :1])  # what it multiplies is zero
        decays_from_the_end = torch.cat([first, a[:, 1:].flip(1)], dim=1)
        g = ctx.run(decays_from_the_end, grad_h.flip(1), None).flip(1)
        start = torch.zeros_like(h[:, :1]) if initial_state is None else initial_state.unsqueeze(1)
        grad_a = g * torch.cat([start, h[:, :-1]], dim=1)
        return grad_a, g, None if initial_state is None else a[:, 0] * g[:, 0], None
