"""Exercises of notebook 05, continued: joining two steps, what a scan costs, chunks with a bug."""

import inspect
import math
from typing import Any

import torch
from torch import Tensor

from course.checking.exercise import Draw, Exercise, Inputs, Slips, pick, table, tensors
from course.lab.scan_steps import count_cost
from nmt.parallel_scan import affine, chunked

Step = tuple[Any, Any]


def my_join(earlier: Step, later: Step) -> Step:
    """a₂(a₁h + b₁) + b₂, in front of h and without it."""
    (a1, b1), (a2, b2) = earlier, later
    return a2 * a1, a2 * b1 + b2


def _my_join(slips: Slips, earlier: Step, later: Step) -> Step:
    (a1, b1), (a2, b2) = (later, earlier) if "swapped" in slips else (earlier, later)
    if "mixed" in slips:  # (a₁, b₁) read as (a₁, a₂)
        (a1, a2), (b1, b2) = earlier, later
    a = pick(slips, a2 * a1, added=a1 + a2, later_a=a2, earlier_a=a1)
    b = pick(
        slips,
        a2 * b1 + b2,
        kept=b1 + b2,
        lost=a2 * b1,
        decays=a2 * (b1 + b2),
        cross=a1 * b2 + b1,
        both=a1 * a2 * b1 + b2,
        times=b1 * b2,
    )
    return (b, a) if "exchanged" in slips else (a, b)


def _join_inputs() -> Inputs:
    draw, half = Draw(80), tensors(0.5, 2.0, 0.25, 3.0)
    yield "two steps", (half[:2], half[2:])
    for shape in ((4,), (2, 3)):
        a1, b1, a2, b2 = (draw.normal(*shape) for _ in range(4))
        yield f"steps of shape {shape}", ((a1, b1), (a2, b2))


JOIN = Exercise(
    name="scans.join",
    minutes=5,
    difficulty=1,
    answer=my_join,
    course=(affine,),
    inputs=_join_inputs,
    notice="""Notice that no h was needed: steps can be joined before anyone knows the state
        that they will meet.""",
    slipped=_my_join,
    mistakes=table("""
        swapped cross: the later step first
            Put h through the earlier step, then its result through the later one. Which a
            multiplies which b?
        kept: what was paid in does not decay
            b₁ is in the account when the second day begins. What happens to it there?
        both: what was paid in decays twice
            b₁ is paid in on the first day, after that day's decay. Which decay does it still meet?
        times: inputs multiplied
            Two sums are paid in. Does the account multiply them?
        mixed: two pairs taken apart the wrong way
            `earlier` holds its own a and its own b. What do your four names hold?
        added: decays added
            Half of a half is kept. Is that 1, or a quarter?
        later_a: only the later decay
            What is left of h after both days?
        earlier_a: only the earlier decay
            What is left of h after both days?
        lost: the later input forgotten
            What is paid in on the second day?
        decays: the later input decays too
            Is b₂ paid in before or after the second day's share is taken?
        exchanged: a and b exchanged
            Which comes first in a step: what is kept, or what is paid in?
    """),
    parts=("a", "b"),
)


def price(length: int) -> tuple[int, int]:
    """In the round with distance d, all but the first d places join."""
    rounds = math.ceil(math.log2(length))
    return sum(length - 2**i for i in range(rounds)), rounds


def _price(slips: Slips, length: int) -> tuple[int, int]:
    up, down = math.ceil(math.log2(length)), math.floor(math.log2(length))
    rounds = pick(slips, up, floor=down, more=down + 1, each=length - 1, up_and_down=2 * up + 1)
    full = pick(slips, up, floor=down, more=down + 1)
    joins = sum(length - 2**i for i in range(full))
    found = pick(
        slips, joins, all=full * length, loop=length - 1, sklansky=full * length // 2,
        power=full * length - (length - 1), one=full * (length - 1), own=joins - full,
        triangle=length * (length - 1) // 2, last_round=length - 2 ** (full - 1),
        late=sum(length - 2**i for i in range(1, full + 1)),
        up_and_down=3 * length - 2,
    )  # fmt: skip
    return (rounds, found) if "turned" in slips else (found, rounds)


PRICE = Exercise(
    name="scans.price",
    minutes=10,
    difficulty=1,
    answer=price,
    course=(count_cost,),
    inputs=lambda: [(f"{n} steps", (n,)) for n in (4, 2, 3, 5, 8, 13, 100, 1000)],
    notice="""Notice 1,000 steps: ten rounds, and nine times the work of a loop. Who gains
        depends on how many work.""",
    slipped=_price,
    mistakes=table("""
        floor: a round too few between powers of two
            5 steps: after rounds of 1 and 2 everyone holds up to 4. Who is not done?
        more: a round too many at powers of two
            4 steps: after rounds of 1 and 2 the last holds all 4. What would a third round join?
        all: everyone joins in every round
            In the round with distance d, who has nobody d places back?
        loop: the joins of a loop
            A loop makes one join a step. Do all but the first place join in round 1, and again in
            round 2?
        each: the rounds of a loop
            All joins of a round are made at the same time. How fast does the distance grow?
        power: right at powers of two only
            1 + 2 + 4 + … is L − 1 if L is a power of two. And what is it for 5 steps?
        one: one place fewer in every round
            In the round with distance 4, how many places have nobody 4 places back?
        own: everyone looks one too far
            With distance d, the places 0 to d − 1 have nobody. How many are these?
        each+triangle triangle: distances 1, 2, 3, …
            After round 1 everyone holds two steps. How far must they look in round 2?
        last_round: the last round alone
            How many joins were made before the last round?
        late: the first round left out
            The first distance is 1, not 2. How far is the last?
        turned: joins and rounds exchanged
            Which of the two does the signature name first?
        up_and_down: Blelloch's price
            Hillis and Steele have no way down. What happens in each of their rounds?
        sklansky: half of the places in every round
            That is Sklansky's layout. Who joins in a round of Hillis and Steele?
    """),
    parts=("joins", "rounds"),
)


def in_chunks(a: Tensor, b: Tensor, size: int) -> Tensor:
    """Each chunk from an empty account; then what was there before it, decayed, is added."""
    state, chunks = torch.zeros_like(b[0]), []
    for a_chunk, b_chunk in zip(a.split(size), b.split(size)):
        h, states = torch.zeros_like(state), []
        for a_t, b_t in zip(a_chunk, b_chunk):
            h = a_t * h + b_t
            states.append(h)
        chunks.append(torch.stack(states) + a_chunk.cumprod(dim=0) * state)
        state = chunks[-1][-1]
    return torch.cat(chunks)


def _in_chunks(slips: Slips, a: Tensor, b: Tensor, size: int) -> Tensor:
    state, chunks = torch.zeros_like(b[0]), []
    for a_chunk, b_chunk in zip(a.split(size), b.split(size)):
        h, states = torch.zeros_like(state), []
        for a_t, b_t in zip(a_chunk, b_chunk):
            h = a_t * h + b_t
            states.append(h)
        decay = a_chunk.cumprod(dim=0)
        decay = pick(
            slips, decay, whole=torch.ones_like(decay), one=a_chunk, last=decay[-1:],
            late=torch.cat((torch.ones_like(decay[:1]), decay[:-1])),
        )  # fmt: skip
        inside = torch.stack(states)
        chunks.append(inside + (0 if "empty" in slips else decay * state))
        state = pick(
            slips,
            chunks[-1][-1],
            inside=inside[-1],
            whole_sum=chunks[-1].sum(0),
            mean=chunks[-1].mean(0),
            twice=chunks[-1][-1] + inside[-1],
            sum=state + inside[-1],
            last_decay=a_chunk[-1] * state + inside[-1],
            first=chunks[-1][0],
        )
    return torch.cat(chunks)


def _chunk_inputs() -> Inputs:
    days = tensors([4, 0, 0, 2, 0, 1])[0][:, None]
    yield "six days in chunks of 2", (torch.full_like(days, 0.5), days, 2)
    for seed, (length, width, size) in enumerate(((7, 3, 3), (12, 2, 4), (5, 2, 8), (6, 1, 1))):
        draw = Draw(190 + seed)
        a, b = draw.uniform(length, width, low=0.3), draw.normal(length, width)
        yield f"{length} days in chunks of {size}", (a, b, size)


CHUNKS = Exercise(
    name="scans.chunks",
    minutes=10,
    difficulty=2,
    answer=in_chunks,
    course=(chunked,),
    inputs=_chunk_inputs,
    notice="""Notice that two chunks hid it. What is handed on is tested only when it is handed
        on twice.""",
    slipped=_in_chunks,
    mistakes=table("""
        inside: the chunks before the last are forgotten
            What does a chunk hand on: what it made itself, or also what it was given?
        last_decay: a single day's decay on the way
            What was there lay in the account for the whole chunk. By how much has it decayed?
        empty: every chunk begins with nothing
            What was in the account when the chunk began?
        whole: what was there does not decay
            What is left on day 2 of the chunk of what was there when it began?
        one: a single day's decay
            On day 3 of a chunk, how many decays have been at work on what was there before?
        last: the whole chunk's decay on every day
            On its first day, has a chunk's last decay been at work yet?
        late: a day's decay too few
            Does the chunk's first day take its share of what was there?
        sum: handed on undecayed
            What is left, at the end of a chunk, of what it was given?
        whole_sum mean: all days handed on
            A state holds what came before it already. Which one is enough?
        twice: handed on twice
            Does the last state hold what the chunk itself made?
        first: the first day handed on
            Which state of a chunk meets the next one?
    """),
    trains=True,
    broken=frozenset({"inside"}),
    stub=inspect.getsource(in_chunks).replace("state = chunks[-1][-1]", "state = h"),
)
