"""Scans that join neighbours in any grouping: possible because joining two steps of the recurrence gives a step of the same kind.

A step h ↦ a∘h + b is the pair (a, b). Two of them, one after the other, are again such a step:

    a₂∘(a₁∘h + b₁) + b₂ = (a₂∘a₁)∘h + (a₂∘b₁ + b₂)        so        (a₁, b₁) then (a₂, b₂) = (a₂∘a₁, a₂∘b₁ + b₂)

Composing functions is associative, so brackets may stand anywhere, and much can be done side by side. The functions here get
a tuple of tensors with time in dimension 1, an operation `combine(earlier, later)`, and the pair that changes nothing; they
return the running compositions: at time t all of steps 1 … t joined. They know nothing else about the operation.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

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
    """The linear recurrence by way of running compositions: starting from h_0 = 0, the b-part of steps 1 … t joined is h_t."""

    def run(a: Tensor, b: Tensor, initial_state: Tensor | None = None) -> Tensor:
        return prefix((a, start_from(a, b, initial_state)), affine, CHANGES_NOTHING)[1]

    return run


def start_from(a: Tensor, b: Tensor, initial_state: Tensor | None) -> Tensor:
    """The inputs with h_0 folded into the first of them, so that a scan may start from zero: b_1 becomes b_1 + a_1 ∘ h_0."""
    if initial_state is None:
        return b
    return torch.cat([torch.addcmul(b[:, :1], a[:, :1], initial_state.unsqueeze(1)), b[:, 1:]], dim=1)


def one_by_one(steps: Pair, combine: Combine, identity: Identity = CHANGES_NOTHING) -> Pair:
    """The loop, for comparison: L − 1 compositions, each waiting for the one before."""
    joined = [tuple(tensor[:, :1] for tensor in steps)]
    for t in range(1, steps[0].shape[1]):
        joined.append(combine(joined[-1], tuple(tensor[:, t : t + 1] for tensor in steps)))
    return tuple(torch.cat(tensors, dim=1) for tensors in zip(*joined, strict=True))


def hillis_steele(steps: Pair, combine: Combine = affine, identity: Identity = CHANGES_NOTHING) -> Pair:
    """Doubling: in round k every position joins what stands 2^k before it. ⌈log₂ L⌉ rounds of up to L compositions, any L.

    Source: Hillis & Steele 1986, "Data parallel algorithms", "all partial sums of an array".
    """
    distance = 1
    while distance < steps[0].shape[1]:
        joined = combine(tuple(tensor[:, :-distance] for tensor in steps), tuple(tensor[:, distance:] for tensor in steps))
        steps = tuple(torch.cat([tensor[:, :distance], new], dim=1) for tensor, new in zip(steps, joined, strict=True))
        distance *= 2
    return steps


def sklansky(steps: Pair, combine: Combine = affine, identity: Identity = CHANGES_NOTHING) -> Pair:
    """Halves: in each block of 2, 4, 8 … the whole right half joins the last of the left. ⌈log₂ L⌉ rounds of L/2 compositions.

    Any L: the tail is filled with steps that change nothing. Source: Sklansky 1960, "Conditional-sum addition logic".
    """
    length = steps[0].shape[1]
    steps = _fill(steps, 1 << (length - 1).bit_length(), identity)
    half = 1
    while half < length:
        blocks = tuple(tensor.unflatten(1, (-1, 2, half)) for tensor in steps)
        last_of_left, right = (tuple(block[:, :, 0, -1:] for block in blocks), tuple(block[:, :, 1] for block in blocks))
        for block, joined in zip(right, combine(last_of_left, right), strict=True):
            block.copy_(joined)
        half *= 2
    return tuple(tensor[:, :length] for tensor in steps)


def blelloch(steps: Pair, combine: Combine = affine, identity: Identity = CHANGES_NOTHING) -> Pair:
    """Up-sweep: join neighbours, then pairs, up to the root. Down-sweep: tell each node what stands before it. About 3 L compositions.

    On the way down a left child has the same past as its parent; a right child's past is the parent's, then its left sibling.
    At the leaves each position joins its own step to its past. 2⌈log₂ L⌉ + 1 rounds; odd levels get one step that changes nothing.

    Source: Blelloch 1990, "Prefix sums and their applications", sections 1.2 (sweeps) and 1.4.1 (recurrences).
    """
    levels = [steps]
    while (length := levels[-1][0].shape[1]) > 1:
        levels[-1] = _fill(levels[-1], length + length % 2, identity)
        levels.append(combine(tuple(tensor[:, ::2] for tensor in levels[-1]), tuple(tensor[:, 1::2] for tensor in levels[-1])))
    past = tuple(torch.full_like(tensor, value) for tensor, value in zip(levels.pop(), identity, strict=True))
    for level in reversed(levels):
        past_of_left = tuple(tensor[:, : level[0].shape[1] // 2] for tensor in past)
        past_of_right = combine(past_of_left, tuple(tensor[:, ::2] for tensor in level))
        past = tuple(torch.stack(both, dim=2).flatten(1, 2) for both in zip(past_of_left, past_of_right, strict=True))
    return combine(tuple(tensor[:, : steps[0].shape[1]] for tensor in past), steps)


def chunked(steps: Pair, combine: Combine = affine, identity: Identity = CHANGES_NOTHING) -> Pair:
    """Chunks of ⌈√L⌉: a loop within all chunks side by side, a loop across chunks, one round to join both. 2⌈√L⌉ rounds or fewer."""
    length = steps[0].shape[1]
    size = math.isqrt(length - 1) + 1  # ⌈√L⌉
    chunks = tuple(tensor.unflatten(1, (-1, size)) for tensor in _fill(steps, math.ceil(length / size) * size, identity))
    within = [tuple(tensor[:, :, 0] for tensor in chunks)]
    for i in range(1, size):
        within.append(combine(within[-1], tuple(tensor[:, :, i] for tensor in chunks)))
    totals = one_by_one(within[-1], combine)  # after chunk 1, after chunk 2, …
    joined = tuple(torch.stack(tensors, dim=2) for tensors in zip(*within, strict=True))
    if joined[0].shape[1] > 1:
        later = combine(tuple(total[:, :-1].unsqueeze(2) for total in totals), tuple(tensor[:, 1:] for tensor in joined))
        joined = tuple(torch.cat([tensor[:, :1], new], dim=1) for tensor, new in zip(joined, later, strict=True))
    return tuple(tensor.flatten(1, 2)[:, :length] for tensor in joined)


class Cost(NamedTuple):
    """What a scan needs: `work` compositions in all, in `depth` rounds that must wait for each other."""

    work: int
    depth: int


def count_cost(prefix: Prefix, length: int) -> Cost:
    """Run `prefix` on `length` steps with an operation that counts itself. Filling counts too: a machine would do that work."""
    calls: list[int] = []

    def counting(earlier: Pair, later: Pair) -> Pair:
        joined = affine(earlier, later)
        calls.append(joined[0].numel())
        return joined

    prefix((torch.ones(1, length), torch.ones(1, length)), counting, CHANGES_NOTHING)
    return Cost(sum(calls), len(calls))


Span = tuple[int, int]


class Join(NamedTuple):
    """One composition: the steps `earlier` = (first, last) and `later` = (last + 1, …), counted from 1, become one."""

    earlier: Span
    later: Span

    @property
    def whole(self) -> Span:
        return self.earlier[0], self.later[1]


def watch(prefix: Prefix, length: int) -> list[list[Join]]:
    """Run `prefix` on spans of positions instead of numbers and write down what it joins, round by round.

    Two spans that do not touch would mean a wrong result, and raise ValueError. Joins with the step that changes nothing are
    work for a machine but no news to a reader: they are left out.
    """
    rounds: list[list[Join]] = []

    def join(earlier: Pair, later: Pair) -> Pair:
        first, last, next_first, next_last = torch.broadcast_tensors(*earlier, *later)
        nothing_before, nothing_after = first < 1, next_first < 1
        real = ~(nothing_before | nothing_after)
        if bool((real & (last + 1 != next_first)).any()):
            raise ValueError(f"{prefix} joins steps that do not follow each other")
        corners = (tensor[real].long().tolist() for tensor in (first, last, next_first, next_last))
        rounds.append([Join((a, b), (c, d)) for a, b, c, d in zip(*corners, strict=True)])
        return torch.where(nothing_before, next_first, first), torch.where(nothing_after, last, next_last)

    positions = torch.arange(1.0, length + 1)[None]
    first, last = prefix((positions, positions), join, (-1.0, -1.0))
    if not (bool((first == 1).all()) and torch.equal(last, positions)):
        raise ValueError(f"{prefix} does not join all steps up to each position")
    return rounds


def _fill(steps: Pair, length: int, identity: Identity) -> Pair:
    """A copy of `steps`, continued up to `length` by the step that changes nothing."""
    missing = length - steps[0].shape[1]
    return tuple(
        torch.cat([tensor, tensor.new_full((tensor.shape[0], missing, *tensor.shape[2:]), value)], dim=1)
        for tensor, value in zip(steps, identity, strict=True)
    )
