"""An experiment is one call; what is folded away is still there for every reader."""

import re

import pytest

from course.lab.verdicts import NO_WINNER, VERDICTS
from course.plots.report import Folded, Report, all_verdicts
from course.plots.tables import Table
from nmt.data import load_pairs

TABLE = Table("Fruit & co.", ("", "pieces"), (("apples", "3"),))


@pytest.fixture(scope="module")
def report():
    return Report()


def test_what_is_folded_unfolds_without_a_script():
    html = Folded([TABLE], {"More & more": TABLE})._repr_html_()
    assert html.count("<table") == 2 and html.count("<details>") == 1
    assert html.index("<table") < html.index("<details>"), "the first is seen"
    assert "<summary>More &amp; more</summary>" in html and "open" not in html
    assert repr(Folded([TABLE], {"More": TABLE})) == f"{TABLE!r}\n{TABLE!r}"


def test_a_section_shows_the_figure_and_folds_table_and_verdicts(report):
    shown = report.section("heads", "Four are good.", "4a", "4b", first=[TABLE])
    assert shown.seen[0] is TABLE and shown.seen[1].reading == "Four are good."
    assert list(shown.folded) == ["The table", "What the student claimed, and the verdict"]
    html = shown._repr_html_()
    assert re.findall(r"<summary>(.*?)</summary>", html) == list(shown.folded)
    assert "8 heads of 8 are best" in html and "16 heads" in repr(shown)
    assert list(report.section("width", "Wide.", also={"Fruit": TABLE}).folded)[-1] == "Fruit"
    with pytest.raises(ValueError, match="no claim '44'"):
        report.section("heads", "?", "44")


def test_each_comparison_is_made_once(report):
    assert report.outcomes("heads") is report.outcomes("heads")
    assert report.options("heads")[-1] == NO_WINNER and "8 heads" in report.options("heads")
    assert report.winner("eight-runs", list(report.rows["eight-runs"])[:2])
    quick = report.right["short-heads"]
    assert report.right["heads"]["16 heads"] > quick["4 heads"] > 0.9 > quick["16 heads"]
    assert report.difference("short-heads", "4 heads", "16 heads").sign == 1
    assert len(report.curves("best")["Mamba, small"]) == 5


def test_every_claim_of_the_report_has_a_verdict(report, monkeypatch):
    """The shipped models are asked about a third of the words, and the verdicts are the same."""
    third = lambda *which: load_pairs(*which)[::3]  # noqa: E731
    monkeypatch.setattr("course.plots.report.load_pairs", third)
    found = all_verdicts(report.verdicts)
    assert len(found) == 31 and all(one.verdict in VERDICTS[:4] for one in found)
    numbers = [one.number for one in found]
    assert numbers == sorted(numbers, key=lambda one: (one == "table", one))
    assert {number[0] for number in numbers if number != "table"} == set("123456789")
    by_number = {one.number: one for one in found}
    assert by_number["2b"].verdict == "holds in part" and not by_number["2b"].beside
    kinds = {n: (by_number[n].verdict, by_number[n].beside[-1]) for n in ("1a", "1b", "1c")}
    assert kinds["1b"] == ("the opposite holds", "◐"), "swapped neighbours mislead only ours"
    assert kinds["1a"] == ("holds", "✓") and kinds["1c"] == ("the opposite holds", "✗")
