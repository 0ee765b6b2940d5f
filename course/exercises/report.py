"""The exercise of notebook 09: a setting compared with itself."""

from collections.abc import Callable
from itertools import combinations
from typing import Any

import torch
from torch import Tensor

from course.checking.exercise import Draw, Exercise, Inputs, Slips, pick, table
from course.lab.significance import against_itself

Test = Callable[[Tensor, Tensor], float]


def share_of_findings(right: Tensor, p_value: Test, level: float) -> float:
    """Half of the runs against the others, in every way to choose them."""
    runs, found = range(len(right)), []
    for chosen in combinations(runs, len(right) // 2):
        others = [run for run in runs if run not in chosen]
        found.append(p_value(right[list(chosen)], right[others]) < level)
    return sum(found) / len(found)


def _share_of_findings(slips: Slips, right: Tensor, p_value: Test, level: float) -> float:
    rows = right.T if "words" in slips else right
    runs, found = range(len(rows)), []
    size = pick(slips, len(rows) // 2, one=1, words=1)
    sizes = range(1, len(rows)) if "any_size" in slips and rows is right else [size]
    for chosen in (own for size in sizes for own in combinations(runs, size)):
        others = [run for run in runs if run not in chosen]
        others = pick(slips, others, overlap=list(runs), one_other=others[:1])
        groups = rows[list(chosen)], rows[others]
        p = p_value(*(group.T for group in groups) if "words" in slips else groups)
        found.append(pick(slips, p < level, above=p > level, equal=p <= level))
        if "first" in slips:
            break
    return float(sum(found)) if "count" in slips else sum(found) / len(found)


def of_the_means(first: Tensor, second: Tensor) -> float:
    """A permutation of the two groups' runs: the share of regroupings whose means lie at least as
    far apart, rounded to a twentieth.
    """
    together = torch.cat((first, second)).double().mean(1)
    size, apart = len(first), abs(first.double().mean() - second.double().mean()).item()
    found = []
    for own in combinations(range(len(together)), size):
        rest = [run for run in range(len(together)) if run not in own]
        found.append(abs(together[list(own)].mean() - together[rest].mean()).item())
    return round(20 * sum(one >= apart - 1e-12 for one in found) / len(found)) / 20


def of_the_shift(first: Tensor, second: Tensor) -> float:
    """A made-up p that falls with the distance of the means, and knows the groups' sizes."""
    apart = abs(first.double().mean() - second.double().mean()).item()
    return 1 / (1 + 40 * apart * len(first) * len(second) / (len(first) + len(second)))


def _inputs() -> Inputs:
    for seed, (runs, words, p_value, level) in enumerate(
        ((5, 40, of_the_shift, 0.5), (6, 30, of_the_means, 0.5), (7, 25, of_the_shift, 0.6),
         (4, 50, of_the_shift, 0.7), (5, 60, of_the_means, 0.4))
    ):  # fmt: skip
        draw = Draw(170 + seed)
        skill = 0.75 + 0.2 * draw.uniform(runs, 1)
        right = draw.uniform(runs, words) < skill
        name = "a permutation test" if p_value is of_the_means else "another test"
        yield f"{runs} runs, {words} words, {name}", (right, p_value, level)


def _as_number(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    result = function(*arguments)
    return result.item() if isinstance(result, Tensor) and result.numel() == 1 else result


ITSELF = Exercise(
    name="report.against-itself",
    minutes=12,
    difficulty=2,
    answer=share_of_findings,
    course=(against_itself,),
    inputs=_inputs,
    observe=_as_number,
    notice="""Notice that no truth was needed: where nothing differs but luck, every finding is
        false.""",
    slipped=_share_of_findings,
    mistakes=table("""
        words: the words split, not the runs
            A run is one row of `right`. Which dimension do you take apart?
        overlap: a group compared with all runs
            Can a run be in both groups? Who are the others?
        one: one run against the rest
            How many runs are half of five, rounded down?
        one_other: only one of the others
            The second group is all runs that were not chosen. How many do you hand over?
        any_size: groups of every size
            One run against four is another comparison. Which sizes does the goal name?
        first: one split alone
            In how many ways can you choose half of the runs? How many did you try?
        count: a number, not a share
            Of how many comparisons? A share lies between 0 and 1.
        above: the comparisons that are no finding
            Is a finding a small p or a large one?
        equal: p equal to the level counted
            The goal says below the level. What do you do with a p that is the level?
    """),
)

EXERCISES = {ITSELF.name: ITSELF}
