"""What a table says, in sentences that are computed from it: who is ahead, who can't be told apart,
and where two curves cross.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from statistics import mean

from course.lab.grid import Experiment
from course.lab.significance import holm, number_of_words
from course.lab.tables import NOT_RUN, Outcome, Records, found_rows
from course.lab.verdicts.rules import ENOUGH, Difference, Rows, difference, lacking

NO_WINNER = "no clear winner"


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
    best = max(
        labels, key=lambda label: mean(record["best"]["val_accuracy"] for record in rows[label])
    )
    return (
        best
        if all(
            one.sign > 0
            for one in _against(rows, best, [label for label in labels if label != best])
        )
        else NO_WINNER
    )


def _against(rows: Rows, best: str, others: Sequence[str]) -> list[Difference]:
    """The best row against each other, p-values adjusted for their number (Holm)."""
    found = [difference(rows, best, other) for other in others]
    return [replace(one, p=p) for one, p in zip(found, holm([one.p for one in found]))]


def read_rows(experiment: Experiment, records: Records) -> str:
    """The reading of an experiment's table: on each set of words who is ahead, who can't be told
    from it, and who is behind.

    Rows with fewer than three seeds are named and not compared. Last comes whether the student's
    figures put the rows in the same order.
    """
    found = found_rows(experiment, records)
    rows = {one.row.label: one.records for one in found}
    lines = []
    for words, labels in _groups(found).items():
        if len(labels) < 2:
            continue
        best = max(
            labels, key=lambda label: mean(record["best"]["val_accuracy"] for record in rows[label])
        )
        against = _against(rows, best, [label for label in labels if label != best])
        mean_best = mean(record["best"]["val_accuracy"] for record in rows[best])
        told = [f"{words}: the highest mean is that of {best}, {mean_best:.1%}."]
        if level := [one.second for one in against if one.sign <= 0]:
            told.append(f"Can't be told from it: {'; '.join(level)}.")
        if behind := sorted((one for one in against if one.sign > 0), key=lambda one: one.value):
            told.append(
                "Behind it: "
                + "; ".join(f"{one.second} by {100 * one.value:.1f} points" for one in behind)
                + "."
            )
        lines.append(" ".join(told))
    few = [
        f"{one.row.label} ({len(one.records)} of {one.wanted} seeds)"
        for one in found
        if len(one.records) < ENOUGH
    ]
    if few:
        lines.append(f"{NOT_RUN.capitalize()}: {'; '.join(few)}.")
    if told_student := against_student(found):
        lines.append(told_student)
    return "\n".join(lines)


def _groups(found: Sequence[Outcome]) -> dict[str, list[str]]:
    """Labels of the rows with enough seeds, by the words that they were measured on."""
    groups: dict[str, list[str]] = {}
    for one in found:
        if len(one.records) >= ENOUGH:
            record = one.records[0]
            groups.setdefault(
                f"On {number_of_words(record):,} words of {record['training']['data']}", []
            ).append(one.row.label)
    return groups


def against_student(found: Sequence[Outcome]) -> str:
    """Do our runs put rows in the order that the student's figures give them? A sentence; empty if
    no two rows can be compared.
    """
    rows = {one.row.label: one.records for one in found}
    known = [one for one in found if one.row.student and len(one.records) >= ENOUGH]
    same = other = level = 0
    for first, second in combinations(known, 2):
        if (
            first.row.student is None
            or second.row.student is None
            or number_of_words(first.records[0]) != number_of_words(second.records[0])
        ):
            continue
        if (
            theirs := first.row.student.val_accuracy - second.row.student.val_accuracy
        ) == 0 or first.records == second.records:
            continue
        ours = difference(rows, first.row.label, second.row.label).sign
        same, other, level = (
            same + (ours * theirs > 0),
            other + (ours * theirs < 0),
            level + (ours == 0),
        )
    if not (number := same + other + level):
        return ""
    pairs = f"{number} pair{'s' * (number > 1)} of these rows in an order"
    return (
        f"The student's figures put {pairs}: the same way here {same}, the other way round {other},"
        f" not to be told apart {level}."
    )


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


def crossing_of(experiment: Experiment, records: Records) -> tuple[tuple[float, ...], str]:
    """Where the experiment's two lines cross, and a sentence that says so; while a row lacks seeds,
    no place and no sentence.
    """
    lines: dict[str, dict[float, float]] = {}
    for one in found_rows(experiment, records):
        if one.row.x is None or len(one.records) < ENOUGH or one.accuracy is None:
            return (), ""
        lines.setdefault(one.row.line, {})[one.row.x] = one.accuracy
    if len(lines) != 2:
        raise ValueError(f"{experiment.name} has {len(lines)} curves; a crossing needs two")
    (name, first), (other, second) = lines.items()
    places = crossings(first, second)
    few, many = (min(first), max(first))
    at = {
        x: name if first[x] > second[x] else other if first[x] < second[x] else "neither"
        for x in (few, many)
    }
    if not places:
        return (), f"The curves do not cross: {at[many]} is ahead from {few:,g} to {many:,g}."
    told = " and ".join(f"{place:,.0f}" for place in places)
    return (
        tuple(places),
        (
            f"The curves cross at about {told}: at {few:,g} {at[few]} is ahead, at {many:,g}"
            f" {at[many]}."
        ),
    )
