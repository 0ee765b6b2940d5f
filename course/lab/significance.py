"""Could a difference between two rows be the luck of which words were asked? An exact paired test,
word by word.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from course.lab.records import wrong_words
from nmt.data import load_pairs


@dataclass(frozen=True)
class Comparison:
    """`difference` is the first row's word accuracy minus the second's, over `seeds` seeds of each;
    `p` is the test's, of two sides.
    """

    difference: float
    p: float
    seeds: int


def compare_rows(
    first: Sequence[Mapping[str, Any]], second: Sequence[Mapping[str, Any]]
) -> Comparison:
    """Compare two rows' runs on the same validation words, their seeds pooled.

    For each word w let d_w be the number of seeds that spell it right in the first row, minus that
    in the second. If the rows were alike, each d_w could as well have the other sign. p is the
    share of all 2^words choices of signs whose |Σ ± d_w| is at least the |Σ d_w| that was found:
    counted exactly, by adding one word after another to the distribution of the sum. With one seed
    it is McNemar's exact test.

    It asks whether other words would tell the same. Whether other seeds would is what the spread
    over seeds says.

    Args:
        first, second: records on the same data set; the seeds that both have are used.

    Raises:
        ValueError: if no seed is common, or the words differ.

    Source: Fisher 1935, "The Design of Experiments", §21 (paired randomisation); McNemar 1947.
    """
    ours, theirs = ({record["seed"]: record for record in records} for records in (first, second))
    seeds = sorted(ours.keys() & theirs.keys())
    if not seeds:
        raise ValueError("the rows have no seed in common, so there is nothing to compare")
    words = {
        (r["training"]["data"], number_of_words(r))
        for seed in seeds
        for r in (ours[seed], theirs[seed])
    }
    if len(words) > 1:
        raise ValueError(
            f"a paired test needs the same validation words, not those of {sorted(words)}"
        )
    balance: dict[str, int] = {}
    for seed in seeds:
        for record, sign in ((ours[seed], -1), (theirs[seed], 1)):
            for word in wrong_words(record):
                balance[word] = balance.get(word, 0) + sign
    differences = [abs(d) for d in balance.values() if d]
    total = sum(balance.values())
    return Comparison(
        total / (len(seeds) * words.pop()[1]), sign_flip_p(differences, abs(total)), len(seeds)
    )


def sign_flip_p(sizes: Sequence[int], observed: int) -> float:
    """P(|Σ ± size| ≥ observed) when every sign is a fair coin, exactly (up to rounding).

    Args:
        sizes: positive whole numbers.
        observed: the sum's size that was found, at most their sum.
    """
    reach = sum(sizes)
    chance = np.zeros(2 * reach + 1)  # entry reach + s: the chance of the sum s
    chance[reach] = 1.0
    for size in sizes:
        chance = (np.roll(chance, size) + np.roll(chance, -size)) / 2
    sums = np.abs(np.arange(-reach, reach + 1))
    return float(min(1.0, chance[sums >= observed].sum()))


def number_of_words(record: Mapping[str, Any]) -> int:
    """On how many validation words a run was measured: all of its data set."""
    return int(record["words"]) if "words" in record else _held_out(record["training"]["data"])


@cache
def _held_out(data: str) -> int:
    return len(load_pairs(data, "val"))


def holm(ps: Sequence[float]) -> list[float]:
    """p-values made larger for the number of comparisons that were made, in the given order.
    Source: Holm 1979.
    """
    order = sorted(range(len(ps)), key=ps.__getitem__)
    adjusted, largest = [0.0] * len(ps), 0.0
    for rank, place in enumerate(order):
        largest = max(largest, min(1.0, (len(ps) - rank) * ps[place]))
        adjusted[place] = largest
    return adjusted
