"""Mamba's selective scan: a recurrence whose weights are chosen anew at every position.

    h_t = exp(Δ_t A) ∘ h_{t−1} + Δ_t B_t x_t        y_t = C_t · h_t + D ∘ x_t

`selective_scan` is the one that training uses. It is a single step for autograd, with a backward
pass derived by hand, so that of all intermediate results only the states are kept.
`selective_scan_reference` is the definition, written to be read.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

LOG2_E = math.log2(math.e)


def selective_scan_reference(
    x: Float[Tensor, "b l e"],
    A_bar: Float[Tensor, "b l e n"],
    B_bar: Float[Tensor, "b l e n"],
    C: Float[Tensor, "b l n"],
    D: Float[Tensor, " e"] | None = None,
    initial_state: Float[Tensor, "b e n"] | None = None,
) -> tuple[Float[Tensor, "b l e"], Float[Tensor, "b e n"]]:
    """The definition as a loop, for any rule: h_t = Ā_t ∘ h_{t−1} + B̄_t x_t, y_t = C_t h_t + D x_t.

    `A_bar` and `B_bar` are what `nmt.discretization.discretize` returns for any of its rules: one
    number for each state n of each channel e at each position. Returns y and the state after the
    last position. The other arguments are those of `selective_scan`, which does the same for the
    rule "mixed". Source: Gu & Dao 2023 (arXiv 2312.00752), equation 2 and algorithm 2.
    """
    h = torch.zeros_like(A_bar[:, 0]) if initial_state is None else initial_state
    outputs = []
    for x_t, A_t, B_t, C_t in zip(
        x.unbind(1), A_bar.unbind(1), B_bar.unbind(1), C.unbind(1), strict=True
    ):
        h = A_t * h + B_t * x_t[:, :, None]  # (b, e, n)
        outputs.append(torch.einsum("ben,bn->be", h, C_t))
    y = torch.stack(outputs, dim=1)
    return (y if D is None else y + D * x), h


def selective_scan(
    x: Float[Tensor, "b l e"],
    delta: Float[Tensor, "b l e"],
    A: Float[Tensor, "e n"],
    B: Float[Tensor, "b l n"],
    C: Float[Tensor, "b l n"],
    D: Float[Tensor, " e"] | None = None,
    initial_state: Float[Tensor, "b e n"] | None = None,
) -> Float[Tensor, "b l e"]:
    """h_t = exp(Δ_t A) ∘ h_{t−1} + Δ_t B_t x_t, y_t = C_t · h_t + D ∘ x_t, fast on a CPU.

    `x` holds the inputs of e channels; `delta` their step sizes Δ > 0; `A` < 0 the rates of n
    states a channel, in 1 / unit of Δ; `B` and `C` write to and read from the states, shared by all
    channels; `D` lets the input through. The state before the first position is `initial_state`,
    zero without it. Returns y. `selective_scan_with_state` returns the last state too.

    Differentiable once in all seven tensors; only the states (b·l·e·n numbers) are kept for that.
    Raises ValueError when shapes do not fit together, the sequence is empty, or the kinds of number
    differ. Source: Gu & Dao 2023 (arXiv 2312.00752), equation 2a; recomputing what is cheap instead
    of storing it: section 3.3.2.
    """
    return selective_scan_with_state(x, delta, A, B, C, D, initial_state)[0]


def selective_scan_with_state(
    x: Float[Tensor, "b l e"],
    delta: Float[Tensor, "b l e"],
    A: Float[Tensor, "e n"],
    B: Float[Tensor, "b l n"],
    C: Float[Tensor, "b l n"],
    D: Float[Tensor, " e"] | None = None,
    initial_state: Float[Tensor, "b e n"] | None = None,
) -> tuple[Float[Tensor, "b l e"], Float[Tensor, "b e n"]]:
    """The pair (y, state after the last position) of `selective_scan`, to go on from."""
    _check(x, A, {"delta": delta, "B": B, "C": C, "D": D, "initial_state": initial_state})
    if initial_state is None:
        initial_state = x.new_zeros(x.shape[0], *A.shape)
    inputs = (x, delta, A, B, C, initial_state)
    keep = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in inputs)
    y, last_state = _SelectiveScan.apply(*inputs, keep)
    return (y if D is None else y + D * x), last_state


def _check(x: Tensor, A: Tensor, others: dict[str, Tensor | None]) -> None:
    if x.ndim != 3 or A.ndim != 2:
        raise ValueError(
            f"x (batch, length, channels) and A (channels, states) do not fit: {tuple(x.shape)} and"
            f" {tuple(A.shape)}"
        )
    (b, length, e), n = x.shape, A.shape[1]
    if length == 0:
        raise ValueError("the sequence is empty; a scan needs at least one position")
    wanted = {"A": (e, n), "B": (b, length, n), "C": (b, length, n), "delta": (b, length, e)}
    wanted |= {"D": (e,), "initial_state": (b, e, n)}
    for name, tensor in {"A": A, **others}.items():
        if tensor is None:
            continue
        if tensor.shape != wanted[name]:
            raise ValueError(f"{name} must have shape {wanted[name]}, not {tuple(tensor.shape)}")
        if tensor.dtype != x.dtype or not x.is_floating_point():
            raise ValueError(
                f"x and {name} must hold the same kind of real number, not {x.dtype} and"
                f" {tensor.dtype}"
            )


class _SelectiveScan(torch.autograd.Function):
    """Time first, for contiguous slices; states as (b, n, e), with the long axis innermost.

    Every step writes into buffers made once, and all slices are taken before the loop: in small
    batches, taking a slice costs a good part of what the arithmetic on it does. exp(Δ A) is
    computed as 2^(Δ A log₂ e), in torch about three times as fast.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, h_0: Tensor, keep: bool
    ) -> tuple[Tensor, Tensor]:
        x, delta, B, C = (_time_first(tensor) for tensor in (x, delta, B, C))
        (length, b, e), n = x.shape, A.shape[1]
        rate = (A.T * LOG2_E).contiguous()  # (n, e)
        # states[t] is the state before position t
        states = x.new_empty(length + 1 if keep else 1, b, n, e)
        h = states[0].copy_(h_0.transpose(1, 2))
        decay, y = x.new_empty(b, n, e), torch.empty_like(x)
        after = states[1:].unbind() if keep else (h,) * length
        for delta_t, input_t, B_t, C_t, y_t, h_t in zip(
            _rows(delta), _rows(delta * x), _columns(B), _rows(C), _rows(y), after, strict=True
        ):
            torch.mul(delta_t, rate, out=decay).exp2_()
            h = torch.mul(decay, h, out=h_t).addcmul_(input_t, B_t)
            torch.bmm(C_t, h, out=y_t)
        if keep:
            ctx.save_for_backward(x, delta, A, B, C, states)
        return y.transpose(0, 1), h.transpose(1, 2).contiguous()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_y: Tensor, grad_last_state: Tensor) -> tuple[Tensor | None, ...]:
        """g_t = ∂loss/∂h_t = C_t ∂loss/∂y_t + exp(Δ_{t+1} A) ∘ g_{t+1}, a scan from the end."""
        x, delta, A, B, C, states = ctx.saved_tensors
        grad_y = _time_first(grad_y)
        A, rate = A.T.contiguous(), (A.T * LOG2_E).contiguous()  # both (n, e)
        g = grad_last_state.transpose(1, 2).clone(memory_format=torch.contiguous_format)
        decay, product, grad_A = torch.empty_like(g), torch.empty_like(g), torch.zeros_like(g)
        grad_input, grad_delta = torch.empty_like(x), torch.empty_like(delta)
        grad_B, grad_C = torch.empty_like(B), torch.empty_like(C)
        given = (_rows(delta), _rows(delta * x), _rows(B), _columns(C), _rows(grad_y))
        state = (states[:-1].unbind(), states[1:].unbind())
        wanted = (_rows(grad_input), grad_delta.unbind(), grad_B.unbind(), grad_C.unbind())
        for step in zip(*(part[::-1] for part in (*given, *state, *wanted)), strict=True):
            delta_t, input_t, B_t, C_t, grad_y_t, before, h_t, *wanted_t = step
            grad_input_t, grad_delta_t, grad_B_t, grad_C_t = wanted_t
            torch.sum(torch.mul(h_t, grad_y_t, out=product), dim=2, out=grad_C_t)
            g.addcmul_(grad_y_t, C_t)
            torch.sum(torch.mul(g, input_t, out=product), dim=2, out=grad_B_t)
            torch.bmm(B_t, g, out=grad_input_t)
            torch.mul(delta_t, rate, out=decay).exp2_()
            g.mul_(decay)  # the share of the gradient that reaches h_{t−1}
            torch.mul(g, before, out=product)  # ∂loss/∂(Δ_t A)
            if ctx.needs_input_grad[2]:
                grad_A.addcmul_(product, delta_t)
            torch.sum(product.mul_(A), dim=1, out=grad_delta_t)
        grad_delta.addcmul_(grad_input, x)
        grad_x, grad_delta, grad_B, grad_C = (
            grad.transpose(0, 1) for grad in (grad_input * delta, grad_delta, grad_B, grad_C)
        )
        return grad_x, grad_delta, grad_A.sum(0).T, grad_B, grad_C, g.transpose(1, 2), None


def _time_first(tensor: Tensor) -> Tensor:
    """(b, l, …) as (l, b, …), contiguous."""
    return tensor.transpose(0, 1).contiguous()


def _rows(tensor: Tensor) -> tuple[Tensor, ...]:
    """One (b, 1, …) slice a position."""
    return tensor.unsqueeze(2).unbind()


def _columns(tensor: Tensor) -> tuple[Tensor, ...]:
    """One (b, …, 1) slice a position."""
    return tensor.unsqueeze(3).unbind()
