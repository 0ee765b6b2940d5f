"""Scans by joining neighbours: their order, work and depth, and what log space costs in digits."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course.lab.scan_steps import Cost, count_cost, watch
from nmt.parallel_scan import (
    blelloch,
    chunked,
    heinsen,
    hillis_steele,
    one_by_one,
    sklansky,
)
from nmt.scan import scan

TREES = (hillis_steele, sklansky, blelloch, chunked)


def test_heinsen_clamp_adds_its_size_for_each_zero_and_loses_the_gradient() -> None:
    a = torch.ones(1, 8, dtype=torch.float64)
    b = torch.zeros(1, 8, dtype=torch.float64).requires_grad_()
    for log_zero in (-12.0, -20.0):
        h = heinsen(a, b, log_zero=log_zero)
        torch.testing.assert_close(h, math.exp(log_zero) * torch.arange(1.0, 9).double()[None])
    # the truth is 8, 7, … 1
    assert torch.equal(torch.autograd.grad(h.sum(), b)[0], torch.zeros_like(b))


def test_heinsen_error_grows_as_predicted_and_the_repair_does_not() -> None:
    """Two sums of size |S| are subtracted, so about ε|S| is lost; joined pairs hold no such sum."""
    torch.manual_seed(2)
    errors = {}
    for length in (64, 1024):
        a, b = 0.5 + 0.4 * torch.rand(64, length), 0.1 + torch.rand(64, length)
        exact = scan(a.double(), b.double(), method="sequential")
        for method in ("heinsen", "log_pairs"):
            error = (scan(a, b, method=method) - exact) / exact
            errors[method, length] = float(error.abs().max())
        predicted = torch.finfo(torch.float32).eps * float(a.double().log().sum(1).abs().max())
        assert 0.1 * predicted < errors["heinsen", length] < 3 * predicted
    assert errors["heinsen", 1024] > 5 * errors["heinsen", 64]
    assert errors["log_pairs", 1024] < 2e-6


@pytest.mark.parametrize("prefix", [*TREES, one_by_one])
@given(length=st.integers(1, 70))
def test_prefixes_join_every_step_once_and_in_order(prefix, length: int) -> None:
    """`watch` checks that neighbours are joined; here: nothing is used before it exists."""
    made = {(t, t) for t in range(1, length + 1)}
    for joins in watch(prefix, length):
        for join in joins:
            assert join.earlier in made and join.later in made
        made |= {join.whole for join in joins}
    assert {(1, t) for t in range(1, length + 1)} <= made


def test_watching_finds_a_scan_that_skips_or_stops_early() -> None:
    def skips(steps, combine, identity):
        earlier = tuple(step[:, :-2] for step in steps)
        return combine(earlier, tuple(step[:, 2:] for step in steps))

    with pytest.raises(ValueError, match="do not follow each other"):
        watch(skips, 4)
    with pytest.raises(ValueError, match="does not join all steps"):
        watch(lambda steps, combine, identity: steps, 4)


@given(power=st.integers(1, 9))
def test_work_and_depth_of_powers_of_two(power: int) -> None:
    length = 2**power
    assert count_cost(one_by_one, length) == Cost(length - 1, length - 1)
    assert count_cost(hillis_steele, length) == Cost(power * length - (length - 1), power)
    assert count_cost(sklansky, length) == Cost(power * length // 2, power)
    assert count_cost(blelloch, length) == Cost(3 * length - 2, 2 * power + 1)


@given(length=st.integers(2, 500))
def test_chunks_need_twice_the_root_of_the_length(length: int) -> None:
    work, depth = count_cost(chunked, length)
    assert depth <= 2 * math.ceil(math.sqrt(length))
    assert work < 2 * (length + 2 * math.ceil(math.sqrt(length)))
