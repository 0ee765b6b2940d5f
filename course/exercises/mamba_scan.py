"""Exercises of notebook 06, continued: the selective scan, one step of it, and its mask."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from course.checking.exercise import Draw, Exercise, Inputs, Slips, pick, table, tensors
from nmt.discretization import phi1
from nmt.hidden_attention import hidden_attention
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


_STEP_ROWS = """
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
            That is the paper's formula. Which B̄ does Mamba's code use, and this course's rule
            “mixed”?
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
"""


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


def _scan_inputs() -> Inputs:
    small = tensors([[[1], [2]]], [[[1.0], [0.5]]], [[-1]], [[[1], [1]]], [[[2], [1]]], [3])
    yield "one word of two letters", small
    for seed, (b, length, e, n) in enumerate(((2, 6, 3, 4), (1, 9, 5, 1), (3, 1, 2, 2))):
        draw = Draw(100 + seed)
        x, delta = draw.normal(b, length, e), draw.uniform(b, length, e, low=0.1, high=1.5)
        A = -draw.uniform(e, n, low=0.2, high=2.0)
        reading = draw.normal(b, length, n), draw.normal(b, length, n), draw.normal(e)
        yield f"{b} word{'s' * (b > 1)} of {length}", (x, delta, A, *reading)


SCAN = Exercise(
    name="mamba.selective-scan",
    minutes=20,
    difficulty=3,
    answer=my_scan,
    course=(selective_scan,),
    inputs=_scan_inputs,
    notice="""Notice that nothing in your loop grows with the number of letters: the state is
        all that is remembered.""",
    slipped=_my_scan,
    mistakes=table(f"""
        carried: state carried across words
            With which state does the second word of the batch begin?
        {_STEP_ROWS}
        no_state: nothing remembered
            Where does the state of the letter before enter the new one?
        no_decay: nothing fades
            What happens to the old state while the clock moves by Δ?
    """),
    trains=True,
)


def _step_inputs() -> Inputs:
    yield "one channel", tensors([[2]], [[[1]]], [[0.5]], [[-2]], [[1]], [[3]], [1])
    for seed, (b, e, n) in enumerate(((2, 3, 4), (1, 5, 1), (4, 2, 3))):
        draw = Draw(120 + seed)
        x, state = draw.normal(b, e), draw.normal(b, e, n)
        delta, A = draw.uniform(b, e, low=0.1, high=1.5), -draw.uniform(e, n, low=0.2, high=2.0)
        reading = draw.normal(b, n), draw.normal(b, n), draw.normal(e)
        yield f"batch {b}, e = {e}, n = {n}", (x, state, delta, A, *reading)


STEP = Exercise(
    name="mamba.step",
    minutes=10,
    difficulty=1,
    answer=one_step,
    course=(selective_scan_with_state,),
    inputs=_step_inputs,
    notice="""Notice that the step does not ask how long the word already is. That is why each
        letter costs the same.""",
    slipped=_one_step,
    mistakes=table(f"""
        old: the old state comes back
            With which state will the next letter begin?
        {_STEP_ROWS}
        no_decay: nothing fades
            What happens to the old state while the clock moves by Δ?
        no_state: nothing remembered
            Where does the old state enter the new one?
    """),
    parts=("y", "new state"),
)


def decay_mask(delta: Tensor) -> Tensor:
    """Differences of a running sum; what lies above the diagonal goes before exp sees it."""
    S = (-delta).cumsum(dim=1)
    lower = torch.ones(S.shape[1], S.shape[1], dtype=torch.bool).tril()
    exponent = S[:, :, None] - S[:, None]  # b t s e
    return torch.exp(exponent.masked_fill(~lower[:, :, None], -torch.inf))


def _decay_mask(slips: Slips, delta: Tensor) -> Tensor:
    S = (-delta).cumsum(dim=2 if "axis" in slips else 1)
    exponent = S[:, :, None] - S[:, None]
    exponent = pick(
        slips,
        exponent,
        counted=exponent - delta[:, None],
        last=exponent + delta[:, :, None],
        sums=S[:, :, None] + S[:, None],
        one_step=-delta[:, :, None].expand_as(exponent),
        steps=delta[:, None] - delta[:, :, None],
        whole=S[:, :, None].expand_as(exponent),
    )
    exponent = -exponent if "sign" in slips else exponent
    exponent = -exponent.abs() if "both" in slips else exponent
    lower = torch.ones(exponent.shape[1:3], dtype=exponent.dtype)
    lower = pick(slips, lower.tril(), strict=lower.tril(-1), no_mask=lower, both=lower)
    kept = lower[:, :, None] > 0
    if "late" in slips:
        return torch.exp(exponent) * lower[:, :, None]
    if "zero" in slips:
        return torch.exp(exponent * lower[:, :, None])
    L = torch.exp(exponent.masked_fill(~kept, -torch.inf))
    if {"no_exp", "still_log"} & slips:
        L = exponent.masked_fill(~kept, 0.0 if "no_exp" in slips else -torch.inf)
    L = (1 + exponent) * kept if "line" in slips else L
    L = L.transpose(1, 2) if "turned" in slips else L
    return L * delta[:, None] if "written" in slips else L


def _mask_inputs() -> Inputs:
    yield "one word of two letters", tensors([[[0.5], [1.0]]])
    for seed, (b, length, e) in enumerate(((2, 5, 3), (1, 8, 2), (3, 1, 4))):
        delta = Draw(130 + seed).uniform(b, length, e, low=0.1, high=1.5)
        yield f"{b} word{'s' * (b > 1)} of {length}", (delta,)
    yield "steps of 80 and more", (Draw(133).uniform(1, 12, 2, low=80.0, high=90.0),)


MASK = Exercise(
    name="mamba.mask",
    minutes=15,
    difficulty=2,
    answer=decay_mask,
    course=(hidden_attention,),
    inputs=_mask_inputs,
    notice="""Notice the diagonal: a letter that has just been written has not faded at all,
        whatever its own step.""",
    slipped=_decay_mask,
    mistakes=table("""
        zero: 0 above the diagonal before exp
            What is exp(0)? Which exponent gives 0?
        late: masked behind exp
            Above the diagonal the exponent is positive, and with long steps exp of it is infinite.
            What is infinity times 0?
        counted: Δ_s counted
            What s writes fades from the next letter on. Does your product begin at s or at s + 1?
        last: Δ_t not counted
            At t the state has faded by Δ_t, too, before it is read. Where does your product end?
        sign: S_t − S_s with the wrong sign
            Your old letters grow. Which of the two running sums is the larger one?
        sums: added instead of subtracted
            What lies between s and t is a difference of two running sums. Which did you form?
        steps: a difference of two steps
            Between s and t lie many letters. Which running sum is missing?
        whole: from the beginning of the word
            What happened before s does not make what s wrote fade. Which sum is to be taken away?
        one_step: one step only
            Between s and t lie many letters. Whose Δ is missing?
        axis: sums along the wrong axis
            Time is axis 1 of Δ. Along which axis does your sum run?
        turned: rows and columns exchanged
            A row belongs to the letter that reads. May it see what comes after it?
        strict: diagonal missing
            Does a letter see what it has just written itself?
        no_mask both: no mask
            What stands above the diagonal, where s has not been read yet?
        no_exp still_log: no exp
            You have a sum of steps. What is left of a letter after them?
        line: 1 − x for exp(−x)
            The two agree for short steps only. What is left after a sum of 2: less than nothing?
        written: Δ_s inside the mask
            How strongly s writes belongs to the value. What does the mask hold?
    """),
    trains=True,
)
