"""Differences with their intervals, on the page of all claims and beside a table's rows."""

import pytest

from course.lab.significance import Comparison
from course.lab.verdicts import HOLDS, IN_PART, NOT_SHOWN, Difference, Finding, Verdict
from course.plots.experiments import Measured, plot_rows
from course.plots.intervals import plot_effects, plot_forest, told

FOUND = Difference("8 heads", "4 heads", (0.9, 0.85), 0.05, 0.01, 0.09, 0.003, 5)
FAR = Difference("some", "none", (0.9, 0.1), 0.8, 0.7, 0.9, 0.0001, 5)
VERDICTS = [
    Verdict("4a", "8 heads of 8", Finding(HOLDS, (FOUND,)), "09_lab_report, section 3"),
    Verdict("3c", "Positions", Finding(IN_PART, (FAR,)), "09_lab_report, section 2"),
    Verdict("1a", "A head looks", Finding(NOT_SHOWN, (), {"weight": 0.9}), "07, section 8"),
]


def test_every_claim_stands_on_the_page_with_its_verdict():
    picture = plot_forest(VERDICTS, {("8 heads", "4 heads"): 0.003}, "Some hold.")
    assert picture.reading == "Some hold."
    for one in VERDICTS:
        assert f"{one.number}, {one.claim}: {one.verdict}" in picture.alt
    assert "weight 0.9" in picture.alt and "+5.0 points (95 %: +1.0 to +9.0)" in picture.alt
    svg = picture.svg
    assert all(one.verdict in svg for one in VERDICTS) and "in 07, section 8" in svg
    assert "log beyond" in svg, "80 points and 5 on one axis"
    with pytest.raises(ValueError, match="a claim with a difference"):
        plot_forest(VERDICTS[2:], {}, "Nothing.")


def test_effects_are_told_with_their_intervals():
    found = {"A learned": Comparison(0.01, -0.02, 0.04, 0.5, 3)}
    picture = plot_effects(found, "Nothing beyond luck.")
    assert picture.alt == (
        "Effects in points with 95 % intervals. A learned: +1.0 (−2.0 to +4.0), p = 0.5."
    )
    assert "log beyond" not in picture.svg and told((0.0, -0.01, 0.01)) == "+0.0 (−1.0 to +1.0)"
    with pytest.raises(ValueError, match="at least one effect"):
        plot_effects({}, "?")


def test_rows_have_their_differences_beside_them():
    rows = [
        Measured("1 head", (0.5, 0.7), 0.9, 1.0, "", True),
        Measured("2 heads", (0.8, 0.9), None, 2.0, "", False, (0.25, 0.1, 0.4)),
    ]
    picture = plot_rows(rows, "heads", "Two are better.")
    assert "against the bold row +25.0 (+10.0 to +40.0)" in picture.alt
    assert picture.alt.count("against the bold row") == 1
    assert "points against the bold row" in picture.svg
    alone = plot_rows([Measured("1 head", (0.5, 0.7))], "heads", "One.")
    assert "points against" not in alone.svg
