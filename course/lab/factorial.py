"""A table of runs in which several things vary in all combinations, read as a factorial."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from math import prod

from course.lab.grid import Experiment
from course.lab.significance import Comparison, contrast, holm
from course.lab.tables import Records, found_rows

Term = tuple[str, object]  # a setting of the model, and one of its levels
# The levels of each factor of the experiment "a-and-delta", its own baseline first; all but the
# first by the names to show.
FACTORS: Mapping[str, Mapping[object, str]] = {
    "a_learned": {False: "", True: "A learned"},
    "a_start": {"s4d-real": "", "minus-one": "A from −1"},
    "delta": {"input": "", "constant": "Δ constant", "position": "Δ a position code"},
}


def effects(experiment: Experiment, records: Records) -> dict[str, Comparison]:
    """Every main effect and every interaction of two, in shares of the words.

    A main effect is the mean over all cells with a level minus that over the cells with its
    factor's baseline. An interaction "a × b" is the effect of a where b is on, minus the effect of
    a where b is at its baseline. p is adjusted for the number of effects (Holm).

    Source: Fisher 1935, "The Design of Experiments", chapter 6 (factorial design).
    """
    cells = {
        tuple(experiment.runs(one.row)[0].model[name] for name in FACTORS): one.records
        for one in found_rows(experiment, records)
        if len(one.records) > 1
    }
    single = [(name, level) for name, levels in FACTORS.items() for level in list(levels)[1:]]
    pairs = [(a, b) for a, b in combinations(single, 2) if a[0] != b[0]]
    found = {}
    for terms in [*((term,) for term in single), *pairs]:
        weights = [_weight(cell, terms) for cell in cells]
        used = [(own, w) for own, w in zip(cells.values(), weights) if w]
        label = " × ".join(FACTORS[name][level] for name, level in terms)
        found[label] = contrast([own for own, _ in used], [w for _, w in used])
    adjusted = holm([one.p for one in found.values()])
    return {label: replace(one, p=p) for (label, one), p in zip(found.items(), adjusted)}


def _weight(cell: Sequence[object], terms: Sequence[Term]) -> float:
    """What the mean of a cell counts in the effect of these terms."""
    levels = dict(zip(FACTORS, cell))
    weight = 1.0
    for name, level in terms:
        baseline = next(iter(FACTORS[name]))
        weight *= (levels[name] == level) - (levels[name] == baseline)
    chosen = {name for name, _ in terms}
    return weight / prod(len(own) for name, own in FACTORS.items() if name not in chosen)
