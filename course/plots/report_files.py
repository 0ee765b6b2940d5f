"""The lab report on disk: a table as CSV and a figure as SVG for each experiment, from the records
alone, always the same bytes.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from course.lab.catalogue import EXPERIMENTS
from course.lab.grid import Experiment
from course.lab.records import RECORDS, find_records
from course.lab.tables import Outcome, Records, as_csv, found_rows, outcomes, table
from course.lab.verdicts import crossings_of
from course.plots.experiments import Measured, plot_lines, plot_rows
from course.plots.run_curves import plot_loss_curves
from course.plots.style import Picture
from nmt.checkpoints import write_whole

RESULTS = RECORDS.parent


def picture(experiment: Experiment, found: Sequence[Outcome], reading: str = "") -> Picture:
    """The figure of an experiment and its outcomes: rows side by side with the interval of each
    difference, or curves over the number of training words. Without a reading, its question.
    """
    reading = reading or experiment.question
    rows = []
    for one in found:
        held = one.against
        against = (held.difference, held.low, held.high) if held else None
        values = tuple(one.values("val_accuracy"))
        student = one.row.student.val_accuracy if one.row.student else None
        place = one.row.x, one.row.line
        rows.append(Measured(one.row.label, values, student, *place, one.reference, against))
    if experiment.name.removeprefix("short-") == "data-size":
        marks = crossings_of(found) or []
        return plot_lines(rows, experiment.axis, reading, log=experiment.log, marks=marks)
    return plot_rows(rows, experiment.axis, reading)


def epochs_of(experiment: Experiment, records: Records) -> dict[str, list[list[Mapping[str, Any]]]]:
    """The epochs of each seed of each row that is run, for figures of curves."""
    found = {
        outcome.row.label: [record["epochs"] for record in outcome.records if record["epochs"]]
        for outcome in found_rows(experiment, records)
    }
    return {label: seeds for label, seeds in found.items() if seeds}


def loss_curves(experiment: Experiment, records: Records, reading: str = "") -> Picture | None:
    """The losses over the epochs of each row that is run, one panel a row; None if none is."""
    runs = epochs_of(experiment, records)
    reading = reading or f"Losses over the epochs. {experiment.question}"
    return plot_loss_curves(runs, reading) if runs else None


def files(records: Records) -> Iterator[tuple[str, str]]:
    """Every file of the report: its place below assets/results/, and its content."""
    for experiment in EXPERIMENTS.values():
        found = outcomes(experiment, records)
        yield f"tables/{experiment.name}.csv", as_csv(table(found))
        yield f"figures/{experiment.name}.svg", described(picture(experiment, found))
    curves = loss_curves(EXPERIMENTS["eight-runs"], records)
    if curves is not None:
        yield "figures/eight-runs-losses.svg", described(curves)


def described(figure: Picture) -> str:
    """The figure as SVG that tells its words to whoever can't see it: the reading as its title, the
    alt text as its description.
    """
    start = figure.svg.index("<svg")
    end = figure.svg.index(">", start) + 1
    title, description = html.escape(figure.reading), html.escape(figure.alt)
    words = f"\n <title>{title}</title>\n <desc>{description}</desc>"
    lines = (figure.svg[:end] + words + figure.svg[end:]).splitlines()
    return "\n".join(line.rstrip() for line in lines) + "\n"


def write_report(records: Path = RECORDS, results: Path = RESULTS) -> list[Path]:
    """Write `tables/` and `figures/` from the records in a folder, each file whole and only where
    something changed; those that did.
    """
    changed = []
    for name, content in files(find_records(records)):
        path = results / name
        if not path.is_file() or path.read_text(encoding="utf-8") != content:
            write_whole(path, content.encode())
            changed.append(path)
    return changed
