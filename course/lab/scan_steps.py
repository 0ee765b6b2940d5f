"""What a scan joins with what, round by round, and how much work and depth that is."""

from __future__ import annotations

from typing import NamedTuple

import torch

from nmt.parallel_scan import (
    CHANGES_NOTHING,
    Pair,
    Prefix,
    affine,
    blelloch,
    chunked,
    hillis_steele,
    one_by_one,
    sklansky,
)

PREFIXES: dict[str, Prefix] = {
    "one_by_one": one_by_one,
    "chunked": chunked,
    "hillis_steele": hillis_steele,
    "sklansky": sklansky,
    "blelloch": blelloch,
}


class Cost(NamedTuple):
    """What a scan needs: `work` compositions in all, in `depth` rounds that must wait for each
    other.
    """

    work: int
    depth: int


def count_cost(prefix: Prefix, length: int) -> Cost:
    """Run `prefix` on `length` steps with an operation that counts itself. Filling counts too: a
    machine would do that work.
    """
    calls: list[int] = []

    def counting(earlier: Pair, later: Pair) -> Pair:
        joined = affine(earlier, later)
        calls.append(joined[0].numel())
        return joined

    prefix((torch.ones(1, length), torch.ones(1, length)), counting, CHANGES_NOTHING)
    return Cost(sum(calls), len(calls))


Span = tuple[int, int]


class Join(NamedTuple):
    """One composition: the steps `earlier` = (first, last) and `later` = (last + 1, …), counted
    from 1, become one.
    """

    earlier: Span
    later: Span

    @property
    def whole(self) -> Span:
        return self.earlier[0], self.later[1]


def watch(prefix: Prefix, length: int) -> list[list[Join]]:
    """Run `prefix` on spans of positions instead of numbers and write down what it joins, round by
    round.

    Two spans that do not touch would mean a wrong result, and raise ValueError. Joins with the step
    that changes nothing are work for a machine but no news to a reader: they are left out.
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
        return torch.where(nothing_before, next_first, first), torch.where(
            nothing_after, last, next_last
        )

    positions = torch.arange(1.0, length + 1)[None]
    first, last = prefix((positions, positions), join, (-1.0, -1.0))
    if not (bool((first == 1).all()) and torch.equal(last, positions)):
        raise ValueError(f"{prefix} does not join all steps up to each position")
    return rounds
