"""The explorer of any two runs, over every row that is recorded, and its messages."""

import pytest

from course.lab.catalogue import EXPERIMENTS
from course.lab.records import find_records, wrong_words
from course.plots.report import Report
from course.plots.run_curves import plot_two_runs
from course.widgets.report import (
    SHOWN,
    START,
    compare_runs,
    explore_experiments,
    recorded_runs,
    show_two_runs,
    words_apart,
)
from nmt.pig_latin import to_pig_latin

RECORDS = find_records()


def record(seed, wrong, data="small", also=""):
    epochs = [{"epoch": e, "train_loss": 1 / e, "val_loss": 1.1 / e} for e in (1, 2, 3)]
    mistakes = [[word, to_pig_latin(word), to_pig_latin(word)[:-1]] for word in wrong]
    about = {"seed": seed, "training": {"data": data}, "best": {"val_accuracy": 0.5}}
    return {**about, "epochs": epochs, "mistakes": mistakes, "also_wrong": also}


RUNS = {
    "a: one": {0: record(0, ["abbeyland", "desiring"]), 1: record(1, [])},
    "a: two": {0: record(0, ["desiring", "outwardly"], also="sole how")},
    "b: large": {0: record(0, [], "large")},
}
PAIR = {"a": RUNS["a: one"][0], "b": RUNS["a: two"][0]}
DRAWN = plot_two_runs(PAIR, {"a": {"several": 1}, "b": {"several": 2}}, (1, 2))


def test_words_that_only_one_run_has_right():
    picture = show_two_runs(RUNS, ("a: one", 0), ("a: two", 0))
    assert "3 words only a: one, seed 0 has right, 1 only a: two, seed 0." in picture.reading
    table = words_apart(RUNS, ("a: one", 0), ("a: two", 0))
    who = {row[0]: row[4] for row in table.rows}
    first = dict.fromkeys(("how", "outwardly", "sole"), "the first")
    assert who == first | {"abbeyland": "the second", "desiring": "neither"}
    cells = {row[0]: row[1:4] for row in table.rows}
    assert cells["how"] == (to_pig_latin("how"), "✓ right", "wrong (not kept)")
    right = to_pig_latin("desiring")
    assert cells["desiring"] == (right, right[:-1], right[:-1])
    nothing = words_apart(RUNS, ("a: one", 1), ("a: two", 0))
    assert [row[0] for row in nothing.rows if row[4] != "the first"] == ["none", "none"]


def test_long_lists_are_cut_and_say_how_much():
    positions = recorded_runs(RECORDS)["positions: none"]
    seed = min(positions)
    runs = {"a": {0: record(0, [])}, "b": {seed: positions[seed]}}
    rows = words_apart(runs, ("a", 0), ("b", seed)).rows
    assert sum(row[4] == "the first" for row in rows) == SHOWN + 1
    assert f"{len(wrong_words(positions[seed])) - SHOWN} more" in {row[0] for row in rows}


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (("a: one", 0), ("a: two", 1), "a: two: no seed 1 is run, but 0"),
        (("a: two", 0), ("a: one", 7), "no seed 7 is run, but 0, 1"),
        (("a: one", 0), ("b: large", 0), "words: a: one on the validation words of small"),
        (("a: one", 0), ("a: one", 0), "one run twice"),
    ],
)
def test_what_cannot_be_compared_is_said(first, second, message):
    for function in (show_two_runs, words_apart):
        with pytest.raises(ValueError, match=message):
            function(RUNS, first, second)


def test_the_explorer_starts_with_the_figure_above_it():
    box, runs = compare_runs(RECORDS), recorded_runs(RECORDS)
    assert show_two_runs(runs).to_html() in box.output.value
    assert words_apart(runs).to_html() in box.output.value
    assert [control.value for control in box.controls.values()] == [*START[0], *START[1]]
    assert "It starts with: Validation words right: positions: sinusoidal, seed 0" in repr(box)


def test_every_recorded_row_and_every_seed_draws_or_says_why_not(monkeypatch):
    box = compare_runs(RECORDS)
    rows, seeds = box.controls["row"].options, box.controls["seed"].options
    assert len(set(rows)) == len(rows) and {row.split(":")[0] for row in rows} <= set(EXPERIMENTS)
    # Drawing all takes minutes.
    monkeypatch.setattr("course.widgets.report.plot_two_runs", lambda runs, kinds, apart: DRAWN)
    runs = recorded_runs(RECORDS)

    def complains(row, seed):
        try:
            show_two_runs(runs, (row, seed), START[1])
        except ValueError:
            return True
        return False

    for row, seed in [(rows[0], seed) for seed in seeds] + [(row, 0) for row in rows]:
        box.controls["row"].value, box.controls["seed"].value = row, seed
        assert "<img" in box.output.value, "what cannot be compared leaves the last picture"
        assert complains(row, seed) == ('role="alert"' in box.output.value), (row, seed)
        assert "Error" not in box.output.value, (row, seed)
    monkeypatch.undo()
    for row in rows[:: max(1, len(rows) // 4)]:
        box.controls["row"].value, box.controls["seed"].value = row, 0
        assert "<img" in box.output.value, row


def test_without_the_best_models_it_starts_elsewhere():
    kept = ("none", "learned")
    some = {key: one for key, one in RECORDS.items() if one["model"].get("positions") in kept}
    box = compare_runs(some)
    rows = [box.controls[name].value for name in ("row", "other_row")]
    assert rows == ["positions: none", "positions: learned"]
    assert "<img" in box.output.value


def test_the_explorer_of_experiments_starts_with_all_and_shows_each(monkeypatch):
    some = {name: EXPERIMENTS[name] for name in ("positions", "data-size")}
    monkeypatch.setattr("course.widgets.report.EXPERIMENTS", some)
    box = explore_experiments(Report(RECORDS), DRAWN)
    assert DRAWN.to_html() in box.output.value
    assert box.controls["view"].layout.visibility == "hidden"
    assert f"It starts with: {DRAWN.reading}" in repr(box)
    for name, experiment in some.items():
        box.controls["experiment"].value = name
        assert experiment.question.replace("'", "&#x27;") in box.output.value
        assert 'role="alert"' not in box.output.value
    assert box.controls["view"].layout.visibility == "visible"
    box.controls["view"].value = "validation loss"
    assert "validation loss after each epoch" in box.output.value
