"""The lab report as a reader meets it: an experiment is one call, with its figure in view and its
table and verdicts folded away below.
"""

import html
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Protocol, runtime_checkable

from course.lab.catalogue import EXPERIMENTS
from course.lab.claims import judge_records
from course.lab.records import find_records
from course.lab.tables import Outcome, Records, outcomes
from course.lab.verdicts import (
    NO_WINNER,
    Difference,
    Rows,
    Verdict,
    accuracy,
    difference,
    rows_of,
    winner,
)
from course.plots.report_files import picture
from course.plots.tables import experiment_table, verdict_table


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
        self.rows: dict[str, Rows] = {name: rows_of(name, self.records) for name in EXPERIMENTS}
        self.right = {
            name: {label: accuracy(runs) for label, runs in own.items() if runs}
            for name, own in self.rows.items()
        }
        self.verdicts: list[Verdict] = judge_records(self.records)
        self.outcomes = cache(self._outcomes)

    def _outcomes(self, name: str) -> list[Outcome]:
        return outcomes(EXPERIMENTS[name], self.records)

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
            folded["What the student claimed, and the verdict"] = verdict_table(
                self.verdicts, *claims
            )
        seen = [*first, picture(experiment, found, reading)]
        return Folded(seen, {**folded, **(also or {})})

    def curves(self, name: str) -> dict[str, list[list[Mapping[str, Any]]]]:
        """The epochs of each seed of each row that is run, for figures of curves."""
        found = {
            label: [record["epochs"] for record in runs if record["epochs"]]
            for label, runs in self.rows[name].items()
        }
        return {label: seeds for label, seeds in found.items() if seeds}
