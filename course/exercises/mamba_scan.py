"""Exercises of notebook 06, continued: the selective scan, and one step of it."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from course.checking.exercise import Case, Draw, Exercise, Slips, pick, table
from nmt.discretization import phi1
from nmt.selective_scan import selective_scan, selective_scan_with_state

Two = tuple[Tensor, Tensor]


def one_step(
    x: Tensor, state: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor
) -> Two:
    """Fade, write, read."""
    written = (delta * x)[:, :, None] * B[:, None, :]
    new = torch.exp(delta[:, :, None] * A) * state + written
    return (new * C[:, None, :]).sum(dim=-1) + D * x, new


def _one_step(
    slips: Slips, x: Tensor, state: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Any
) -> Two:
    """For one letter and, letter by letter, for a word."""
    B, C = (C, B) if "exchanged" in slips else (B, C)
    A = -torch.exp(A) if "exp_a" in slips else A
    delta = F.softplus(delta) if "softplus" in slips else delta
    step = delta[:, :, None]
    decay = torch.exp((1 if "no_delta" in slips else step) * A)
    kept, bare, grown = torch.ones_like(state), step * A, torch.exp(-step * A)
    decay = pick(
        slips, decay, euler=1 + bare, bare=bare, grown=grown, no_state=0 * kept, no_decay=kept
    )
    gain = pick(slips, step, no_step=torch.ones_like(step), zoh=step * phi1(step * A))
    written = gain * B[:, None, :] * (1 if "no_x" in slips else x[:, :, None])
    new = decay * (state + written) if "decays" in slips else decay * state + written
    y = ((state if "early" in slips else new) * C[:, None, :]).sum(dim=-1)
    y = y.sum(dim=-1, keepdim=True).expand(y.shape) if "all_channels" in slips else y
    y = pick(slips, y + D * x, no_skip=y, bare_skip=y + D)
    return y, state if "old" in slips else new


_STEP_ROWS = table("""
    no_step: Δ forgotten in writing
        A letter whose step is 0 should leave no mark. What does it leave in your state?
    euler: Euler's decay
        1 + ΔA is only the beginning of a series. Of which function?
    bare: no exp
        ΔA is negative. What would it make of the state, letter by letter?
    grown: the old state grows
        A is negative as it comes. What does another minus make of the decay?
    no_x: x never written
        B says where to write. And what?
    no_delta: a decay without Δ
        How does your decay know how far the clock has moved at this letter?
    zoh: zero-order hold for B̄
        That is the paper's formula. Which B̄ does Mamba's code use, and this course's rule “mixed”?
    exp_a: A turned into −exp(A)
        A comes ready, and negative. Whose work have you done a second time?
    softplus: softplus once more
        Δ comes ready. Whose work have you done a second time?
    no_skip: D forgotten
        What passes by the state?
    bare_skip: D without x
        By what is D multiplied?
    early: read before it is written
        y_t reads h_t. Is x_t already in the state when you read it?
    decays: the new letter decays too
        The decay belongs to what was there before. Is x_t in the state when you multiply?
    exchanged: B and C exchanged
        B writes and C reads. Which one meets x?
    all_channels: channels added up
        Each channel has a y of its own. Over which axes does your sum run?
""")


def my_scan(x: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> Tensor:
    """The loop, letter by letter."""
    h, y = x.new_zeros(len(x), *A.shape), []
    for t in range(x.shape[1]):
        written = (delta[:, t] * x[:, t])[:, :, None] * B[:, t, None, :]
        h = torch.exp(delta[:, t, :, None] * A) * h + written
        y.append((h * C[:, t, None, :]).sum(dim=-1) + D * x[:, t])
    return torch.stack(y, dim=1)


def _my_scan(
    slips: Slips, x: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor
) -> Tensor:
    if "carried" in slips:
        flat = [each.flatten(0, 1)[None] for each in (x, delta, B, C)]
        y = _my_scan(slips - {"carried"}, flat[0], flat[1], A, flat[2], flat[3], D)
        return y.unflatten(1, x.shape[:2])[0]
    h, rows = x.new_zeros(len(x), *A.shape), []
    for t in range(x.shape[1]):
        y, h = _one_step(slips, x[:, t], h, delta[:, t], A, B[:, t], C[:, t], D)
        rows.append(y)
    return torch.stack(rows, dim=1)


def _scan_cases() -> list[Case]:
    numbers = torch.get_default_dtype()
    rows = [[[1], [2]]], [[[1.0], [0.5]]], [[-1]], [[[1], [1]]], [[[2], [1]]], [3]
    cases = [Case("one word of two letters", tuple(torch.tensor(r, dtype=numbers) for r in rows))]
    for seed, (b, length, e, n) in enumerate(((2, 6, 3, 4), (1, 9, 5, 1), (3, 1, 2, 2))):
        draw = Draw(100 + seed)
        x, delta = draw.normal(b, length, e), draw.uniform(b, length, e, low=0.1, high=1.5)
        A = -draw.uniform(e, n, low=0.2, high=2.0)
        reading = draw.normal(b, length, n), draw.normal(b, length, n), draw.normal(e)
        cases.append(Case(f"{b} word{'s' * (b > 1)} of {length}", (x, delta, A, *reading)))
    return cases


SCAN = Exercise(
    name="mamba.selective-scan",
    minutes=20,
    difficulty=3,
    answer=my_scan,
    course=(selective_scan,),
    cases=_scan_cases,
    notice=(
        "Notice that nothing in your loop grows with the number of letters: the state is all that"
        " is remembered."
    ),
    slipped=_my_scan,
    mistakes=(
        *table("""
        carried: state carried across words
            With which state does the second word of the batch begin?
    """),
        *_STEP_ROWS,
        *table("""
        no_state: nothing remembered
            Where does the state of the letter before enter the new one?
        no_decay: nothing fades
            What happens to the old state while the clock moves by Δ?
    """),
    ),
    trains=True,
)


def _step_cases() -> list[Case]:
    numbers = torch.get_default_dtype()
    rows = [[2]], [[[1]]], [[0.5]], [[-2]], [[1]], [[3]], [1]
    cases = [Case("one channel", tuple(torch.tensor(each, dtype=numbers) for each in rows))]
    for seed, (b, e, n) in enumerate(((2, 3, 4), (1, 5, 1), (4, 2, 3))):
        draw = Draw(120 + seed)
        x = draw.normal(b, e)
        state = draw.normal(b, e, n)
        delta = draw.uniform(b, e, low=0.1, high=1.5)
        A = -draw.uniform(e, n, low=0.2, high=2.0)
        reading = draw.normal(b, n), draw.normal(b, n), draw.normal(e)
        cases.append(Case(f"batch {b}, e = {e}, n = {n}", (x, state, delta, A, *reading)))
    return cases


STEP = Exercise(
    name="mamba.step",
    minutes=10,
    difficulty=1,
    answer=one_step,
    course=(selective_scan_with_state,),
    cases=_step_cases,
    notice=(
        "Notice that the step does not ask how long the word already is. That is why each letter"
        " costs the same."
    ),
    slipped=_one_step,
    mistakes=(
        *table("""
        old: the old state comes back
            With which state will the next letter begin?
    """),
        *_STEP_ROWS,
        *table("""
        no_decay: nothing fades
            What happens to the old state while the clock moves by Δ?
        no_state: nothing remembered
            Where does the old state enter the new one?
    """),
    ),
    parts=("y", "new state"),
)
