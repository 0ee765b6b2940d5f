"""Exercise of notebook 05: joining two steps."""

from typing import Any

import torch

from course.checking.exercise import Case, Draw, Exercise, Slips, pick, table
from nmt.parallel_scan import affine

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


def _join_cases() -> list[Case]:
    draw, numbers = Draw(80), torch.get_default_dtype()
    half = torch.tensor([0.5, 2.0, 0.25, 3.0], dtype=numbers)
    drawn = [
        Case(
            f"steps of shape {shape}",
            (tuple(draw.normal(*shape) for _ in "ab"), tuple(draw.normal(*shape) for _ in "ab")),
        )
        for shape in ((4,), (2, 3))
    ]
    return [Case("two steps", ((half[0], half[1]), (half[2], half[3]))), *drawn]


JOIN = Exercise(
    name="scans.join",
    minutes=5,
    difficulty=1,
    answer=my_join,
    course=(affine,),
    cases=_join_cases,
    notice=(
        "Notice that no h was needed: steps can be joined before anyone knows the state that they"
        " will meet."
    ),
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
