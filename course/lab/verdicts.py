"""The student's claims, each held against our runs: a verdict is a value with its numbers. What it
means is said in prose, where it is looked at.

A difference counts if p < 0.05 when both seeds and words vary (`compare_rows`); the sign of any
other is 0. Where several are looked at, or one row was chosen for its result, p is made larger for
all comparisons that could have been made.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import mean
from typing import Any

from course.lab.catalogue import CATALOGUE
from course.lab.significance import compare_rows, holm
from course.lab.tables import Outcome, Records, found_rows
from nmt.runs import reported

HOLDS, IN_PART, NOT_SHOWN, FAILS, OPEN = VERDICTS = (
    "holds",
    "holds in part",
    "not shown",  # nothing beyond luck, in either direction
    "the opposite holds",  # beyond luck
    "open",  # runs are missing
)
ENOUGH = 3  # seeds that both rows must have before they are compared
LEVEL = 0.05
NO_WINNER = "no clear winner"
BY_SIGN = {1: HOLDS, 0: NOT_SHOWN, -1: FAILS}
Rows = Mapping[str, Sequence[Mapping[str, Any]]]  # a row's label → its records
Rule = Callable[..., "Finding"]  # takes the rows, and the labels of those that it looks at


@dataclass(frozen=True)
class Difference:
    """The word accuracy of `first` minus that of `second`: its 95 % interval from `low` to `high`.

    `p` is that of `compare_rows`, `seeds` the smaller number of the two rows.
    """

    first: str
    second: str
    accuracies: tuple[float, float]
    value: float
    low: float
    high: float
    p: float
    seeds: int

    @property
    def sign(self) -> int:
        """1 or −1 if the difference is a finding, with p below 0.05; else 0."""
        return ((self.value > 0) - (self.value < 0)) * (self.p < LEVEL)

    @property
    def told(self) -> str:
        """The difference with its interval and p, in points of a hundred."""
        p = "p < 0.0001" if self.p < 1e-4 else f"p = {self.p:.2g}"
        low, high = (f"{100 * end:+z.1f}" for end in (self.low, self.high))
        return f"{100 * self.value:+z.1f} points (95 %: {low} to {high}), {p}, {self.seeds} seeds"

    def __str__(self) -> str:
        ours, theirs = self.accuracies
        return f"{self.first} {ours:.1%}, {self.second} {theirs:.1%}: {self.told}"


@dataclass(frozen=True)
class Finding:
    """A verdict, the differences that it follows from, and further numbers by their names."""

    verdict: str
    differences: tuple[Difference, ...] = ()
    numbers: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """One claim of the student's report, or a part of one, and what our runs say of it.

    `number` is the claim's in the assignment, with a letter for its part; "table" for what only a
    table says. `place` is where the course looks at it: a notebook and a section. `beside` is the
    verdict on another kind of machine, in words.
    """

    number: str
    claim: str
    finding: Finding
    place: str
    beside: str = ""

    @property
    def verdict(self) -> str:
        """One of `VERDICTS`."""
        return self.finding.verdict


def difference(rows: Rows, first: str, second: str) -> Difference:
    """Compare two rows. Raises ValueError if one has fewer than two seeds, or they were measured on
    different words.
    """
    found = compare_rows(rows[first], rows[second])
    means = accuracy(rows[first]), accuracy(rows[second])
    return Difference(
        first, second, means, found.difference, found.low, found.high, found.p, found.seeds
    )


def corrected(found: Sequence[Difference], family: int = 0) -> tuple[Difference, ...]:
    """The same differences, p-values made larger for their number, or for that of the `family` of
    comparisons from which a result chose these (Holm).
    """
    adjusted = holm([one.p for one in found], family)
    return tuple(replace(one, p=p) for one, p in zip(found, adjusted))


def differences(
    rows: Rows, first: str, others: Sequence[str], family: int = 0
) -> tuple[Difference, ...]:
    """One row against each of several, `corrected`."""
    return corrected([difference(rows, first, other) for other in others], family)


def rows_of(name: str, records: Records) -> dict[str, Sequence[Mapping[str, Any]]]:
    """The records of each row of an experiment, by the row's label, in the order of their seeds."""
    return {outcome.row.label: outcome.records for outcome in found_rows(CATALOGUE[name], records)}


def accuracy(records: Sequence[Mapping[str, Any]]) -> float:
    """The mean word accuracy on validation."""
    return mean(reported(record)["val_accuracy"] for record in records)


def lacking(rows: Rows, labels: Sequence[str]) -> bool:
    """Whether one of these rows has too few seeds to be compared."""
    return any(len(rows.get(label, ())) < ENOUGH for label in labels)


def winner(rows: Rows, labels: Sequence[str] = ()) -> str | None:
    """The row that is ahead of all others, "no clear winner" if none is, or None while one of them
    is not run.

    Args:
        rows: a row's label → its records, all on the same words.
        labels: which of them to compare; all, where none is named.
    """
    labels = list(labels) or list(rows)
    if lacking(rows, labels):
        return None
    best = max(labels, key=lambda label: accuracy(rows[label]))
    pairs = math.comb(len(labels), 2)  # any two might have been compared: the result chose
    against = differences(rows, best, [label for label in labels if label != best], pairs)
    return best if all(one.sign > 0 for one in against) else NO_WINNER


def crossings(first: Mapping[float, float], second: Mapping[float, float]) -> list[float]:
    """Where two curves cross, between the places that both have: straight lines over log x join the
    points.

    Args:
        first, second: place, above 0 → height.
    """
    places = sorted(first.keys() & second.keys())
    gaps = [first[x] - second[x] for x in places]
    found = []
    for (x, gap), (next_x, next_gap) in zip(zip(places, gaps), zip(places[1:], gaps[1:])):
        if gap * next_gap < 0:
            share = gap / (gap - next_gap)
            found.append(math.exp(math.log(x) + share * (math.log(next_x) - math.log(x))))
        elif gap == 0 and x != places[0]:
            found.append(x)
    return found


def crossings_of(found: Sequence[Outcome]) -> list[float] | None:
    """Where the means of an experiment's two lines cross; None while a row lacks seeds."""
    lines: dict[str, dict[float, float]] = {}
    for one in found:
        if one.row.x is None or len(one.records) < ENOUGH or one.accuracy is None:
            return None
        lines.setdefault(one.row.line, {})[one.row.x] = one.accuracy
    first, second = lines.values()
    return crossings(first, second)


def better(rows: Rows, first: str, second: str) -> Finding:
    """Is `first` better than `second`? It holds if the difference is a finding and points that
    way.
    """
    found = difference(rows, first, second)
    return Finding(BY_SIGN[found.sign], (found,))


def better_by(rows: Rows, first: str, second: str, points: float) -> Finding:
    """Is `first` better by about this share of the words? It holds between half and twice of that,
    in part if `first` is better at all.
    """
    found = difference(rows, first, second)
    about = points / 2 <= found.value <= 2 * points
    verdict = IN_PART if found.sign > 0 and not about else BY_SIGN[found.sign]
    return Finding(verdict, (found,), {"claimed": points})


def best_of(rows: Rows, label: str, rivals: Sequence[str]) -> Finding:
    """Is this row the best? It holds if it beats all rivals, in part if it beats some and none
    beats it.
    """
    found = differences(rows, label, rivals)
    signs = {one.sign for one in found}
    if -1 in signs:
        return Finding(FAILS, found)
    return Finding(HOLDS if signs == {1} else IN_PART if 1 in signs else NOT_SHOWN, found)


def both_ends_fall(rows: Rows, labels: Sequence[str]) -> Finding:
    """Is there a best in the middle? It holds if the first and the last row are both worse than the
    best row between them.
    """
    middle = max(labels[1:-1], key=lambda label: accuracy(rows[label]))
    choices = 2 * len(labels[1:-1])
    found = differences(rows, middle, (labels[0], labels[-1]), choices)
    return Finding((NOT_SHOWN, IN_PART, HOLDS)[sum(one.sign > 0 for one in found)], found)
