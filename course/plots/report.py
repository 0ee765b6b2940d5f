"""The lab report as a reader meets it: an experiment is one call, with its figure in view and its
table and verdicts folded away below; and every claim of the student's report in one list: those
that runs judge, that the shipped models are asked about, and that the scans' times decide.
"""

import html
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from statistics import mean
from typing import Any, Protocol, runtime_checkable

from course.interpretability.claims import Part, judge, judge_packing, over_seeds
from course.interpretability.embeddings import vowel_grouping
from course.interpretability.mamba_memory import measure_memory
from course.interpretability.misleading import questions, show_another_letter
from course.interpretability.stored_embeddings import load_tables
from course.lab.catalogue import CATALOGUE, EXPERIMENTS
from course.lab.claims import judge_records
from course.lab.records import find_records
from course.lab.scan_claims import judge_scans
from course.lab.tables import Records, outcomes
from course.lab.verdicts import (
    FAILS,
    HOLDS,
    IN_PART,
    NO_WINNER,
    Difference,
    Finding,
    Rows,
    Verdict,
    accuracy,
    difference,
    rows_of,
    winner,
)
from course.plots.intervals import MARKS
from course.plots.report_files import epochs_of, picture
from course.plots.tables import experiment_table, verdict_table
from nmt.checkpoints import load_checkpoint
from nmt.data import load_pairs
from nmt.trace import trace

_WORDS = {"confirmed": HOLDS, "refined": IN_PART, "refuted": FAILS}
_CIRCUIT = "07_interpretability, section 6"
_TABLES, _MEMORY = "08_embeddings_and_memory, section 1", "08_embeddings_and_memory, section 3"
_WEAK = 0.25  # a silhouette below it is usually called weak (Kaufman & Rousseeuw 1990, table 2.4)


@runtime_checkable
class Shown(Protocol):
    """What a notebook can show."""

    def _repr_html_(self) -> str: ...


class Folded:
    """Things that a reader sees, and below them others that unfold at a click or with Enter."""

    def __init__(self, seen: Sequence[Shown], folded: Mapping[str, Shown]) -> None:
        self.seen, self.folded = tuple(seen), dict(folded)

    def __repr__(self) -> str:
        return "\n".join([*map(repr, self.seen), *map(repr, self.folded.values())])

    def _repr_html_(self) -> str:
        details = (
            f"<details><summary>{html.escape(name)}</summary>{one._repr_html_()}</details>"
            for name, one in self.folded.items()
        )
        return "".join([*(one._repr_html_() for one in self.seen), *details])


class Report:
    """All experiments over one set of records; each comparison is made once.

    `right` holds the mean word accuracy of each row of an experiment, `rows` its records,
    `verdicts` those of all claims that runs can judge.
    """

    def __init__(self, records: Records | None = None) -> None:
        self.records = find_records() if records is None else records
        names = [*EXPERIMENTS, *(name for name in CATALOGUE if name.startswith("short-"))]
        self.rows: dict[str, Rows] = {name: rows_of(name, self.records) for name in names}
        self.right = {
            name: {label: accuracy(runs) for label, runs in own.items() if runs}
            for name, own in self.rows.items()
        }
        self.verdicts: list[Verdict] = judge_records(self.records)
        self.outcomes = cache(lambda name: outcomes(CATALOGUE[name], self.records))

    def difference(self, name: str, first: str, second: str) -> Difference:
        """Two rows of an experiment compared (`course.lab.verdicts.difference`)."""
        return difference(self.rows[name], first, second)

    def options(self, name: str, labels: Sequence[str] = ()) -> list[str]:
        """What a reader can guess: the rows that may come out ahead of all others, and none."""
        return [*(labels or self.rows[name]), NO_WINNER]

    def winner(self, name: str, labels: Sequence[str] = ()) -> str | None:
        """The right answer to such a guess (`course.lab.verdicts.winner`)."""
        return winner(self.rows[name], labels)

    def section(
        self,
        name: str,
        reading: str,
        *claims: str,
        first: Sequence[Shown] = (),
        also: Mapping[str, Shown] | None = None,
    ) -> Folded:
        """An experiment's answer: the figure with its intervals, and folded the table, the verdicts
        on the student's claims, and what else there is.

        Args:
            name: of the experiment.
            reading: two sentences by a person, held by asserts beside the call.
            claims: numbers of claims, or the beginnings of their words.
            first: what stands above the figure, such as the reader's guess beside the answer.
            also: more to fold away, by the words that stand for it.
        """
        experiment, found = EXPERIMENTS[name], self.outcomes(name)
        folded: dict[str, Shown] = {"The table": experiment_table(experiment, found)}
        if claims:
            verdicts = verdict_table(self.verdicts, *claims)
            folded["What the student claimed, and the verdict"] = verdicts
        seen = [*first, picture(experiment, found, reading)]
        return Folded(seen, {**folded, **(also or {})})

    def curves(self, name: str) -> dict[str, list[list[Mapping[str, Any]]]]:
        """The epochs of each seed of each row that is run, for figures of curves."""
        return epochs_of(EXPERIMENTS[name], self.records)


def all_verdicts(judged: Sequence[Verdict]) -> list[Verdict]:
    """The verdicts that runs gave, with those of the other notebooks, by the claims' numbers; what
    only a table of the report says comes last. Takes about ten seconds.
    """
    found = [*judged, *_of_the_transformer(), *_of_the_embeddings(), *_of_mamba(), *judge_scans()]
    return sorted(found, key=lambda one: (one.number == "table", one.number))


def _parts(number: str, parts: Sequence[Part], place: str) -> list[Verdict]:
    found = []
    for letter, part in zip("abcde", parts):
        claim, finding = part.claim, Finding(_WORDS[part.verdict], (), part.numbers)
        found.append(Verdict(f"{number}{letter}", claim[:1].upper() + claim[1:], finding, place))
    return found


def _of_the_transformer() -> list[Verdict]:
    """Claim 1, on three seeds of a machine of the student's kind and beside them on three of ours;
    claim 3a on the first of ours.
    """
    words = [pair.source for pair in load_pairs("small", "val")]
    judged = []
    for name in ("two-heads", "small"):
        names = (f"transformer-{name}{seed}" for seed in ("", "-seed1", "-seed2"))
        models = [load_checkpoint(one).model for one in names]
        judged.append(over_seeds([judge(one, trace(one, words, truth=True)) for one in models]))
    theirs, ours = judged
    found = [
        replace(one, beside=f"our machine: {MARKS[_WORDS[own.verdict]]}")
        for one, own in zip(_parts("1", theirs, _CIRCUIT), ours)
    ]
    model = load_checkpoint("transformer-small").model
    shown = show_another_letter(model, questions(words))
    numbers = {"keeps its place": shown["place"], "by the letter": shown["other"]}
    matter = shown["place"] > shown["other"]
    verdict = FAILS if not matter else HOLDS if shown["place"] > 2 * shown["other"] else IN_PART
    finding = Finding(verdict, (), numbers)
    return [*found, Verdict("3a", "Positions matter more than letters", finding, _CIRCUIT)]


def _of_the_embeddings() -> list[Verdict]:
    """Claim 2, on the tables of several widths. The second part holds only in part where the raw
    silhouette is larger at width 8, but not in units of what other labels reach by chance.
    """
    tables = load_tables()
    groups = {n: [vowel_grouping(run.after) for run in tables[f"width-{n}"]] for n in (8, 64)}
    longer = [vowel_grouping(run.after).z for run in tables["width-64-longer"]]
    raw = {n: [one.silhouette for one in own] for n, own in groups.items()}
    weak = mean(raw[64]) <= _WEAK
    chance = all(one.p_value >= 0.05 for one in groups[64])
    larger = min(raw[8]) > max(raw[64]) and all(one.p_value < 0.05 for one in groups[8])
    by_units = min(one.z for one in groups[8]) > 1.5 * max(longer)
    numbers = {f"silhouette, width {n}": mean(own) for n, own in raw.items()}
    units = {f"in units of chance, width {n}": mean(g.z for g in groups[n]) for n in (8, 64)}
    units["and with as many steps"] = mean(longer)
    no_cluster = Finding(HOLDS if weak and chance else IN_PART if weak else FAILS, (), numbers)
    narrow = Finding(HOLDS if larger and by_units else IN_PART if larger else FAILS, (), units)
    return [
        Verdict("2a", "At width 64 vowels and consonants do not cluster", no_cluster, _TABLES),
        Verdict("2b", "A much smaller width might show clusters", narrow, _TABLES),
    ]


def _of_mamba() -> list[Verdict]:
    """Claim 7, on the shipped Mamba: is the word packed into its states at the end?"""
    pairs = load_pairs("small", "val")
    model = load_checkpoint("mamba-small").model
    memory = measure_memory(trace(model, [pair.source for pair in pairs], truth=True))
    some = [pair for place, pair in enumerate(pairs) if place % 3 == 0 or "-" in pair.source]
    return _parts("7", judge_packing(model, memory, some), _MEMORY)
