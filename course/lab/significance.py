"""Could a difference between two rows be luck: of the seeds, or of the words that were asked?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from course.lab.records import count_words, wrong_words
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
        seeds_vary: False draws the words alone, as if the seeds at hand were all there are, with
            one degree of freedom less than words. That is what a paired test over words asks;
            `false_findings` shows how often it errs.

    Raises:
        ValueError: if a row has fewer than two seeds, or the words differ.

    Source: Owen 2007, "The pigeonhole bootstrap" (rows and columns drawn independently); Hesterberg
    2015, "What teachers should know about the bootstrap", section 5 (t with its standard error).
    """
    return contrast((first, second), (1.0, -1.0), seeds_vary=seeds_vary)


def contrast(
    rows: Sequence[Sequence[Mapping[str, Any]]],
    weights: Sequence[float],
    *,
    seeds_vary: bool = True,
) -> Comparison:
    """Σ wᵢ · (word accuracy of row i), such as a main effect or an interaction of a factorial.

    As `compare_rows`, with Σ (nᵢ − 1) degrees of freedom; the weights of a contrast add up to 0.

    Raises:
        ValueError: if a row has fewer than two seeds, or the words differ.
    """
    from scipy.stats import t  # here, so that what only draws does not wait for it

    if min(map(len, rows)) < 2:
        told = " and ".join(str(len(records)) for records in rows)
        raise ValueError(f"{told} seeds; how much seeds vary needs two")
    every = [record for records in rows for record in records]
    asked = {(r["training"]["data"], number_of_words(r)) for r in every}
    if len(asked) > 1:
        raise ValueError(f"a comparison needs the same validation words, not {sorted(asked)}")
    ((_, words),) = asked
    known = sorted(set().union(*map(wrong_words, every)))
    wrong = [_wrong(records, known) for records in rows]
    lost = sum(weight * float(own.mean(0).sum()) for weight, own in zip(weights, wrong))
    value = -lost / words
    error = _standard_error(wrong, weights, words, seeds_vary) if known else 0.0

    freedom = len(every) - len(rows) if seeds_vary else words - 1
    p = float(2 * t.sf(abs(value) / error, freedom)) if error else float(value == 0)
    half = float(t.ppf(0.975, freedom)) * error
    return Comparison(value, value - half, value + half, p, min(map(len, rows)))


def which_right(records: Sequence[Mapping[str, Any]]) -> Bool[Tensor, "s w"]:
    """Which seed spells which validation word right, words in the order of their file."""
    words = [pair.source for pair in load_pairs(records[0]["training"]["data"], "val")]
    return ~torch.from_numpy(_wrong(records, words))


def _wrong(records: Sequence[Mapping[str, Any]], words: Sequence[str]) -> Bool[np.ndarray, "s w"]:
    """Which seed spells which of the words wrong."""
    return np.array(
        [[word in wrong for word in words] for wrong in map(wrong_words, records)], bool
    )


def _standard_error(
    wrong: Sequence[Bool[np.ndarray, "_ w"]],
    weights: Sequence[float],
    words: int,
    seeds_vary: bool,
) -> float:
    """Of the contrast; the words beyond the columns are those that every run spells right."""
    from scipy.stats import bootstrap

    def statistic(*samples: np.ndarray, axis: int = -1) -> np.ndarray:
        *seeds, drawn = samples
        asked = drawn.reshape(-1, words)
        places = asked + words * np.arange(len(asked))[:, None]
        times = np.bincount(places.ravel(), minlength=asked.size).reshape(asked.shape)
        lost: Any = 0.0
        for weight, own, chosen in zip(weights, wrong, seeds):
            lost = lost + weight * (own[chosen] if seeds_vary else own[None]).mean(axis=-2)
        total = (lost * times[:, : lost.shape[-1]]).sum(axis=-1) / words
        return total.reshape(drawn.shape[:-1])

    found = bootstrap(
        (*(np.arange(len(own)) for own in wrong), np.arange(words)),
        statistic,
        n_resamples=RESAMPLES,
        batch=_BATCH,
        vectorized=True,
        method="percentile",
        random_state=np.random.default_rng(0),
    )
    return float(found.standard_error)


def number_of_words(record: Mapping[str, Any]) -> int:
    """On how many validation words a run was measured: all of its data set."""
    return int(record.get("words") or count_words(record["training"]["data"], "val"))


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
