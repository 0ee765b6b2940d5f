"""Could a difference between two rows be luck: of the seeds, or of the words that were asked?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from scipy.stats import bootstrap, t

from course.lab.records import wrong_words
from nmt.data import load_pairs

RESAMPLES = 2_000
_BATCH = 100  # of them at a time, so that all words of large fit into memory


@dataclass(frozen=True)
class Comparison:
    """`difference` is the first row's word accuracy minus the second's, `low` and `high` the ends
    of its 95 % interval, `p` the two-sided chance of one so large if the rows were alike.

    `seeds` is the smaller number of seeds of the two rows.
    """

    difference: float
    low: float
    high: float
    p: float
    seeds: int


def compare_rows(
    first: Sequence[Mapping[str, Any]],
    second: Sequence[Mapping[str, Any]],
    *,
    seeds_vary: bool = True,
) -> Comparison:
    """Compare two rows' runs on the same validation words, when other seeds and other words had
    been as likely.

    Two thousand times the seeds of each row and the words are drawn anew, with replacement and
    independently of each other; the standard deviation of the difference is its standard error s.
    The interval is difference ± q · s, with q from the t distribution with n₁ + n₂ − 2 degrees of
    freedom (n: seeds), and p is that distribution's two tails beyond |difference| / s.

    Args:
        first, second: records on the same data set, two seeds or more of each.
        seeds_vary: False draws the words alone, as if the seeds at hand were all there are. That is
            what the usual paired test asks; `false_findings` shows how often it errs.

    Raises:
        ValueError: if a row has fewer than two seeds, or the words differ.

    Source: Owen 2007, "The pigeonhole bootstrap" (rows and columns drawn independently); Hesterberg
    2015, "What teachers should know about the bootstrap", section 5 (t with its standard error).
    """
    if min(len(first), len(second)) < 2:
        raise ValueError(f"{len(first)} and {len(second)} seeds; how much seeds vary needs two")
    asked = {(r["training"]["data"], number_of_words(r)) for r in (*first, *second)}
    if len(asked) > 1:
        raise ValueError(f"a comparison needs the same validation words, not {sorted(asked)}")
    ((_, words),) = asked
    known = sorted(set().union(*map(wrong_words, (*first, *second))))
    ours, theirs = (_wrong(records, known) for records in (first, second))
    value = float(theirs.mean(0).sum() - ours.mean(0).sum()) / words
    error = _standard_error(ours, theirs, words, seeds_vary) if known else 0.0

    chances = t(len(first) + len(second) - 2)
    p = float(2 * chances.sf(abs(value) / error)) if error else float(value == 0)
    half = float(chances.ppf(0.975)) * error
    return Comparison(value, value - half, value + half, p, min(len(first), len(second)))


def _wrong(records: Sequence[Mapping[str, Any]], words: Sequence[str]) -> Bool[np.ndarray, "s w"]:
    """Which seed spells which of the words wrong."""
    return np.array(
        [[word in wrong for word in words] for wrong in map(wrong_words, records)], bool
    )


def _standard_error(
    ours: Bool[np.ndarray, "s w"],
    theirs: Bool[np.ndarray, "r w"],
    words: int,
    seeds_vary: bool,
) -> float:
    """Of the difference; the words beyond the columns are those that every run spells right."""

    def rate(wrong: Bool[np.ndarray, "s w"], seeds: np.ndarray) -> Float[np.ndarray, "b w"]:
        return (wrong[seeds] if seeds_vary else wrong[None]).mean(axis=-2)

    def difference(
        our_seeds: np.ndarray, their_seeds: np.ndarray, drawn: np.ndarray, axis: int = -1
    ) -> np.ndarray:
        rows = drawn.reshape(-1, words)
        places = rows + words * np.arange(len(rows))[:, None]
        times = np.bincount(places.ravel(), minlength=rows.size).reshape(rows.shape)
        gap = rate(theirs, their_seeds) - rate(ours, our_seeds)
        total = (gap * times[:, : gap.shape[-1]]).sum(axis=-1) / words
        return total.reshape(drawn.shape[:-1])

    found = bootstrap(
        (np.arange(len(ours)), np.arange(len(theirs)), np.arange(words)),
        difference,
        n_resamples=RESAMPLES,
        batch=_BATCH,
        vectorized=True,
        method="percentile",
        random_state=0,
    )
    return float(found.standard_error)


def number_of_words(record: Mapping[str, Any]) -> int:
    """On how many validation words a run was measured: all of its data set."""
    return int(record["words"]) if "words" in record else _held_out(record["training"]["data"])


@cache
def _held_out(data: str) -> int:
    return len(load_pairs(data, "val"))


def holm(ps: Sequence[float], family: int = 0) -> list[float]:
    """p-values made larger for the number of comparisons that were made, in the given order.

    Args:
        family: how many there were, where only some of them are given: those with a row that was
            chosen for its result stand for all that another result would have made.

    Source: Holm 1979.
    """
    order = sorted(range(len(ps)), key=ps.__getitem__)
    adjusted, largest, family = [0.0] * len(ps), 0.0, max(family, len(ps))
    for rank, place in enumerate(order):
        largest = max(largest, min(1.0, (family - rank) * ps[place]))
        adjusted[place] = largest
    return adjusted


def against_itself(
    rows: Sequence[Sequence[Mapping[str, Any]]], *, seeds_vary: bool = True
) -> list[float]:
    """The p of each setting compared with itself: all ways to split its seeds into two groups.

    Every small p here is a false finding, for nothing differs but luck. The groups are as equal as
    can be, and have two seeds or more; rows with fewer than four seeds are left out.
    """
    ps = []
    for records in rows:
        half = len(records) // 2
        if half < 2:
            continue
        for chosen in combinations(range(len(records)), half):
            if 2 * half == len(records) and 0 not in chosen:
                continue  # the same two groups the other way round
            groups = ([], [])  # type: tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]
            for place, record in enumerate(records):
                groups[place not in chosen].append(record)
            ps.append(compare_rows(*groups, seeds_vary=seeds_vary).p)
    return ps


def false_findings(ps: Sequence[float], level: float) -> float:
    """The share of comparisons of alike settings that would be called findings at this level."""
    return sum(p < level for p in ps) / len(ps)
