"""From records to tables: one row for each row of an experiment, mean and spread over its seeds,
and nothing that no run has shown.
"""

import csv
import io
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import mean, stdev
from typing import Any

from course.lab.grid import Experiment, Row
from course.lab.latency import latency
from course.lab.records import epoch_reported, record_key
from course.lab.significance import Comparison, compare_rows, holm, number_of_words
from nmt.runs import reported

Records = Mapping[tuple[str, int], Mapping[str, Any]]
NOT_RUN = "not run yet"


@dataclass(frozen=True)
class Outcome:
    """What the runs of one row show. `records` are in the order of their seeds; none if the row is
    not run yet.

    `reference` marks the row against which the others on the same words are held: the experiment's
    base, or else the first row, so that no result chooses it. `against` is the comparison with it,
    p adjusted for the number of rows (Holm); None for the reference, and without two seeds of each.
    """

    row: Row
    wanted: int
    records: tuple[Mapping[str, Any], ...]
    reference: bool = False
    against: Comparison | None = None

    @property
    def state(self) -> str:
        """How much of the row is there, in words."""
        done = len(self.records)
        if not done:
            return NOT_RUN
        diverged = sum("diverged" in record for record in self.records)
        told = f"{done} seeds" if done >= self.wanted else f"{done} of {self.wanted} seeds"
        return f"{told}, {diverged} diverged" if diverged else told

    def values(self, key: str) -> list[float]:
        """One number a seed, from its `reported` epoch, such as "val_accuracy" or "train_loss"."""
        found = [reported(record).get(key) for record in self.records]
        return [value for value in found if value is not None]

    @property
    def accuracy(self) -> float | None:
        """The mean word accuracy on validation, or None."""
        accuracies = self.values("val_accuracy")
        return mean(accuracies) if accuracies else None


def outcomes(experiment: Experiment, records: Records) -> list[Outcome]:
    """Every row of the experiment with the records that are there, in the order of the rows, each
    compared with the reference of its words.
    """
    return _compared(found_rows(experiment, records), experiment.runs(Row(""))[0].settings)


def found_rows(experiment: Experiment, records: Records) -> list[Outcome]:
    """The same without any comparison, which takes most of the time.

    A row's records are those of all seeds that were run with its settings, by any experiment: a
    base has the same figures in every table.
    """
    by_settings = defaultdict(list)
    for (settings, seed), record in records.items():
        by_settings[settings].append((seed, record))
    found = []
    for row in experiment.rows:
        runs = experiment.runs(row)
        seeds = sorted(by_settings.get(runs[0].settings, ()), key=lambda one: one[0])
        found.append(Outcome(row, len(runs), tuple(record for _, record in seeds)))
    return found


def _compared(found: Sequence[Outcome], base: str) -> list[Outcome]:
    """Choose the reference on each set of validation words, by settings and never by result, and
    compare the others on the same words with it.
    """
    groups: dict[tuple[str, int], list[int]] = {}
    for place, outcome in enumerate(found):
        if outcome.records:
            record = outcome.records[0]
            words = record["training"]["data"], number_of_words(record)
            groups.setdefault(words, []).append(place)
    result = list(found)
    for places in groups.values():
        settings = [record_key(found[place].records[0])[0] for place in places]
        reference = places[settings.index(base) if base in settings else 0]
        enough = [place for place in places if len(found[place].records) > 1]
        others = [place for place in enough if place != reference]
        result[reference] = replace(found[reference], reference=len(places) > 1)
        if reference not in enough:
            continue
        held = found[reference].records
        compared = [compare_rows(found[place].records, held) for place in others]
        for place, one, p in zip(others, compared, holm([one.p for one in compared])):
            result[place] = replace(found[place], against=replace(one, p=p))
    return result


_FIGURES = ("val_accuracy", "val_loss", "train_accuracy", "train_loss")


def table(found: Sequence[Outcome]) -> list[dict[str, str]]:
    """One row of text cells for each outcome; empty cells where nothing was measured.

    `epoch` says of which epoch a run's figures are: the last, or in older records the best.
    `difference`, `low` and `high` compare with the row that `reference` marks, in shares of words.

    Accuracies are shares of words, losses nats per token; `_sd` is the standard deviation over
    seeds, `_min` and `_max` their range. `cpu_seconds` is the processor's time for training, mean
    of the runs that know it; `milliseconds_alone` and `milliseconds_a_word` are those for a word by
    itself and in a batch of 256, measured for all architectures alike (`course.lab.latency`).
    """
    rows = []
    for outcome in found:
        seeds = str(len(outcome.records))
        cells = {"row": outcome.row.label, "runs": outcome.state, "seeds": seeds}
        for name in _FIGURES:
            values = outcome.values(name)
            cells[name] = _cell(values)
            cells[f"{name}_sd"] = _cell(values if len(values) > 1 else [], of=stdev)
        accuracies = outcome.values("val_accuracy")
        cells["val_accuracy_min"] = _cell(accuracies, of=min)
        cells["val_accuracy_max"] = _cell(accuracies, of=max)
        cells["parameters"] = str(outcome.records[0]["parameters"]) if outcome.records else ""
        seconds = [record["cpu_seconds"] for record in outcome.records if "cpu_seconds" in record]
        cells["cpu_seconds"] = _cell(seconds, 0)
        times = latency(outcome.records[0]["model"]) if outcome.records else {}
        for name, size in (("milliseconds_alone", "1"), ("milliseconds_a_word", "256")):
            cells[name] = _cell([times[size]] if times else [], 2)
        cells["epoch"] = epoch_reported(outcome.records)
        cells["reference"] = "reference" if outcome.reference else ""
        against, student = outcome.against, outcome.row.student
        for name in ("difference", "low", "high"):
            cells[name] = _cell([getattr(against, name)] if against else [])
        cells["p"] = _p(against.p) if against else ""
        for name in _FIGURES:
            cells[f"student_{name}"] = _cell([getattr(student, name)] if student else [], 3)
        rows.append(cells)
    return rows


def _cell(
    values: Sequence[float], digits: int = 5, of: Callable[[Sequence[float]], float] = mean
) -> str:
    return f"{of(values):.{digits}f}" if values else ""


def _p(p: float) -> str:
    return "<0.0001" if p < 1e-4 else f"{p:.4f}"


def as_csv(rows: Sequence[Mapping[str, str]]) -> str:
    """The table as CSV, with one header line."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
