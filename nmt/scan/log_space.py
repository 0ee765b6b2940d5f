"""Scans of logarithms: products become sums, so that nothing overflows. What that costs in precision is notebook 05's subject."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from nmt.scan.prefix import Pair, sklansky, start_from

LOG_ZERO = -12.0  # what stands for log 0 where nobody says otherwise


def heinsen(
    a: Float[Tensor, "b l *rest"],
    b: Float[Tensor, "b l *rest"],
    initial_state: Float[Tensor, "b *rest"] | None = None,
    log_zero: float = LOG_ZERO,
) -> Float[Tensor, "b l *rest"]:
    """h_t = exp(S_t + log Σ_{s≤t} exp(log b_s − S_s)) with S_t = log a_1 + … + log a_t: two cumulative sums, no loop.

    Negative entries have complex logarithms, log|x| + iπ. No |b| counts as smaller than exp(`log_zero`), for log 0 is not
    finite; the price is an error of that size for each zero, and no gradient for it. Differentiable by ordinary autograd.

    Raises ValueError for a decay of exactly 0, whose logarithm would wipe out everything after it.
    Source: Heinsen 2023 (arXiv 2311.06281), equations 1, 2 and 7.
    """
    if bool((a == 0).any()):
        raise ValueError('log space has no decay 0: its logarithm is −∞. Use method="log_pairs", or a scan of the numbers themselves')
    signed = bool((a < 0).any() or (b < 0).any() or (initial_state is not None and (initial_state < 0).any()))
    decay_sum = _log(a, signed, smallest=0).cumsum(1)  # S_1 … S_l
    log_input = _log(b, signed, smallest=math.exp(log_zero))
    if initial_state is not None:  # h_0 is an input before the first decay: S_0 = 0
        log_input = torch.cat([_log(initial_state, signed, math.exp(log_zero)).unsqueeze(1), log_input], dim=1)
        decay_sum = torch.cat([torch.zeros_like(decay_sum[:, :1]), decay_sum], dim=1)
    log_h = decay_sum + torch.logcumsumexp(log_input - decay_sum, dim=1)
    h = log_h.exp().real if signed else log_h.exp()
    return h if initial_state is None else h[:, 1:]


def _log(x: Tensor, signed: bool, smallest: float) -> Tensor:
    log_size = x.abs().clamp(min=smallest).log()
    return torch.complex(log_size, math.pi * (x < 0).to(x.dtype)) if signed else log_size


def log_pairs(
    a: Float[Tensor, "b l *rest"], b: Float[Tensor, "b l *rest"], initial_state: Float[Tensor, "b *rest"] | None = None
) -> Float[Tensor, "b l *rest"]:
    """The repair: join pairs (log a, log h) in a tree, so that a long sum is never subtracted from another.

        (log a₁, log h₁) then (log a₂, log h₂) = (log a₂ + log a₁, logaddexp(log a₂ + log h₁, log h₂))

    log 0 = −∞ is an ordinary value here and needs no clamp. Positive and negative inputs are scanned apart and subtracted at
    the end. Not differentiable by itself (the slope of log b at b = 0 is infinite): `nmt.scan.METHODS` has it with a backward
    pass that is a scan too. Raises ValueError for negative decays.
    """
    if bool((a < 0).any()):
        raise ValueError("log_pairs needs decays of 0 or more: a negative one has no real logarithm. Use a scan of the numbers themselves")
    b = start_from(a, b, initial_state)
    both_signs = torch.stack([b.clamp(min=0), (-b).clamp(min=0)], dim=-1)
    _, log_h = sklansky((a.unsqueeze(-1).log(), both_signs.log()), _log_affine, (0.0, -math.inf))
    positive, negative = log_h.exp().unbind(-1)
    return positive - negative


def _log_affine(earlier: Pair, later: Pair) -> Pair:
    (log_a_1, log_h_1), (log_a_2, log_h_2) = earlier, later
    return log_a_2 + log_a_1, torch.logaddexp(log_a_2 + log_h_1, log_h_2)
