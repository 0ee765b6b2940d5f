"""Exercises of notebook 05: joining two steps, Hillis and Steele's tree, Heinsen's form in
logarithms.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course.checking.exercise import Case, Draw, Exercise
from nmt.parallel_scan import Pair, affine, heinsen, hillis_steele

Step = tuple[Any, Any]
Join = Callable[[Step, Step], Step]


def _plain_join(earlier: Step, later: Step) -> Step:
    return later[0] * earlier[0], later[0] * earlier[1] + later[1]


def _join_cases() -> list[Case]:
    draw = Draw(80)
    return [
        Case(
            f"steps of shape {shape}",
            (tuple(draw.normal(*shape) for _ in "ab"), tuple(draw.normal(*shape) for _ in "ab")),
        )
        for shape in ((), (4,), (2, 3))
    ]


JOIN = Exercise(
    name="scans.join",
    minutes=5,
    difficulty=1,
    reference=affine,
    solution=(affine,),
    cases=_join_cases,
    notice=(
        "Notice that no h was needed: steps can be joined before anyone knows the state that they"
        " will meet."
    ),
    parts=("a", "b"),
)


@JOIN.mutant(
    "the later step first",
    "Put h through the earlier step, then its result through the later one. Which a multiplies"
    " which b?",
)
def _later_first(earlier: Step, later: Step) -> Step:
    return _plain_join(later, earlier)


@JOIN.mutant(
    "what was paid in does not decay",
    "b₁ is in the account when the second day begins. What happens to it there?",
)
def _no_decay(earlier: Step, later: Step) -> Step:
    return later[0] * earlier[0], earlier[1] + later[1]


@JOIN.mutant("decays added", "Half of a half is kept. Is that 1, or a quarter?")
def _added(earlier: Step, later: Step) -> Step:
    return earlier[0] + later[0], later[0] * earlier[1] + later[1]


@JOIN.mutant("only the later decay", "What is left of h after both days?")
def _one_decay(earlier: Step, later: Step) -> Step:
    return later[0], later[0] * earlier[1] + later[1]


@JOIN.mutant("the later input forgotten", "What is paid in on the second day?")
def _no_later_input(earlier: Step, later: Step) -> Step:
    return later[0] * earlier[0], later[0] * earlier[1]


@JOIN.mutant(
    "the later input decays too", "Is b₂ paid in before or after the second day's share is taken?"
)
def _all_decay(earlier: Step, later: Step) -> Step:
    return later[0] * earlier[0], later[0] * (earlier[1] + later[1])


@JOIN.mutant("a and b exchanged", "Which comes first in a step: what is kept, or what is paid in?")
def _exchanged(earlier: Step, later: Step) -> Step:
    return _plain_join(earlier, later)[::-1]


def _tree_cases() -> list[Case]:
    draw = Draw(81)
    cases = []
    for length in (8, 5, 13, 1, 2):
        steps = list(zip(draw.uniform(length, low=0.2).tolist(), draw.normal(length).tolist()))
        cases.append(Case(f"{length} step{'s' * (length > 1)}", (steps, _plain_join)))
    return cases


def _reference_tree(steps: list[Step], join: Join) -> list[Step]:
    """nmt's own function, with `join` called once for each pair that it joins."""

    def combine(earlier: Pair, later: Pair) -> Pair:
        (a_1, b_1), (a_2, b_2) = (
            [tensor[0].tolist() for tensor in pair] for pair in (earlier, later)
        )
        joined = [join(one, two) for one, two in zip(zip(a_1, b_1), zip(a_2, b_2))]
        return tuple(torch.tensor([column], dtype=torch.float64) for column in zip(*joined))

    a, b = hillis_steele(
        tuple(torch.tensor([column], dtype=torch.float64) for column in zip(*steps)), combine
    )
    return list(zip(a[0].tolist(), b[0].tolist()))


def _counted(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """The running joins, and how many joins were made: by their number one tells a tree from a
    loop.
    """
    steps, join = arguments
    calls = 0

    def counting(earlier: Step, later: Step) -> Step:
        nonlocal calls
        calls += 1
        return join(earlier, later)

    result = function(steps, counting)
    return {"the list of running joins": result, "the number of joins made": calls}


TREE = Exercise(
    name="scans.hillis-steele",
    minutes=15,
    difficulty=2,
    reference=_reference_tree,
    solution=(hillis_steele,),
    cases=_tree_cases,
    observe=_counted,
    notice=(
        "Notice the price: for 13 steps a loop makes 12 joins, and you made 37. They fit into 4"
        " rounds if you have workers enough."
    ),
)


def _rounds(
    steps: list[Step],
    join: Join,
    *,
    start: int = 1,
    grow: int = 2,
    add: int = 0,
    late: int = 0,
    swap: bool = False,
    stop: int = 1,
) -> list[Step]:
    held, distance = list(steps), start
    while distance * stop < len(held):
        held = [
            (
                (join(held[t], held[t - distance]) if swap else join(held[t - distance], held[t]))
                if t >= distance + late
                else held[t]
            )
            for t in range(len(held))
        ]
        distance = distance * grow + add
    return held


@TREE.mutant(
    "a loop, not a tree",
    "Your numbers are right, and each join waits for the one before. Which joins could be made in"
    " the same round?",
)
def _loop(steps: list[Step], join: Join) -> list[Step]:
    running = steps[:1]
    for step in steps[1:]:
        running.append(join(running[-1], step))
    return running


@TREE.mutant(
    "one place further each round",
    "After round 1 everyone holds two steps. How far must they look in round 2, so that none is"
    " joined twice?",
)
def _step_by_step(steps: list[Step], join: Join) -> list[Step]:
    return _rounds(steps, join, grow=1, add=1)


@TREE.mutant(
    "reads what this round has written",
    "In a round all look at the same time. Does your place t see its neighbour's old or new pair?",
)
def _in_place(steps: list[Step], join: Join) -> list[Step]:
    held, distance = list(steps), 1
    while distance < len(held):
        for t in range(distance, len(held)):
            held[t] = join(held[t - distance], held[t])
        distance *= 2
    return held


@TREE.mutant(
    "the later step first",
    "What stands to the left happened earlier. Which argument of join comes first?",
)
def _swapped(steps: list[Step], join: Join) -> list[Step]:
    return _rounds(steps, join, swap=True)


@TREE.mutant(
    "one round too few", "With 8 steps the last round looks 4 places back. Does your loop reach it?"
)
def _too_few(steps: list[Step], join: Join) -> list[Step]:
    return _rounds(steps, join, stop=2)


@TREE.mutant(
    "off by one at the left edge",
    "May the place number `distance`, counted from 0, look `distance` places back?",
)
def _edge(steps: list[Step], join: Join) -> list[Step]:
    return _rounds(steps, join, late=1)


@TREE.mutant(
    "starts two places back",
    "In the first round each joins its neighbour. How far away does it stand?",
)
def _starts_late(steps: list[Step], join: Join) -> list[Step]:
    return _rounds(steps, join, start=2)


def _log_cases() -> list[Case]:
    draw = Draw(82)
    cases = []
    for label, shape, low in (
        ("inputs of both signs", (2, 7, 3), -2.0),
        ("positive inputs", (1, 9, 2), 0.1),
        ("a longer word", (2, 25, 1), -1.0),
    ):
        b = draw.uniform(*shape, low=low, high=2.0)
        b = torch.where(b.abs() < 0.05, 0.05, b)  # zero has a section of its own
        cases.append(Case(label, (draw.uniform(*shape, low=0.4, high=1.0), b)))
    return cases


LOG = Exercise(
    name="scans.heinsen",
    minutes=15,
    difficulty=3,
    reference=heinsen,
    solution=(heinsen,),
    cases=_log_cases,
    notice=(
        "Notice that iπ did the bookkeeping of signs: e^{iπ} = −1, and the imaginary parts vanish"
        " in the end."
    ),
)


def _log_form(
    a: Tensor,
    b: Tensor,
    *,
    inside: int = -1,
    outside: int = 1,
    dim: int = 1,
    exclusive: bool = False,
) -> Tensor:
    S = a.log().cumsum(dim) - (a.log() if exclusive else 0)
    return torch.exp(outside * S + torch.logcumsumexp(torch.log(b + 0j) + inside * S, dim=dim)).real


@LOG.mutant("logarithm of a negative", "What is the real logarithm of −1? And the complex one?")
def _real_log(a: Tensor, b: Tensor) -> Tensor:
    S = a.log().cumsum(1)
    return torch.exp(S + torch.logcumsumexp(b.log() - S, dim=1))


@LOG.mutant(
    "signs thrown away",
    "log|b| does not know whether something was paid in or out. Where can the sign be kept?",
)
def _no_sign(a: Tensor, b: Tensor) -> Tensor:
    return _log_form(a, b.abs())


@LOG.mutant(
    "size instead of real part",
    "A negative state has the size of a positive one. Which part of a complex number has the sign?",
)
def _size(a: Tensor, b: Tensor) -> Tensor:
    return _log_form(a, b).abs()


@LOG.mutant("still complex", "The imaginary parts are all nearly 0. What remains to be taken?")
def _complex(a: Tensor, b: Tensor) -> Tensor:
    S = a.log().cumsum(1)
    return torch.exp(S + torch.logcumsumexp(torch.log(b + 0j) - S, dim=1))


@LOG.mutant(
    "S not added back",
    "You divide every input by the decays up to it. What must happen at place t, after the sum?",
)
def _not_back(a: Tensor, b: Tensor) -> Tensor:
    return _log_form(a, b, outside=0)


@LOG.mutant(
    "S with the wrong sign",
    "An input at s must lose the decays after s: S_t − S_s. Which of the two has the minus in your"
    " code?",
)
def _wrong_sign(a: Tensor, b: Tensor) -> Tensor:
    return _log_form(a, b, inside=1, outside=-1)


@LOG.mutant("sums along the wrong axis", "Time is axis 1. Along which axis do your sums run?")
def _wrong_axis(a: Tensor, b: Tensor) -> Tensor:
    return _log_form(a, b, dim=2)


@LOG.mutant(
    "decays one day early",
    "What is paid in on day s decays from day s + 1 on. Does your S_s contain log a_s?",
)
def _exclusive(a: Tensor, b: Tensor) -> Tensor:
    return _log_form(a, b, exclusive=True)


@LOG.mutant("still a logarithm", "You have log h. What was asked for?")
def _still_log(a: Tensor, b: Tensor) -> Tensor:
    S = a.log().cumsum(1)
    return (S + torch.logcumsumexp(torch.log(b + 0j) - S, dim=1)).real


EXERCISES = {each.name: each for each in (JOIN, TREE, LOG)}
