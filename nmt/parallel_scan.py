"""Scans that join neighbours in any grouping, for two steps joined are a step of the same kind.

A step h ↦ a∘h + b is the pair (a, b). Two of them, one after the other, are again such a step:

    a₂∘(a₁∘h + b₁) + b₂ = (a₂∘a₁)∘h + (a₂∘b₁ + b₂)
    so  (a₁, b₁) then (a₂, b₂) = (a₂∘a₁, a₂∘b₁ + b₂)

Composing functions is associative, so brackets may stand anywhere, and much can be done side by
side. The functions here get a tuple of tensors with time in dimension 1, an operation
`combine(earlier, later)`, and the pair that changes nothing; they return the running compositions:
at time t all of steps 1 … t joined. They know nothing else about the operation.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

Pair = tuple[Tensor, ...]
Combine = Callable[[Pair, Pair], Pair]
Identity = tuple[float, ...]
Prefix = Callable[[Pair, Combine, Identity], Pair]
CHANGES_NOTHING: Identity = (1.0, 0.0)  # 1∘h + 0


def affine(earlier: Pair, later: Pair) -> Pair:
    """Two steps in a row as one: (a₂∘a₁, a₂∘b₁ + b₂)."""
    (a_1, b_1), (a_2, b_2) = earlier, later
    return a_2 * a_1, torch.addcmul(b_2, a_2, b_1)


def prefix_scan(prefix: Prefix) -> Callable[[Tensor, Tensor, Tensor | None], Tensor]:
    """The recurrence by running compositions: from h_0 = 0, the b-part of steps 1 … t is h_t."""

    def run(a: Tensor, b: Tensor, initial_state: Tensor | None = None) -> Tensor:
        return prefix((a, start_from(a, b, initial_state)), affine, CHANGES_NOTHING)[1]

    return run


def start_from(a: Tensor, b: Tensor, initial_state: Tensor | None) -> Tensor:
    """The inputs with h_0 folded into the first: b_1 becomes b_1 + a_1 ∘ h_0."""
    if initial_state is None:
        return b
    return torch.cat(
        [torch.addcmul(b[:, :1], a[:, :1], initial_state.unsqueeze(1)), b[:, 1:]], dim=1
    )


def one_by_one(steps: Pair, combine: Combine, identity: Identity = CHANGES_NOTHING) -> Pair:
    """The loop, for comparison: L − 1 compositions, each waiting for the one before."""
    joined = [tuple(tensor[:, :1] for tensor in steps)]
    for t in range(1, steps[0].shape[1]):
        joined.append(combine(joined[-1], tuple(tensor[:, t : t + 1] for tensor in steps)))
    return tuple(torch.cat(tensors, dim=1) for tensors in zip(*joined, strict=True))


def hillis_steele(
    steps: Pair, combine: Combine = affine, identity: Identity = CHANGES_NOTHING
) -> Pair:
    """Doubling: in round k each position joins what stands 2^k before it. ⌈log₂ L⌉ rounds, any L.

    Source: Hillis & Steele 1986, "Data parallel algorithms", "all partial sums of an array".
    """
    distance = 1
    while distance < steps[0].shape[1]:
        joined = combine(
            tuple(tensor[:, :-distance] for tensor in steps),
            tuple(tensor[:, distance:] for tensor in steps),
        )
        steps = tuple(
            torch.cat([tensor[:, :distance], new], dim=1)
            for tensor, new in zip(steps, joined, strict=True)
        )
        distance *= 2
    return steps


def sklansky(steps: Pair, combine: Combine = affine, identity: Identity = CHANGES_NOTHING) -> Pair:
    """Halves: in blocks of 2, 4, 8 … the right half joins the last of the left. ⌈log₂ L⌉ rounds.

    Any L: the tail is filled with steps that change nothing. Source: Sklansky 1960,
    "Conditional-sum addition logic".
    """
    length = steps[0].shape[1]
    steps = _fill(steps, 1 << (length - 1).bit_length(), identity)
    half = 1
    while half < length:
        blocks = tuple(tensor.unflatten(1, (-1, 2, half)) for tensor in steps)
        last_of_left = tuple(block[:, :, 0, -1:] for block in blocks)
        right = tuple(block[:, :, 1] for block in blocks)
        for block, joined in zip(right, combine(last_of_left, right), strict=True):
            block.copy_(joined)
        half *= 2
    return tuple(tensor[:, :length] for tensor in steps)


def blelloch(steps: Pair, combine: Combine = affine, identity: Identity = CHANGES_NOTHING) -> Pair:
    """Up-sweep: join neighbours, then pairs, up to the root. Down-sweep: tell each node what stands
    before it. About 3 L compositions.

    On the way down a left child has the same past as its parent; a right child's past is the
    parent's, then its left sibling. At the leaves each position joins its own step to its past.
    2⌈log₂ L⌉ + 1 rounds; odd levels get one step that changes nothing.

    Source: Blelloch 1990, "Prefix sums and their applications", sections 1.2 (sweeps) and 1.4.1
    (recurrences).
    """
    levels = [steps]
    while (length := levels[-1][0].shape[1]) > 1:
        levels[-1] = _fill(levels[-1], length + length % 2, identity)
        levels.append(
            combine(
                tuple(tensor[:, ::2] for tensor in levels[-1]),
                tuple(tensor[:, 1::2] for tensor in levels[-1]),
            )
        )
    past = tuple(
        torch.full_like(tensor, value) for tensor, value in zip(levels.pop(), identity, strict=True)
    )
    for level in reversed(levels):
        past_of_left = tuple(tensor[:, : level[0].shape[1] // 2] for tensor in past)
        past_of_right = combine(past_of_left, tuple(tensor[:, ::2] for tensor in level))
        past = tuple(
            torch.stack(both, dim=2).flatten(1, 2)
            for both in zip(past_of_left, past_of_right, strict=True)
        )
    return combine(tuple(tensor[:, : steps[0].shape[1]] for tensor in past), steps)


def chunked(steps: Pair, combine: Combine = affine, identity: Identity = CHANGES_NOTHING) -> Pair:
    """⌈√L⌉ chunks side by side, then a loop across them, then one round that joins both."""
    length = steps[0].shape[1]
    size = math.isqrt(length - 1) + 1  # ⌈√L⌉
    chunks = tuple(
        tensor.unflatten(1, (-1, size))
        for tensor in _fill(steps, math.ceil(length / size) * size, identity)
    )
    within = [tuple(tensor[:, :, 0] for tensor in chunks)]
    for i in range(1, size):
        within.append(combine(within[-1], tuple(tensor[:, :, i] for tensor in chunks)))
    totals = one_by_one(within[-1], combine)  # after chunk 1, after chunk 2, …
    joined = tuple(torch.stack(tensors, dim=2) for tensors in zip(*within, strict=True))
    if joined[0].shape[1] > 1:
        later = combine(
            tuple(total[:, :-1].unsqueeze(2) for total in totals),
            tuple(tensor[:, 1:] for tensor in joined),
        )
        joined = tuple(
            torch.cat([tensor[:, :1], new], dim=1)
            for tensor, new in zip(joined, later, strict=True)
        )
    return tuple(tensor.flatten(1, 2)[:, :length] for tensor in joined)


def _fill(steps: Pair, length: int, identity: Identity) -> Pair:
    """A copy of `steps`, continued up to `length` by the step that changes nothing."""
    missing = length - steps[0].shape[1]
    return tuple(
        torch.cat(
            [tensor, tensor.new_full((tensor.shape[0], missing, *tensor.shape[2:]), value)], dim=1
        )
        for tensor, value in zip(steps, identity, strict=True)
    )


LOG_ZERO = -12.0  # what stands for log 0 where nobody says otherwise


def heinsen(
    a: Float[Tensor, "b l *rest"],
    b: Float[Tensor, "b l *rest"],
    initial_state: Float[Tensor, "b *rest"] | None = None,
    log_zero: float = LOG_ZERO,
) -> Float[Tensor, "b l *rest"]:
    """h_t = exp(S_t + log Σ_{s≤t} exp(log b_s − S_s)) with S_t = log a_1 + … + log a_t: no loop.

    Negative entries have complex logarithms, log|x| + iπ. No |b| counts as smaller than
    exp(`log_zero`), for log 0 is not finite; the price is an error of that size for each zero, and
    no gradient for it. Differentiable by ordinary autograd.

    Raises ValueError for a decay of exactly 0, whose logarithm would wipe out everything after it.
    Source: Heinsen 2023 (arXiv 2311.06281), equations 1, 2 and 7.
    """
    if bool((a == 0).any()):
        raise ValueError(
            'log space has no decay 0: its logarithm is −∞. Use method="log_pairs", or a scan of'
            " the numbers themselves"
        )
    signed = bool(
        (a < 0).any() or (b < 0).any() or (initial_state is not None and (initial_state < 0).any())
    )
    decay_sum = _log(a, signed, smallest=0).cumsum(1)  # S_1 … S_l
    log_input = _log(b, signed, smallest=math.exp(log_zero))
    if initial_state is not None:  # h_0 is an input before the first decay: S_0 = 0
        log_input = torch.cat(
            [_log(initial_state, signed, math.exp(log_zero)).unsqueeze(1), log_input], dim=1
        )
        decay_sum = torch.cat([torch.zeros_like(decay_sum[:, :1]), decay_sum], dim=1)
    log_h = decay_sum + torch.logcumsumexp(log_input - decay_sum, dim=1)
    h = log_h.exp().real if signed else log_h.exp()
    return h if initial_state is None else h[:, 1:]


def _log(x: Tensor, signed: bool, smallest: float) -> Tensor:
    log_size = x.abs().clamp(min=smallest).log()
    return torch.complex(log_size, math.pi * (x < 0).to(x.dtype)) if signed else log_size


def log_pairs(
    a: Float[Tensor, "b l *rest"],
    b: Float[Tensor, "b l *rest"],
    initial_state: Float[Tensor, "b *rest"] | None = None,
) -> Float[Tensor, "b l *rest"]:
    """The repair: join pairs (log a, log h) in a tree, so that no two long sums are subtracted.

        (log a₁, log h₁) then (log a₂, log h₂) = (log a₂ + log a₁, logaddexp(log a₂ + log h₁, log
        h₂))

    log 0 = −∞ is an ordinary value here and needs no clamp. Positive and negative inputs are
    scanned apart and subtracted at the end. Not differentiable by itself (the slope of log b at b =
    0 is infinite): `nmt.scan.METHODS` has it with a backward pass that is a scan too. Raises
    ValueError for negative decays.
    """
    if bool((a < 0).any()):
        raise ValueError(
            "log_pairs needs decays of 0 or more: a negative one has no real logarithm. Use a scan"
            " of the numbers themselves"
        )
    b = start_from(a, b, initial_state)
    both_signs = torch.stack([b.clamp(min=0), (-b).clamp(min=0)], dim=-1)
    _, log_h = sklansky((a.unsqueeze(-1).log(), both_signs.log()), _log_affine, (0.0, -math.inf))
    positive, negative = log_h.exp().unbind(-1)
    return positive - negative


def _log_affine(earlier: Pair, later: Pair) -> Pair:
    (log_a_1, log_h_1), (log_a_2, log_h_2) = earlier, later
    return log_a_2 + log_a_1, torch.logaddexp(log_a_2 + log_h_1, log_h_2)


Run = Callable[[Tensor, Tensor, Tensor | None], Tensor]


def with_scan_as_backward(run: Run) -> Run:
    """`run`, a way to compute h_t = a_t ∘ h_{t−1} + b_t, made differentiable from outside.

    With g_t = ∂loss/∂h_t, counting all later states, g_t = ∂loss/∂h_t (direct) + a_{t+1} ∘ g_{t+1}:
    the same recurrence in reversed time. So `run` computes it, and autograd has to store neither a
    tree nor a logarithm.
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
