"""The explorers of notebook 09: any experiment at a time, and any two recorded runs, their curves,
their mistakes, and the words that only one of them has right.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from ipywidgets import Dropdown

from course.lab.catalogue import EXPERIMENTS
from course.lab.mistakes import count_kinds
from course.lab.records import find_records, wrong_words
from course.lab.tables import Records, found_rows
from course.plots.knobs import VIEWS, plot_experiment
from course.plots.report import Folded, Report
from course.plots.run_curves import plot_two_runs
from course.plots.style import Picture
from course.plots.tables import Table
from course.widgets.common import Explorer, explorer
from nmt.data import load_pairs
from nmt.pig_latin import to_pig_latin

Runs = Mapping[str, Mapping[int, Mapping[str, Any]]]  # a row's name → seed → record
START = (("positions: sinusoidal", 0), ("best: transformer, small", 0))  # base and best
ALL = "all knobs at once"
WORD_BY_WORD = "Word by word"
SHOWN = 8  # words in a list


def recorded_runs(records: Records) -> dict[str, dict[int, Mapping[str, Any]]]:
    """Every row of every experiment of which a run is there, "experiment: row", with its records by
    seed.

    A row that several experiments share, such as their base, stands under each of their names.
    """
    found = {}
    for experiment in EXPERIMENTS.values():
        for outcome in found_rows(experiment, records):
            if seeds := {record["seed"]: record for record in outcome.records}:
                found[f"{experiment.name}: {outcome.row.label}"] = seeds
    return found


@cache
def _words(data: str) -> tuple[str, ...]:
    """The validation words of a data set, in the order of the alphabet."""
    return tuple(pair.source for pair in load_pairs(data, "val"))


def _pair(
    runs: Runs, first: tuple[str, int], second: tuple[str, int]
) -> dict[str, Mapping[str, Any]]:
    """The two records by the names to show, or a `ValueError` in words for the reader."""
    for row, seed in (first, second):
        if seed not in runs[row]:
            known = ", ".join(map(str, sorted(runs[row])))
            raise ValueError(f"{row}: no seed {seed} is run, but {known}")
    chosen = [runs[row][seed] for row, seed in (first, second)]
    sets = [record["training"]["data"] for record in chosen]
    if sets[0] != sets[1]:
        raise ValueError(
            f"These two runs were measured on different words: {first[0]} on the validation words"
            f" of {sets[0]}, {second[0]} on those of {sets[1]}. Word by word they can't be"
            " compared; choose two runs on the same set."
        )
    names = [f"{row}, seed {seed}" for row, seed in (first, second)]
    if names[0] == names[1]:
        hint = "choose another row or seed for one of them"
        raise ValueError(f"This is one run twice, so there is nothing to compare; {hint}.")
    return dict(zip(names, chosen))


def show_two_runs(
    runs: Runs, first: tuple[str, int] = START[0], second: tuple[str, int] = START[1]
) -> Picture:
    """The losses of two runs (row, seed) of `recorded_runs` together, and their mistakes by kind.

    Raises:
        ValueError: if a seed is not recorded, the two are one, or they were measured on different
            words.
    """
    pair = _pair(runs, first, second)
    wrong = [wrong_words(record) for record in pair.values()]
    kinds = {name: count_kinds(record["mistakes"]) for name, record in pair.items()}
    return plot_two_runs(pair, kinds, (len(wrong[1] - wrong[0]), len(wrong[0] - wrong[1])))


def words_apart(
    runs: Runs, first: tuple[str, int] = START[0], second: tuple[str, int] = START[1]
) -> Table:
    """What each of two runs made of the words that one of them has right and the other wrong: the
    first few of each kind, and of both.

    Of a run with more than 100 mistakes only some answers are recorded; of the others the word
    alone is shown.
    """
    pair = _pair(runs, first, second)
    answers = [{word: own for word, _, own in record["mistakes"]} for record in pair.values()]
    wrong = [wrong_words(record) for record in pair.values()]
    order = _words(next(iter(pair.values()))["training"]["data"])
    groups = (
        ("the first", wrong[1] - wrong[0]),
        ("the second", wrong[0] - wrong[1]),
        ("neither", wrong[0] & wrong[1]),
    )
    rows: list[tuple[str, ...]] = []
    for label, words in groups:
        listed = [word for word in order if word in words]
        for word in listed[:SHOWN]:
            told = [
                (own.get(word, "wrong (not kept)") or "(nothing)") if word in missed else "✓ right"
                for own, missed in zip(answers, wrong)
            ]
            rows.append((word, to_pig_latin(word), *told, label))
        if not listed:
            rows.append(("none", "", "", "", label))
        elif len(listed) > SHOWN:
            rows.append((f"{len(listed) - SHOWN} more", "", "", "", label))
    caption = "Words that one run has right and the other wrong, and that both have wrong."
    return Table(caption, ("word", "right answer", *pair, "who is right"), tuple(rows))


def compare_runs(records: Records | None = None) -> Explorer:
    """Two dropdowns for each of two runs, row and seed: the figure of `show_two_runs`, and below it
    the words of `words_apart`.

    Args:
        records: those that came with the course, if none are given.
    """
    runs = recorded_runs(find_records() if records is None else records)
    rows, seeds = list(runs), sorted({seed for own in runs.values() for seed in own})
    one, two = ((row, min(runs[row])) for row in (rows[0], rows[-1]))
    if all(row in runs and seed in runs[row] for row, seed in START):
        one, two = START
    controls = {
        "row": Dropdown(options=rows, value=one[0], description="First run:"),
        "seed": Dropdown(options=seeds, value=one[1], description="Its seed:"),
        "other_row": Dropdown(options=rows, value=two[0], description="Second run:"),
        "other_seed": Dropdown(options=seeds, value=two[1], description="Seed of the second:"),
    }

    def draw(row: str, seed: int, other_row: str, other_seed: int) -> str:
        chosen = (row, seed), (other_row, other_seed)
        words = Folded([], {WORD_BY_WORD: words_apart(runs, *chosen)})
        return show_two_runs(runs, *chosen).to_html() + words._repr_html_()

    return explorer(controls, draw)


def explore_experiments(report: Report, overview: Picture) -> Explorer:
    """One experiment of a report at a time: its rows with their seeds and intervals, or the curves
    of its loss and its learning rate; at the start the `overview` that stands for all of them.
    """
    for name in EXPERIMENTS:
        report.outcomes(name)
    controls = {
        "experiment": Dropdown(options=[ALL, *EXPERIMENTS], description="Experiment:"),
        "view": Dropdown(options=VIEWS, description="Show:"),
    }

    def adjust(own: Mapping[str, Any]) -> None:
        # There is one view of all: the control is out of the way, also for the keyboard.
        hidden = own["experiment"].value == ALL
        own["view"].layout.visibility = "hidden" if hidden else "visible"

    @cache  # matplotlib takes a quarter of a second
    def draw(experiment: str, view: str) -> Picture:
        if experiment == ALL:
            return overview
        return plot_experiment(EXPERIMENTS[experiment], report.outcomes(experiment), view)

    return explorer(controls, draw, adjust)
