"""One row of an experiment again, live and at reduced size, beside what the full row reached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from typing import Any

from course.lab.catalogue import EXPERIMENTS
from course.lab.grid import Run
from course.lab.records import RECORDS, find_records
from course.lab.sweep import train_run
from course.lab.tables import NOT_RUN
from nmt.data import load_pairs, training_words
from nmt.runs import reported


@dataclass(frozen=True)
class Rerun:
    """A row at reduced size (`record`), and the records of the full row (`full`, in the order of
    their seeds; may be none).
    """

    title: str
    run: Run
    record: Mapping[str, Any]
    full_words: int
    full_epochs: int
    full: tuple[Mapping[str, Any], ...]

    def __repr__(self) -> str:
        reached, training = reported(self.record), self.run.training
        found = NOT_RUN
        if self.full:
            share = mean(reported(record)["val_accuracy"] for record in self.full)
            loss = mean(reported(record)["val_loss"] for record in self.full)
            found = (
                f"{share:.1%} of the same words, loss {loss:.2f}, mean of {len(self.full)} seeds"
            )
        words = self.full_words / training.words
        passes = words * self.full_epochs / training.epochs
        return (
            f"{self.title}, seed {self.run.seed}\n"
            f"  now:  {training.words:>6,} words, {training.epochs:>3} epochs:"
            f" {reached['val_accuracy']:.1%} of the validation words, loss"
            f" {reached['val_loss']:.2f}, after {self.record['seconds']:.0f} s\n"
            f"  full: {self.full_words:>6,} words, {self.full_epochs:>3} epochs: {found}\n"
            f"  Why they differ: the full row had {words:.1f} times as many words to learn from,\n"
            f"  and went through {passes:.0f} times as many in all. Hold a rerun against a rerun of"
            " another row, not against the full one."
        )


def rerun(
    name: str,
    label: str,
    *,
    words: int = 300,
    epochs: int = 3,
    seed: int = 0,
    records: Path = RECORDS,
) -> Rerun:
    """Train one row again with fewer words and epochs, in a temporary folder: no file of the course
    changes.

    Args:
        name: of the experiment, such as "positions".
        label: of the row, such as "none".
        words: how many of its training words.
        epochs: how many passes over them.
        seed: for the weights, and for everything else that is left to chance.
        records: where the full row's records are.

    Raises:
        ValueError: for an unknown experiment or row (the message names those that there are), or
            fewer than one word.
    """
    if words < 1:
        raise ValueError(f"a rerun needs at least one word to learn from, not {words}")
    if name not in EXPERIMENTS:
        raise ValueError(f"no experiment {name!r}; there are {', '.join(EXPERIMENTS)}")
    experiment = EXPERIMENTS[name]
    rows = {row.label: row for row in experiment.rows}
    if label not in rows:
        raise ValueError(f"{name} has no row {label!r}; there are {', '.join(rows)}")
    runs = experiment.runs(rows[label])
    full = runs[0].training
    small = replace(
        runs[0],
        training=replace(
            full,
            words=words,
            epochs=epochs,
            passes=1,
            warmup_epochs=min(full.warmup_epochs, 1),
            seed=seed,
        ),
    )
    with TemporaryDirectory() as folder:
        record = train_run(small, Path(folder))
    if record is None:
        raise KeyboardInterrupt("the rerun was interrupted; nothing was kept")
    known = find_records(records)
    found = tuple(known[run.key] for run in runs if run.key in known)
    return Rerun(
        f"{name}: {label}",
        small,
        record,
        len(training_words(load_pairs(full.data, "train"), full.words)),
        full.epochs * full.passes,
        found,
    )
