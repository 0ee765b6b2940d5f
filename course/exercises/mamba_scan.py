"""Exercises of notebook 06, continued: the selective scan, and one step of it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from course.checking.exercise import Case, Draw, Exercise
from nmt.discretization import phi1
from nmt.selective_scan import selective_scan, selective_scan_reference, selective_scan_with_state


def _scan_cases() -> list[Case]:
    cases = []
    for seed, (b, length, e, n) in enumerate(((2, 6, 3, 4), (1, 9, 5, 1), (3, 1, 2, 2))):
        draw = Draw(100 + seed)
        x, delta, A = (
            draw.normal(b, length, e),
            draw.uniform(b, length, e, low=0.1, high=1.5),
            -draw.uniform(e, n, low=0.2, high=2.0),
        )
        cases.append(
            Case(
                f"{b} words of {length}",
                (x, delta, A, draw.normal(b, length, n), draw.normal(b, length, n), draw.normal(e)),
            )
        )
    return cases


SCAN = Exercise(
    name="mamba.selective-scan",
    minutes=20,
    difficulty=3,
    reference=selective_scan,
    solution=(selective_scan_reference, selective_scan),
    cases=_scan_cases,
    notice=(
        "Notice that nothing in your loop grows with the number of letters: the state is all that"
        " is remembered."
    ),
    trains=True,
)


def _scan(
    x: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, *, wrong: str = ""
) -> Tensor:
    """The loop, with one thing done otherwise."""
    h, y = x.new_zeros(len(x), *A.shape), []
    for t in range(x.shape[1]):
        step = delta[:, t, :, None]
        decay = {
            "euler": 1 + step * A,
            "no step": torch.exp(A).expand_as(h),
            "no state": torch.zeros_like(h),
        }.get(wrong, torch.exp(step * A))
        gain = {"no step in B": torch.ones_like(step), "zoh": step * phi1(step * A)}.get(
            wrong, step
        )
        written = gain * B[:, t, None, :] * x[:, t, :, None]
        before, h = h, decay * (h + written) if wrong == "decays at once" else decay * h + written
        y.append(((before if wrong == "early" else h) * C[:, t, None, :]).sum(dim=-1))
    return torch.stack(y, dim=1) + (0 if wrong == "no D" else D * x)


@SCAN.mutant(
    "state carried across words", "With which state does the second word of the batch begin?"
)
def _carried(x: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> Tensor:
    b, length, _ = x.shape
    flat = [tensor.flatten(0, 1)[None] for tensor in (x, delta, B, C)]
    return _scan(flat[0], flat[1], A, flat[2], flat[3], D).unflatten(1, (b, length))[0]


@SCAN.mutant(
    "Δ forgotten in writing",
    "A letter whose step is 0 should leave no mark. What does it leave in your state?",
)
def _no_step_in_b(*arguments: Any) -> Tensor:
    return _scan(*arguments, wrong="no step in B")


@SCAN.mutant("Euler's decay", "1 + ΔA is only the beginning of a series. Of which function?")
def _euler(*arguments: Any) -> Tensor:
    return _scan(*arguments, wrong="euler")


@SCAN.mutant(
    "a decay without Δ", "How does your decay know how far the clock has moved at this letter?"
)
def _no_step(*arguments: Any) -> Tensor:
    return _scan(*arguments, wrong="no step")


@SCAN.mutant(
    "zero-order hold for B̄",
    "That is the paper's formula. Which B̄ does Mamba's code use, and this course's rule “mixed”?",
)
def _zoh(*arguments: Any) -> Tensor:
    return _scan(*arguments, wrong="zoh")


@SCAN.mutant("D forgotten", "What passes by the state?")
def _no_skip(*arguments: Any) -> Tensor:
    return _scan(*arguments, wrong="no D")


@SCAN.mutant(
    "read before it is written", "y_t reads h_t. Is x_t already in your state when you read it?"
)
def _early(*arguments: Any) -> Tensor:
    return _scan(*arguments, wrong="early")


@SCAN.mutant(
    "the new letter decays too",
    "The decay belongs to what was there before. Is x_t in your state when you multiply?",
)
def _decays_at_once(*arguments: Any) -> Tensor:
    return _scan(*arguments, wrong="decays at once")


@SCAN.mutant("B and C exchanged", "B writes and C reads. Which one meets x?")
def _scan_b_and_c(x: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> Tensor:
    return _scan(x, delta, A, C, B, D)


@SCAN.mutant("nothing remembered", "Where does the state of the letter before enter the new one?")
def _no_state(*arguments: Any) -> Tensor:
    return _scan(*arguments, wrong="no state")


def _step_cases() -> list[Case]:
    cases = []
    for seed, (b, e, n) in enumerate(((2, 3, 4), (1, 5, 1), (4, 2, 3))):
        draw = Draw(120 + seed)
        x, state, delta = (
            draw.normal(b, e),
            draw.normal(b, e, n),
            draw.uniform(b, e, low=0.1, high=1.5),
        )
        A = -draw.uniform(e, n, low=0.2, high=2.0)
        cases.append(
            Case(
                f"{b} words, e = {e}, n = {n}",
                (x, state, delta, A, draw.normal(b, n), draw.normal(b, n), draw.normal(e)),
            )
        )
    return cases


def _reference_step(
    x: Tensor, state: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor
) -> tuple[Tensor, Tensor]:
    y, after = selective_scan_with_state(
        x[:, None], delta[:, None], A, B[:, None], C[:, None], D, state
    )
    return y[:, 0], after


STEP = Exercise(
    name="mamba.step",
    minutes=10,
    difficulty=1,
    reference=_reference_step,
    solution=(selective_scan_reference,),
    cases=_step_cases,
    notice=(
        "Notice that the step does not ask how long the word already is. That is why each letter"
        " costs the same."
    ),
    parts=("y", "new state"),
)


def _step(
    x: Tensor,
    state: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor,
    *,
    wrong: str = "",
) -> tuple[Tensor, Tensor]:
    """One step, with one thing done otherwise."""
    step = delta[:, :, None]
    decay = torch.ones_like(state) if wrong == "no decay" else torch.exp(step * A)
    written = (1 if wrong == "no step in B" else step) * B[:, None, :] * x[:, :, None]
    new = decay * (state + written) if wrong == "decays at once" else decay * state + written
    y = ((state if wrong == "early" else new) * C[:, None, :]).sum(dim=-1) + (
        0 if wrong == "no D" else D * x
    )
    return y, state if wrong == "old state" else new


@STEP.mutant("the old state comes back", "With which state will the next letter begin?")
def _step_old(*arguments: Any) -> tuple[Tensor, Tensor]:
    return _step(*arguments, wrong="old state")


@STEP.mutant(
    "read before it is written", "y reads the state after this letter. Which state did you read?"
)
def _step_early(*arguments: Any) -> tuple[Tensor, Tensor]:
    return _step(*arguments, wrong="early")


@STEP.mutant("nothing fades", "What happens to the old state while the clock moves by Δ?")
def _step_no_decay(*arguments: Any) -> tuple[Tensor, Tensor]:
    return _step(*arguments, wrong="no decay")


@STEP.mutant(
    "Δ forgotten in writing",
    "A letter whose step is 0 should leave no mark. What does it leave in your state?",
)
def _step_no_step(*arguments: Any) -> tuple[Tensor, Tensor]:
    return _step(*arguments, wrong="no step in B")


@STEP.mutant(
    "the new letter decays too",
    "The decay belongs to what was there before. Is x in your state when you multiply?",
)
def _step_at_once(*arguments: Any) -> tuple[Tensor, Tensor]:
    return _step(*arguments, wrong="decays at once")


@STEP.mutant("D forgotten", "What passes by the state?")
def _step_no_skip(*arguments: Any) -> tuple[Tensor, Tensor]:
    return _step(*arguments, wrong="no D")


@STEP.mutant("B and C exchanged", "B writes and C reads. Which one meets x?")
def _step_b_and_c(
    x: Tensor, state: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor
) -> tuple[Tensor, Tensor]:
    return _step(x, state, delta, A, C, B, D)
