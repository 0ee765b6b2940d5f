"""When does a claim hold? One difference between two rows of runs, and the few rules that turn
differences into a verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import mean, stdev
from typing import Any

from course.lab.significance import compare_rows, holm

HOLDS, IN_PART, FAILS, OPEN = VERDICTS = ("holds", "holds in part", "does not hold", "open")
ENOUGH = 3  # seeds that both rows must have before they are compared
LEVEL = 0.05  # of the test over words
Rows = Mapping[str, Sequence[Mapping[str, Any]]]  # a row's label → its records
Finding = tuple[str, str]  # a verdict, and the sentence with its numbers


@dataclass(frozen=True)
class Verdict:
    """One claim of the student's report, or a part of one, and what our runs say of it.

    `verdict` is one of `VERDICTS`. `number` is the claim's in the assignment, with a letter for its
    part; "table" for what only a table says. `place` is where the course looks at it: a notebook
    and a section.
    """

    number: str
    claim: str
    verdict: str
    reason: str
    place: str

    def __str__(self) -> str:
        return f"{self.verdict.upper()}: {self.claim}\n    {self.reason}"


@dataclass(frozen=True)
class Difference:
    """The word accuracy of `first` minus that of `second`, over the seeds that both rows have.

    `spread` is the larger of the two standard deviations over these seeds, `p` that of the paired
    test over words.
    """

    first: str
    second: str
    accuracies: tuple[float, float]
    value: float
    spread: float
    p: float
    seeds: int

    @property
    def sign(self) -> int:
        """1 or −1 if the difference is a finding, larger than the spread and with p below 0.05;
        else 0.
        """
        found = abs(self.value) > self.spread and self.p < LEVEL
        return (self.value > 0) - (self.value < 0) if found else 0

    def __str__(self) -> str:
        ours, theirs = self.accuracies
        p = "p < 0.0001" if self.p < 1e-4 else f"p = {self.p:.2g}"
        return (
            f"{self.first} {ours:.1%}, {self.second} {theirs:.1%}: a difference of"
            f" {100 * self.value:+z.1f} points, spread {100 * self.spread:.1f}, {p}, {self.seeds}"
            " seeds"
        )


def difference(rows: Rows, first: str, second: str) -> Difference:
    """Compare two rows. Raises ValueError if they share fewer than two seeds, or were measured on
    different words.
    """
    ours, theirs = ({record["seed"]: record for record in rows[label]} for label in (first, second))
    seeds = sorted(ours.keys() & theirs.keys())
    if len(seeds) < 2:
        raise ValueError(f"{first} and {second} share {len(seeds)} seeds; a spread needs two")
    accuracies = [[runs[seed]["best"]["val_accuracy"] for seed in seeds] for runs in (ours, theirs)]
    found = compare_rows([ours[seed] for seed in seeds], [theirs[seed] for seed in seeds])
    means = mean(accuracies[0]), mean(accuracies[1])
    return Difference(
        first, second, means, means[0] - means[1], max(map(stdev, accuracies)), found.p, len(seeds)
    )


def lacking(rows: Rows, labels: Sequence[str]) -> str:
    """What is not run yet of these rows, in words; empty if each has enough seeds."""
    few = [
        f"{label} ({len(rows.get(label, ()))} of {ENOUGH})"
        for label in dict.fromkeys(labels)
        if len(rows.get(label, ())) < ENOUGH
    ]
    return f"Seeds not run yet: {'; '.join(few)}." if few else ""


def asked(rows: Rows, labels: Sequence[str], rule: Callable[[], Finding]) -> Finding:
    """The rule's finding, or "open" while one of the rows it needs is not run."""
    missing = lacking(rows, labels)
    return (OPEN, missing) if missing else rule()


def _no_finding(found: Difference) -> str:
    return (
        "It lies inside the spread over seeds."
        if abs(found.value) <= found.spread
        else "Other words could tell otherwise."
    )


def better(rows: Rows, first: str, second: str) -> Finding:
    """Is `first` better than `second`? It holds if the difference is a finding and points that way."""

    def rule() -> Finding:
        found = difference(rows, first, second)
        if found.sign == 0:
            return FAILS, f"{found}. {_no_finding(found)}"
        return (
            (HOLDS, f"{found}.")
            if found.sign > 0
            else (FAILS, f"It is the other way round. {found}.")
        )

    return asked(rows, (first, second), rule)


def better_by(rows: Rows, first: str, second: str, points: float) -> Finding:
    """Is `first` better by about this share of the words? It holds between half and twice of that,
    in part if `first` is better at all.
    """

    def rule() -> Finding:
        verdict, reason = better(rows, first, second)
        value = difference(rows, first, second).value
        if verdict == HOLDS and not points / 2 <= value <= 2 * points:
            size = "less than half" if value < points else "more than twice"
            return (
                IN_PART,
                (
                    f"The direction is right, the size is not: {size} of {100 * points:.1f} points."
                    f" {reason}"
                ),
            )
        return verdict, reason

    return asked(rows, (first, second), rule)


def best_of(rows: Rows, label: str, rivals: Sequence[str]) -> Finding:
    """Is this row the best? It holds if it beats all rivals, in part if it beats some and none
    beats it.

    p-values are made larger for the number of rivals (Holm).
    """

    def rule() -> Finding:
        found = [difference(rows, label, rival) for rival in rivals]
        found = [replace(one, p=p) for one, p in zip(found, holm([one.p for one in found]))]
        ahead = [one for one in found if one.sign < 0]
        beaten = [one for one in found if one.sign > 0]
        level = [one.second for one in found if one.sign == 0]
        if ahead:
            return (
                FAILS,
                (
                    f"{_names([one.second for one in ahead])} {'is' if len(ahead) == 1 else 'are'}"
                    f" better. {_each(ahead)}."
                ),
            )
        if not level:
            return HOLDS, f"It beats all others. {_each(found)}."
        told = (
            f"It can't be told from {_names(level)}."
            f" {_each([one for one in found if one.sign == 0])}."
        )
        return (
            (
                IN_PART,
                f"It beats {_names([one.second for one in beaten])}, and nothing beats it. {told}",
            )
            if beaten
            else (FAILS, told)
        )

    return asked(rows, (label, *rivals), rule)


def both_ends_fall(rows: Rows, labels: Sequence[str]) -> Finding:
    """Is there a best in the middle? It holds if the first and the last row are both worse than the
    best row between them.
    """

    def rule() -> Finding:
        middle = max(
            labels[1:-1],
            key=lambda label: mean(record["best"]["val_accuracy"] for record in rows[label]),
        )
        ends = [difference(rows, middle, end) for end in (labels[0], labels[-1])]
        ends = [replace(one, p=p) for one, p in zip(ends, holm([one.p for one in ends]))]
        worse = [one.second for one in ends if one.sign > 0]
        told = (
            f"Worse than the best in the middle: {_names(worse) if worse else 'neither end'}."
            f" {_each(ends)}."
        )
        return (HOLDS, IN_PART, FAILS)[2 - len(worse)], told

    return asked(rows, labels, rule)


def overfits(rows: Rows, smaller: str, larger: str) -> Finding:
    """Does the larger model get training words better and validation words worse? In part if only
    the latter.
    """

    def rule() -> Finding:
        found = difference(rows, larger, smaller)
        training = [
            [record["best"]["train_accuracy"] for record in rows[label]]
            for label in (larger, smaller)
        ]
        gain = mean(training[0]) - mean(training[1])
        up = gain > max(map(stdev, training))
        told = (
            f"{found}. Of the training words: {100 * gain:+z.1f} points (spread"
            f" {100 * max(map(stdev, training)):.1f})."
        )
        if found.sign < 0:
            return (
                (HOLDS, told)
                if up
                else (IN_PART, f"Validation is down, but training is not up. {told}")
            )
        return FAILS, f"Validation is not down. {told}"

    return asked(rows, (smaller, larger), rule)


def several(parts: Sequence[Finding]) -> Finding:
    """Findings of one claim taken together: open if one is, else it holds if all do, and in part if
    some do, or do in part.
    """
    verdicts = [verdict for verdict, _ in parts]
    told = " ".join(
        dict.fromkeys(
            reason for verdict, reason in parts if verdict == OPEN or OPEN not in verdicts
        )
    )
    if OPEN in verdicts:
        return OPEN, told
    return (
        HOLDS if set(verdicts) == {HOLDS} else FAILS if set(verdicts) == {FAILS} else IN_PART
    ), told


def _names(labels: Sequence[str]) -> str:
    return "; ".join(labels)


def _each(found: Sequence[Difference]) -> str:
    return ". ".join(map(str, found))
