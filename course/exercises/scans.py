"""Exercises of notebook 05: Hillis and Steele's tree, Heinsen's form in logarithms."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course.checking.compare import kind_of
from course.checking.exercise import (
    Draw,
    Exercise,
    Inputs,
    Slips,
    Unfit,
    pick,
    table,
    tensors,
    without_a_loop,
)
from course.exercises.scan_puzzles import CHUNKS, JOIN, PRICE, Step, my_join
from nmt.parallel_scan import heinsen, hillis_steele

Join = Callable[[Step, Step], Step]


def look_back(steps: list[Step], join: Join) -> list[Step]:
    """Look back by 1, 2, 4, … places, all at the same time."""
    held, distance = steps, 1
    while distance < len(held):
        held = [
            join(held[t - distance], held[t]) if t >= distance else held[t]
            for t in range(len(held))
        ]
        distance *= 2
    return held


def _look_back(slips: Slips, steps: list[Step], join: Join) -> list[Step]:
    if "loop" in slips:
        running = steps[:1]
        for step in steps[1:]:
            running.append(join(running[-1], step))
        return running
    held, distance = list(steps), 2 if "starts_late" in slips else 1
    rounds = 1 if "once" in slips else len(held)
    while distance * (2 if "too_few" in slips else 1) < len(held) and rounds > 0:
        rounds -= 1
        new = held if "in_place" in slips else list(held)
        first = pick(slips, distance, edge=distance + 1, wraps=0)
        for t in range(first, len(held)):
            pair = held[t - distance], held[t]
            new[t] = join(*pair[::-1]) if "swapped" in slips else join(*pair)
        held = new
        distance = distance + 1 if "one_further" in slips else 2 * distance
    return held


def _tree_inputs() -> Inputs:
    draw = Draw(81)
    yield "3 steps", ([(0.5, 1.0), (2.0, 3.0), (0.25, 4.0)], my_join)
    for length in (1, 2, 5, 8, 13):
        steps = list(zip(draw.uniform(length, low=0.2).tolist(), draw.normal(length).tolist()))
        yield f"{length} step{'s' * (length > 1)}", (steps, my_join)


def _in_rounds(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """The running joins, and the longest chain of joins that wait for each other: one for each
    round of a tree, one for each step of a loop.
    """
    steps, join = arguments
    rounds = dict.fromkeys(steps, 0)

    def counting(earlier: Step, later: Step) -> Step:
        joined = join(earlier, later)
        wait = 1 + max(rounds.get(tuple(each), 0) for each in (earlier, later))
        rounds[joined] = min(wait, rounds.get(joined, wait))
        return joined

    result = function(list(steps), counting)
    if result is None:
        return None
    try:
        pairs = [(float(a), float(b)) for a, b in result]
    except (TypeError, ValueError):
        raise Unfit("a list of pairs (a, b)", kind_of(result)) from None
    by_join = all(pair in rounds for pair in pairs)
    return pairs, max((rounds.get(pair, 0) for pair in pairs), default=0) if by_join else "unknown"


TREE = Exercise(
    name="scans.hillis-steele",
    minutes=15,
    difficulty=2,
    answer=look_back,
    course=(hillis_steele,),
    inputs=_tree_inputs,
    observe=_in_rounds,
    notice="""Notice the price: for 13 steps a loop makes 12 joins in 12 rounds, Hillis and
        Steele make 37 in 4, if they have workers enough.""",
    slipped=_look_back,
    mistakes=table(
        """
        loop: a loop, not a tree
            Your numbers are right, and each join waits for the one before. Which joins could be
            made in the same round?
        once: one round alone
            After round 1 everyone holds two steps. Who holds all of them?
        wraps: the first looks at the last
            Index −1 is the last place. Who has nobody to the left?
        one_further: one place further each round
            After round 1 everyone holds two steps. How far must they look in round 2, so that none
            is joined twice?
        in_place: reads what this round has written
            In a round all look at the same time. Does your place t see its neighbour's old or new
            pair?
        swapped: the later step first
            What stands to the left happened earlier. Which argument of join comes first?
        too_few: one round too few
            With 8 steps the last round looks 4 places back. Does your loop reach it?
        edge: off by one at the left edge
            May the place number `distance`, counted from 0, look `distance` places back?
        starts_late: starts two places back
            In the first round each joins its neighbour. How far away does it stand?
        own_join: a join of your own
            The function gets a `join`. Which of your lines joins two steps without it?
        rounds: more rounds than needed
            Your numbers are right. How many rounds are enough, if each doubles what is held?
        """,
        own_join=lambda arguments, right, yours: yours[1] == "unknown",
        rounds=lambda arguments, right, yours: yours[0] == right[0] and yours[1] > right[1],
    ),
    parts=("the list of running joins", "the number of rounds"),
)


def log_scan(a: Tensor, b: Tensor) -> Tensor:
    """The logarithm of b is complex; what comes out of exp is real."""
    S = a.log().cumsum(dim=1)
    return torch.exp(S + torch.logcumsumexp(torch.log(b + 0j) - S, dim=1)).real


def _log_scan(slips: Slips, a: Tensor, b: Tensor) -> Tensor:
    if "loop" in slips:
        h, rows = torch.zeros_like(b[:, 0]), []
        for t in range(b.shape[1]):
            h = a[:, t] * h + b[:, t]
            rows.append(h)
        return torch.stack(rows, dim=1)
    dim = 2 if "axis" in slips else 1
    S = a.log() if "single" in slips else a.log().cumsum(dim)
    S = S - (a.log() if "early" in slips else 0)
    if "divided" in slips:
        return S.exp() * (b / S.exp()).cumsum(1)
    logs = b.log() if "real_log" in slips else torch.log((b.abs() if "abs" in slips else b) + 0j)
    before, after = pick(slips, (-1, 1), not_back=(-1, 0), signs=(1, -1), no_minus=(1, 1))
    total = logs + before * S
    total = total.exp().cumsum(dim).log() if "naive" in slips else total.logcumsumexp(dim)
    h = after * S + total
    h = h if "still_log" in slips else torch.exp(h)
    if "sign_late" in slips:
        return b.sign() * h.abs()
    return pick(slips, h.real, complex=h, size=h.abs(), imaginary=h.imag)


def _log_inputs() -> Inputs:
    draw = Draw(82)
    yield "three steps", tensors([[[0.5], [0.5], [1.0]]], [[[1.0], [-2.0], [3.0]]])
    for label, shape, low in (
        ("inputs of both signs", (2, 7, 3), -2.0),
        ("positive inputs", (1, 9, 2), 0.1),
        ("3,000 steps in float64", (1, 3000, 1), -1.0),
    ):
        b = draw.uniform(*shape, low=low, high=2.0)
        b = torch.where(b.abs() < 0.05, 0.05, b)  # zero has a section of its own
        a = draw.uniform(*shape, low=0.4, high=1.0)
        yield label, (a.double(), b.double()) if shape[1] > 1000 else (a, b)


LOG = Exercise(
    name="scans.heinsen",
    minutes=15,
    difficulty=3,
    answer=log_scan,
    course=(heinsen,),
    inputs=_log_inputs,
    observe=without_a_loop(1000),
    notice="""Notice that iπ did the bookkeeping of signs: e^{iπ} = −1, and the imaginary parts
        vanish in the end.""",
    slipped=_log_scan,
    mistakes=table("""
        real_log: logarithm of a negative
            What is the real logarithm of −1? And the complex one?
        abs+sign_late: each sign put back at the end
            A state is a sum of earlier inputs. Is its sign that of the last one?
        single: a single day's decay
            What is left on day 3 of day 1? Which sum of logarithms says it?
        imaginary: imaginary part
            exp of a logarithm of a real number is real. Which part holds it?
        abs: signs thrown away
            log|b| does not know whether something was paid in or out. Where can the sign be kept?
        size: size instead of real part
            A negative state has the size of a positive one. Which part of a complex number has the
            sign?
        complex: still complex
            The imaginary parts are all nearly 0. What remains to do?
        not_back: S not added back
            You divide every input by the decays up to it. What must happen at place t, after the
            sum?
        signs no_minus: S with the wrong sign
            An input at s must lose the decays after s: S_t − S_s. Which of the two has the minus in
            your code?
        axis: sums along the wrong axis
            Time is axis 1. Along which axis do your sums run?
        early: decays one day early
            What is paid in on day s decays from day s + 1 on. Does your S_s contain log a_s?
        still_log: still a logarithm
            You have log h. What was asked for?
        divided naive: too small for a number
            After 3,000 steps the product of all decays is 0 in Python. Which sum of logarithms
            never forms it?
        loop: a loop over the steps
            Your numbers are right. Which two cumulative sums do it in one call each?
    """),
    parts=("h", "torch was asked in"),
)

EXERCISES = {each.name: each for each in (JOIN, TREE, CHUNKS, PRICE, LOG)}
