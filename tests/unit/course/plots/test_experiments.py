import re

import pytest

from course.plots.experiments import (
    Measured,
    plot_calibration,
    plot_lines,
    plot_rows,
)
from course.plots.run_curves import plot_loss_curves, plot_training

ROWS = [
    Measured("1 head", (0.5, 0.7), 0.9, 1.0),
    Measured("2 heads", (0.8, 0.9), None, 2.0),
    Measured("4 heads", (), 0.6, 4.0),
]


@pytest.mark.parametrize("plot", [plot_rows, plot_lines])
def test_the_reading_is_the_authors_and_alt_is_computed_from_the_numbers(plot):
    picture = plot(ROWS, "heads", "Two heads are better.")
    assert picture.reading == "Two heads are better."
    assert "1 head: 60.0% (seeds from 50.0% to 70.0%), the student 90.0%" in picture.alt
    assert "4 heads: not run yet, the student" in picture.alt
    with pytest.raises(ValueError, match="one-sentence reading"):
        plot(ROWS, "heads", "")


def test_rows_keep_their_order_and_each_seed_is_a_dot():
    svg = plot_rows(ROWS, "heads", "Heads.").svg
    places = [svg.index(f"<!-- {row.label} -->") for row in ROWS]
    assert places == sorted(places) and "not run yet" in svg
    dots = re.findall(r"<use [^>]*fill: #cc79a7", svg)
    assert len(dots) == 4, "two seeds of two rows"


def test_lines_are_told_apart():
    rows = [
        Measured(f"{kind}, {x}", (0.1 * x,), None, float(x), kind)
        for kind in ("transformer", "Mamba")
        for x in (1, 2, 3)
    ]
    svg = plot_lines(rows, "words", "Words.", log=True).svg
    assert "<!-- transformer -->" in svg and "<!-- Mamba -->" in svg
    assert "#56b4e9" in svg and "#e69f00" in svg


def test_loss_curves_say_where_each_ends():
    first = {"epoch": 1, "train_loss": 2.0, "val_loss": 2.0}
    last = {"epoch": 2, "train_loss": 0.5, "val_loss": 0.6}
    curves = {"transformer": [[first, last]], "Mamba": [[first, {**last, "val_loss": 0.9}]] * 2}
    picture = plot_loss_curves(curves, "They fall.")
    assert "transformer: 0.6, +0.1 from the training words" in picture.alt


def test_training_is_shown_with_its_learning_rate():
    row = {"epoch": 1, "train_loss": 2.0, "val_loss": 2.0, "train_accuracy": 0.1}
    row |= {"val_accuracy": 0.05, "learning_rate": 0.003}
    end = row | {"epoch": 2, "val_loss": 0.5, "val_accuracy": 0.9, "learning_rate": 0.0}
    picture = plot_training({"Mamba, small": [[row, end]] * 2}, "It falls.")
    assert "Mamba, small: rate up to 0.003, at the end loss 0.5, 90.0%" in picture.alt
    assert "learning rate" in picture.svg
    with pytest.raises(ValueError, match="at least one run"):
        plot_training({}, "?")


def test_nothing_to_draw_is_refused():
    with pytest.raises(ValueError, match="at least one row"):
        plot_rows([], "heads", "?")
    with pytest.raises(ValueError, match="where on its axis"):
        plot_lines([Measured("a", (0.5,))], "heads", "?")
    with pytest.raises(ValueError, match="at least one run"):
        plot_loss_curves({"a": []}, "?")


def test_a_crossing_is_marked():
    rows = [
        Measured(f"{line} {x}", (0.1 * x if line == "a" else 0.5,), None, float(x), line)
        for line in "ab"
        for x in (1, 9)
    ]
    plain, marked = (
        plot_lines(rows, "words", "They cross.", log=True, marks=marks) for marks in ((), (5.0,))
    )
    assert marked.svg.count("stroke-dasharray") > plain.svg.count("stroke-dasharray")
    assert "not run yet" in plot_lines([Measured("a", (), None, 1.0)], "words", "Nothing.").alt


def test_false_findings_are_drawn_beside_what_was_promised():
    tests = {"careful": [0.2, 0.4, 0.6, 0.8], "rash": [0.01, 0.02, 0.03, 0.9]}
    picture = plot_calibration(tests, "One keeps its promise.")
    assert "At 5 % it is careful: 0.0%, rash: 75.0%." in picture.alt
    assert all(f"<!-- {name} -->" in picture.svg for name in (*tests, "as promised"))
    with pytest.raises(ValueError, match="p-values"):
        plot_calibration({"none": []}, "Nothing.")
