"""Exercises of notebook 06, continued: the mask of the matrix view."""

from __future__ import annotations

import torch
from torch import Tensor

from course.checking.exercise import Case, Draw, Exercise, Slips, pick, table
from nmt.hidden_attention import hidden_attention


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


def _mask_cases() -> list[Case]:
    numbers = torch.get_default_dtype()
    small = torch.tensor([[[0.5], [1.0]]], dtype=numbers)
    cases = [Case("one word of two letters", (small,))]
    for seed, (b, length, e) in enumerate(((2, 5, 3), (1, 8, 2), (3, 1, 4))):
        delta = Draw(130 + seed).uniform(b, length, e, low=0.1, high=1.5)
        cases.append(Case(f"{b} word{'s' * (b > 1)} of {length}", (delta,)))
    long = Draw(133).uniform(1, 12, 2, low=80.0, high=90.0)
    return [*cases, Case("steps of 80 and more", (long,))]


MASK = Exercise(
    name="mamba.mask",
    minutes=15,
    difficulty=2,
    answer=decay_mask,
    course=(hidden_attention,),
    cases=_mask_cases,
    notice=(
        "Notice the diagonal: a letter that has just been written has not faded at all, whatever"
        " its own step."
    ),
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
