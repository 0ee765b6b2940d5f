"""Exercises of notebook 07: a score for heads and Mamba's hidden attention; the experiment that
ablates a head is in `ablation`.
"""

import torch
from torch import Tensor

from course.checking.exercise import Draw, Exercise, Inputs, Slips, pick, table, tensors
from course.exercises.ablation import ABLATION
from course.interpretability.heads import previous_letter_score
from nmt.hidden_attention import hidden_attention


def looks_before(pattern: Tensor) -> Tensor:
    """The mean of the diagonal below the main one."""
    return pattern.diagonal(-1, dim1=-2, dim2=-1).mean(dim=-1)


def _looks_before(slips: Slips, pattern: Tensor) -> Tensor:
    length = pattern.shape[-1]
    if "share" in slips:
        hits = pattern[..., 1:, :].argmax(dim=-1) == torch.arange(length - 1)
        return hits.to(pattern.dtype).mean(dim=-1)
    pattern = pattern.roll(-1, dims=-2) if "rolled" in slips else pattern
    offset = pick(slips, -1, rolled=0, itself=0, after=1, two=-2)
    found = pattern.diagonal(offset, dim1=-2, dim2=-1)
    if "one_number" in slips:
        return found.mean()
    if "most" in slips:
        return found.amax(dim=-1)
    total = found.sum(dim=-1)
    return pick(slips, found.mean(dim=-1), total=total, all_rows=total / length)


def _pattern_inputs() -> Inputs:
    draw = Draw(130)
    yield "a word of three letters", tensors([[1, 0, 0], [0.5, 0.5, 0], [0.25, 0.25, 0.5]])
    for label, shape in (
        ("one head", (5, 5)),
        ("two layers of three heads", (2, 3, 7, 7)),
        ("words of two letters", (4, 2, 2)),
    ):
        yield label, ((2 * draw.normal(*shape)).softmax(dim=-1),)


SCORE = Exercise(
    name="interpretability.previous-letter",
    minutes=5,
    difficulty=1,
    answer=looks_before,
    course=(previous_letter_score,),
    inputs=_pattern_inputs,
    notice="""Notice that the first letter is not asked: it has none before it. Whoever counts
        it makes every head look worse.""",
    slipped=_looks_before,
    mistakes=table("""
        after: the letter after, not before
            Rows are queries. In row 3, which column is the letter before?
        itself: the letter itself
            The main diagonal is where a letter looks at itself. Where does it look at the one
            before?
        two: two letters before
            Row 3, column 1 is two places back. Which column is one back?
        most: the most, not the mean
            One letter that looks back makes no head. Over which letters is the average?
        total: a sum, not a mean
            Should a long word give a head a higher score than a short one?
        all_rows: divided by one too many
            How many letters of a word have one before them?
        rolled: the first looks at the last
            A roll goes round the end. Whom does the first letter look at in your score?
        one_number: all heads in one number
            Each head wants a score of its own. Over which axes does your mean run?
        share: how often, not how much
            You count for how many letters the largest weight is there. What is asked for is the
            weight itself: how large is it on average?
    """),
)


def unrolled(delta: Tensor, A: Tensor, B: Tensor, C: Tensor) -> Tensor:
    """Written at s, faded from s + 1 to t, read at t."""
    b, length, e = delta.shape
    alpha = delta.new_zeros(b, e, length, length)
    for t in range(length):
        for s in range(t + 1):
            faded = torch.exp(delta[:, s + 1 : t + 1].sum(dim=1)[..., None] * A)
            written = delta[:, s, :, None] * B[:, s, None, :]
            alpha[:, :, t, s] = (C[:, t, None, :] * faded * written).sum(dim=-1)
    return alpha


def _unrolled(slips: Slips, delta: Tensor, A: Tensor, B: Tensor, C: Tensor) -> Tensor:
    B, C = (C, B) if "exchanged" in slips else (B, C)
    own = torch.einsum("ble,en->blen", delta, A)
    S = own.cumsum(dim=1)
    until = S - own if {"one_early", "short"} & slips else S
    since = S - own if {"own_decay", "one_early"} & slips else S
    later = until[:, :, None] - since[:, None]  # b t s e n
    places = torch.arange(delta.shape[1])
    last = places[:, None] - int("no_diagonal" in slips)
    past = (places <= last)[None, :, :, None, None]
    later = -later if "grows" in slips else later
    later = later.clamp(max=0) if "short" in slips else later
    if "single" in slips:
        later = own[:, :, None] * (places < places[:, None])[..., None, None]
    kept = torch.where(past, later, 0.0).exp() if "ones_above" in slips else later.exp()
    kept = torch.ones_like(kept) if "no_decay" in slips else kept
    kept = kept if {"above", "ones_above"} & slips else torch.where(past, kept, 0.0)
    written = torch.ones_like(delta) if "no_step" in slips else delta
    read = torch.ones_like(C) if "unread" in slips else C
    way = "btsen,bte,bsn,btn->bets" if "late_step" in slips else "btsen,bse,bsn,btn->bets"
    alpha = torch.einsum(way, kept, written, B, read)
    alpha = pick(slips, alpha, softmax=alpha.softmax(-1), size=alpha.abs())
    return alpha.mT if "turned" in slips else alpha


def _ssm_inputs() -> Inputs:
    small = tensors([[[1.0], [0.5]]], [[-1.0]], [[[1.0], [2.0]]], [[[3.0], [1.0]]])
    yield "one word of two letters", small
    for seed, (b, length, e, n) in enumerate(((1, 5, 2, 3), (2, 7, 3, 1), (2, 1, 2, 2))):
        draw = Draw(140 + seed)
        delta = draw.uniform(b, length, e, low=0.1, high=1.2)
        A = -draw.uniform(e, n, low=0.2, high=2.0)
        reading = draw.normal(b, length, n), draw.normal(b, length, n)
        yield f"batch {b}, {length} letters, e = {e}, n = {n}", (delta, A, *reading)


HIDDEN = Exercise(
    name="interpretability.hidden-attention",
    minutes=20,
    difficulty=3,
    answer=unrolled,
    course=(hidden_attention,),
    inputs=_ssm_inputs,
    notice="""Notice that nothing forces a row to sum to 1, or an entry to be positive: it is
        read like attention, and it is none.""",
    slipped=_unrolled,
    mistakes=table("""
        own_decay: the letter's own decay counted
            What x_s writes at s is multiplied by the decays after s. Does your product begin at s
            or at s + 1?
        one_early: all decays one letter early
            y_t reads the state after letter t. Has it been through the decay of letter t?
        no_diagonal: a letter does not see itself
            At t = s nothing has faded. Is what is written there read at once?
        short: the last decay left out
            Before it is read at t, the state fades once more. Up to which letter does your sum go?
        late_step: the reader's Δ in writing
            It was written at s. Whose step says how strongly?
        grows: the old state grows
            A is negative. Which sign has your exponent?
        single: the last letter's decay alone
            From s to t it fades at every letter after s. How many decays is that?
        unread: C left out
            Three factors: written, faded, and?
        softmax: a softmax over it
            The rows of α are what the recurrence says. Must they sum to 1?
        size: signs thrown away
            May a letter count against another? What does your answer do with α < 0?
        no_decay: nothing fades
            What lies between writing at s and reading at t?
        above ones_above: looks into the future
            Entries with s > t should be 0. What are they in your matrix?
        no_step: Δ forgotten in writing
            B̄_s = Δ_s B_s. How strongly does a letter of step 0 write?
        exchanged: B and C exchanged
            Which of the two belongs to the letter that is written, s, and which to the one that
            reads, t?
        turned: rows and columns exchanged
            Rows belong to those who read, as in attention. Which of your axes is t?
    """),
)


EXERCISES = {each.name: each for each in (SCORE, HIDDEN, ABLATION)}
