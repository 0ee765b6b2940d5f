"""The lab report's figures: rows and lines, differences with their intervals, curves."""

import re

import pytest
from says import says

from course.lab.significance import Comparison
from course.lab.verdicts import HOLDS, IN_PART, NOT_SHOWN, Difference, Finding, Verdict
from course.plots.experiments import Measured, plot_calibration, plot_lines, plot_rows
from course.plots.intervals import plot_effects, plot_forest, told
from course.plots.run_curves import plot_loss_curves, plot_training

ROWS = [
    Measured("1 head", (0.5, 0.7), 0.9, 1.0),
    Measured("2 heads", (0.8, 0.9), None, 2.0),
    Measured("4 heads", (), 0.6, 4.0),
]


@pytest.mark.parametrize("plot", [plot_rows, plot_lines])
def test_the_reading_is_the_authors_and_alt_is_computed_from_the_numbers(plot):
    first = "1 head: 60.0% (seeds from 50.0% to 70.0%), the student 90.0%"
    picture = plot(ROWS, "heads", "Two heads are better.")
    says(picture, first, "4 heads: not run yet, the student")
    assert picture.reading == "Two heads are better."
    with pytest.raises(ValueError, match="one-sentence reading"):
        plot(ROWS, "heads", "")


def test_rows_keep_their_order_and_each_seed_is_a_dot():
    svg = plot_rows(ROWS, "heads", "Heads.").svg
    places = [svg.index(f"<!-- {row.label} -->") for row in ROWS]
    assert places == sorted(places) and "not run yet" in svg
    dots = re.findall(r"<use [^>]*fill: #cc79a7", svg)
    assert len(dots) == 4, "two seeds of two rows"


def test_rows_have_their_differences_beside_them():
    base = Measured("1 head", (0.5, 0.7), 0.9, 1.0, "", True)
    other = Measured("2 heads", (0.8, 0.9), None, 2.0, "", False, (0.25, 0.1, 0.4))
    picture = plot_rows([base, other], "heads", "Two are better.")
    says(picture, "against the bold row +25.0 (+10.0 to +40.0)")
    assert picture.alt.count("against the bold row") == 1
    assert "points against the bold row" in picture.svg
    assert "points against" not in plot_rows(ROWS, "heads", "One.").svg


def test_lines_are_told_apart_and_a_crossing_is_marked():
    rows = [
        Measured(f"{kind}, {x}", (0.1 * x,), None, float(x), kind)
        for kind in ("transformer", "Mamba")
        for x in (1, 2, 9)
    ]
    plain, marked = (
        plot_lines(rows, "words", "They cross.", log=True, marks=marks).svg
        for marks in ((), (5.0,))
    )
    assert "<!-- transformer -->" in plain and "<!-- Mamba -->" in plain
    assert "#56b4e9" in plain and "#e69f00" in plain
    assert marked.count("stroke-dasharray") > plain.count("stroke-dasharray")
    says(plot_lines([Measured("a", (), None, 1.0)], "words", "Nothing."), "not run yet")


def test_curves_say_where_each_run_ends():
    row = {"epoch": 1, "train_loss": 2.0, "val_loss": 2.0, "train_accuracy": 0.1}
    row |= {"val_accuracy": 0.05, "learning_rate": 0.003}
    end = row | {"epoch": 2, "train_loss": 0.5, "val_loss": 0.6}
    end |= {"val_accuracy": 0.9, "learning_rate": 0.0}
    curves = {"transformer": [[row, end]], "Mamba": [[row, end]] * 2}
    says(plot_loss_curves(curves, "They fall."), "transformer: 0.6, +0.1 from the training words")
    picture = plot_training(curves, "It falls.")
    says(picture, "Mamba: rate up to 0.003, at the end loss 0.6, 90.0%")
    assert "learning rate" in picture.svg


def test_false_findings_are_drawn_beside_what_was_promised():
    tests = {"careful": [0.2, 0.4, 0.6, 0.8], "rash": [0.01, 0.02, 0.03, 0.9]}
    picture = plot_calibration(tests, "One keeps its promise.")
    says(picture, "At 5 % it is careful: 0.0%, rash: 75.0%.")
    assert all(f"<!-- {name} -->" in picture.svg for name in (*tests, "as promised"))


def test_every_claim_stands_on_the_page_with_its_verdict():
    found = Difference("8 heads", "4 heads", (0.9, 0.85), 0.05, 0.01, 0.09, 0.003, 5)
    far = Difference("some", "none", (0.9, 0.1), 0.8, 0.7, 0.9, 0.0001, 5)
    verdicts = [
        Verdict("4a", "8 heads of 8", Finding(HOLDS, (found,)), "09_lab_report, section 3"),
        Verdict("3c", "Positions", Finding(IN_PART, (far,)), "09_lab_report, section 2"),
        Verdict("1a", "A head looks", Finding(NOT_SHOWN, (), {"weight": 0.9}), "07, section 8"),
        Verdict("1b", "It is used", Finding(HOLDS), "07_x, section 6", "our machine: ✗"),
    ]
    picture = plot_forest(verdicts, {("8 heads", "4 heads"): 0.003}, "Some hold.")
    named = [f"{one.number}, {one.claim}: {one.verdict}" for one in verdicts]
    says(picture, *named, "weight 0.9", "+5.0 points (95 %: +1.0 to +9.0)")
    svg = picture.svg
    assert all(one.verdict in svg for one in verdicts) and "in 07, section 8" in svg
    assert "in 07, section 6; our machine: ✗" in svg and "(our machine: ✗)" in picture.alt
    assert "log beyond" in svg, "80 points and 5 on one axis"


def test_effects_are_told_with_their_intervals():
    found = {"A learned": Comparison(0.01, -0.02, 0.04, 0.5, 3)}
    picture = plot_effects(found, "Nothing beyond luck.")
    says(picture, "95 % intervals. A learned: +1.0 (−2.0 to +4.0), p = 0.5.")
    assert "log beyond" not in picture.svg and told((0.0, -0.01, 0.01)) == "+0.0 (−1.0 to +1.0)"
