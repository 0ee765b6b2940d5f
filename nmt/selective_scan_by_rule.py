"""The selective scan for the discretisation rules that change the input too: zero-order hold,
bilinear, both Eulers.

    h_t = decay(Δ_t A) ∘ h_{t−1} + gain(Δ_t A) ∘ Δ_t B_t x_t        y_t = C_t · h_t

`nmt.selective_scan` calls it; the rule "mixed", whose gain is 1, has a shorter loop there. As
there, Ā and B̄ exist for one position at a time, and the backward pass is derived by hand; it needs
the derivatives of both functions of z = ΔA:

    rule                decay(z)                    gain(z) = G         decay′(z)    gain′(z)
    bilinear family     (1 + αz) / (1 − (1−α)z)     1 / (1 − (1−α)z)    G²           (1−α) G²
    zero-order hold     e^z                         φ₁(z)               e^z          (e^z − φ₁(z)) / z
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from nmt.discretization import ALPHA

SMALLEST = 1e-30  # stands in for z = 0 below a fraction


class Factors(Protocol):
    """decay(z) and gain(z)."""

    def __call__(self, z: Tensor) -> tuple[Tensor, Tensor]: ...


class Slopes(Protocol):
    """decay′(z) and gain′(z), from z and what `Factors` made of it."""

    def __call__(self, z: Tensor, decay: Tensor, gain: Tensor) -> tuple[Tensor, Tensor]: ...


class RuleWithSlopes(NamedTuple):
    """A rule for a diagonal A, and its derivatives."""

    factors: Factors
    slopes: Slopes


def _bilinear(z: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    gain = torch.mul(z, alpha - 1).add_(1).reciprocal_()
    return torch.mul(z, alpha).add_(1).mul_(gain), gain


def _bilinear_slopes(z: Tensor, decay: Tensor, gain: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    square = gain.square()
    return square, (1 - alpha) * square


def _hold(z: Tensor) -> tuple[Tensor, Tensor]:
    grown = torch.expm1(z)
    return grown + 1, grown / z.clamp(max=-SMALLEST)  # φ₁(z), and nearly 1 at z = 0


def _hold_slopes(z: Tensor, decay: Tensor, gain: Tensor) -> tuple[Tensor, Tensor]:
    """Where |z| < ½ the difference of two nearly equal numbers is left to its series, Σ_j (j+1) z^j
    / (j+2)!.
    """
    series = torch.zeros_like(z)
    for j in reversed(
        range(14 if z.dtype == torch.float64 else 8)
    ):  # what is left out is below the last digit
        series.mul_(z).add_((j + 1) / math.factorial(j + 2))
    return decay, torch.where(z > -0.5, series, (decay - gain).div_(z.clamp(max=-SMALLEST)))


RULES_WITH_SLOPES = {
    "zoh": RuleWithSlopes(_hold, _hold_slopes),
    **{
        name: RuleWithSlopes(
            partial(_bilinear, alpha=alpha), partial(_bilinear_slopes, alpha=alpha)
        )
        for name, alpha in ALPHA.items()
    },
}


class SelectiveScanByRule(torch.autograd.Function):
    """Time first, states laid out (b, n, e), all slices taken before the loop: see
    `nmt.selective_scan`.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        delta: Tensor,
        A: Tensor,
        B: Tensor,
        C: Tensor,
        initial_state: Tensor,
        keep: bool,
        rule: str,
    ) -> tuple[Tensor, Tensor]:
        x, delta, B, C = (time_first(tensor) for tensor in (x, delta, B, C))
        (length, b, e), n = x.shape, A.shape[1]
        A, ctx.rule = A.T.contiguous(), RULES_WITH_SLOPES[rule]  # (n, e)
        states = x.new_empty(
            length + 1 if keep else 1, b, n, e
        )  # states[t] is the state before position t
        h = states[0].copy_(initial_state.transpose(1, 2))
        y = torch.empty_like(x)
        after = states[1:].unbind() if keep else (h,) * length
        for delta_t, input_t, B_t, C_t, y_t, h_t in zip(
            rows(delta), rows(delta * x), columns(B), rows(C), rows(y), after, strict=True
        ):
            decay, gain = ctx.rule.factors(delta_t * A)
            h = torch.mul(decay, h, out=h_t).addcmul_(gain.mul_(input_t), B_t)
            torch.bmm(C_t, h, out=y_t)
        if keep:
            ctx.save_for_backward(x, delta, A, B, C, states)
        return y.transpose(0, 1), h.transpose(1, 2).contiguous()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_y: Tensor, grad_last_state: Tensor) -> tuple[Tensor | None, ...]:
        """With g_t = ∂loss/∂h_t: ∂loss/∂z_t = g_t ∘ (h_{t−1} decay′(z_t) + Δ_t B_t x_t gain′(z_t)),
        and z_t = Δ_t A.
        """
        x, delta, A, B, C, states = ctx.saved_tensors
        grad_y = time_first(grad_y)
        g = grad_last_state.transpose(1, 2).clone(memory_format=torch.contiguous_format)
        product, grad_A = torch.empty_like(g), torch.zeros_like(g)
        grad_input, grad_delta, grad_B, grad_C = (
            torch.empty_like(tensor) for tensor in (x, delta, B, C)
        )
        given = (
            rows(delta),
            rows(delta * x),
            rows(B),
            columns(B),
            columns(C),
            rows(grad_y),
            states[:-1].unbind(),
            states[1:].unbind(),
        )
        wanted = (rows(grad_input), grad_delta.unbind(), grad_B.unbind(), grad_C.unbind())
        steps = zip(*(reversed(slices) for slices in (*given, *wanted)), strict=True)
        for (
            delta_t,
            input_t,
            B_t,
            B_column,
            C_t,
            grad_y_t,
            before,
            h_t,
            grad_input_t,
            grad_delta_t,
            grad_B_t,
            grad_C_t,
        ) in steps:
            z = delta_t * A
            decay, gain = ctx.rule.factors(z)
            decay_slope, gain_slope = ctx.rule.slopes(z, decay, gain)
            torch.sum(torch.mul(h_t, grad_y_t, out=product), dim=2, out=grad_C_t)
            g.addcmul_(grad_y_t, C_t)
            torch.bmm(B_t, torch.mul(g, gain, out=product), out=grad_input_t)
            torch.sum(product.mul_(input_t), dim=2, out=grad_B_t)
            grad_z = (
                torch.mul(before, decay_slope, out=product)
                .addcmul_(gain_slope * input_t, B_column)
                .mul_(g)
            )
            if ctx.needs_input_grad[2]:
                grad_A.addcmul_(grad_z, delta_t)
            torch.sum(grad_z.mul_(A), dim=1, out=grad_delta_t)
            g.mul_(decay)  # the share of the gradient that reaches h_{t−1}
        grad_delta.addcmul_(grad_input, x)
        grad_x, grad_delta, grad_B, grad_C = (
            grad.transpose(0, 1) for grad in (grad_input * delta, grad_delta, grad_B, grad_C)
        )
        return grad_x, grad_delta, grad_A.sum(0).T, grad_B, grad_C, g.transpose(1, 2), None, None


def time_first(tensor: Tensor) -> Tensor:
    """(b, l, …) as (l, b, …), contiguous."""
    return tensor.transpose(0, 1).contiguous()


def rows(tensor: Tensor) -> tuple[Tensor, ...]:
    """One (b, 1, …) slice a position."""
    return tensor.unsqueeze(2).unbind()


def columns(tensor: Tensor) -> tuple[Tensor, ...]:
    """One (b, …, 1) slice a position."""
    return tensor.unsqueeze(3).unbind()
