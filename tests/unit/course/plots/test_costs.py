"""Tables and figures of the lab report: numbers of the records, and what is missing is said."""

import csv
import io
import re

import pytest
from says import says

from course.lab.catalogue import EXPERIMENTS
from course.lab.records import find_records
from course.lab.tables import as_csv, found_rows, outcomes, table
from course.lab.verdicts import FAILS, HOLDS, OPEN, VERDICTS, Difference, Finding, Verdict
from course.plots.costs import plot_cost, plot_costs, plot_wrong_groups
from course.plots.run_curves import plot_two_runs
from course.plots.tables import (
    COLUMNS,
    MARKS,
    MOST,
    Table,
    experiment_table,
    mistake_table,
    shipped_table,
    verdict_table,
)
from nmt.pig_latin import to_pig_latin

RECORDS = find_records()


def test_numbers_that_a_layer_computes() -> None:
    cost = plot_cost([8, 16, 32], {"scores": [64, 256, 1024], "outputs": [8, 16, 32]})
    says(cost, "scores by 16; outputs by 4")


@pytest.mark.parametrize("name", ["heads", "positions", "eight-runs", "best"])
def test_a_table_shows_the_numbers_of_its_csv_file(name):
    found = outcomes(EXPERIMENTS[name], RECORDS)
    cells = list(csv.DictReader(io.StringIO(as_csv(table(found)))))
    shown = experiment_table(EXPERIMENTS[name], found)
    assert len(shown.rows) == len(cells) and all(len(row) == len(COLUMNS) for row in shown.rows)
    for row, expected in zip(shown.rows, cells):
        assert row[0] == expected["row"]
        if expected["seeds"] == "0":
            assert row[1] == "not run yet" and row[2:7] == ("",) * 5
            continue
        shares = [100 * float(expected[f"val_accuracy{end}"] or 0) for end in ("", "_sd")]
        accuracy, _, spread = row[1].removesuffix("%").partition(" ± ")
        assert [float(accuracy), float(spread or 0)] == pytest.approx(shares, abs=0.0501)
        losses = [float(expected[key]) for key in ("val_loss", "train_loss")]
        assert [float(one) for one in row[3].split(", ")] == pytest.approx(losses, abs=0.000501)
        assert int(row[5].replace(",", "")) == int(expected["parameters"])
        student = expected["student_val_accuracy"]
        assert row[7].startswith(f"{100 * float(student):.1f}%" if student else "")


def test_a_table_without_records_says_so_everywhere():
    shown = experiment_table(EXPERIMENTS["positions"], outcomes(EXPERIMENTS["positions"], {}))
    assert all(row[1] == "not run yet" and row[-1] == "none" for row in shown.rows)
    assert not shown.strong
    assert shown.rows[0][7] == "57.6%, 0.232", "the student's figure is there all the same"


def test_a_table_is_told_to_every_reader():
    rows, second = (("apples", "3"), (("pears", "a.html"), "12")), frozenset({1})
    shown = Table("Fruit & co.", ("", "pieces"), rows, second, second, "One line.\nTwo.")
    html = shown.to_html()
    for part in ('<th scope="col"', '<th scope="row"', "<caption", "Fruit &amp; co."):
        assert part in html
    assert '<a href="a.html">pears</a>' in html and html.count("font-weight:bold") == 2
    assert html.endswith("<p>One line.</p><p>Two.</p>")
    assert html.startswith('<div style="overflow-x:auto"><table>'), "a wide one scrolls by itself"
    assert "color" not in html, "the page's own colours, light or dark"
    lines = "        pieces", "apples       3", "pears       12", "One line.", "Two."
    assert repr(shown).splitlines() == ["Table. Fruit & co.", *lines]


def test_verdicts_are_chosen_by_number_or_by_their_first_words():
    two = Difference("8 heads", "4 heads", (0.9, 0.85), 0.05, 0.01, 0.09, 0.003, 5)
    found = [
        Verdict("4a", "8 heads of 8", Finding(OPEN), "09_lab_report, section 3"),
        Verdict("8", "Mamba is better", Finding(HOLDS, (two,)), "09_lab_report, section 9"),
        Verdict("table", "Words fail", Finding(FAILS, (), {"wrong": 0.25}), "07_interpretability"),
    ]
    (row,) = verdict_table(found, "8").rows
    assert row[3] == "8 heads − 4 heads: +5.0 points (95 %: +1.0 to +9.0), p = 0.003, 5 seeds"
    words, heads = verdict_table(found, "Words", "4a").rows
    assert (words[1], words[3], heads[1]) == ("Words fail", "wrong 0.25", "8 heads of 8")
    whole = verdict_table(found)
    marked = [f"{MARKS[one.verdict]} {one.verdict}" for one in found]
    assert [row[2] for row in whole.rows] == marked and set(MARKS) == set(VERDICTS)
    assert 'href="07_interpretability.ipynb"' in whole.to_html()
    with pytest.raises(ValueError, match="no claim '5'; there are 4a, 8, table"):
        verdict_table(found, "5")


def costs(name, loss="", size="", latency=""):
    times = dict.fromkeys(("milliseconds_alone", "milliseconds_a_word"), latency)
    return {"row": name, "val_loss": loss, "parameters": size, **times}


def test_costs_stand_side_by_side():
    rows = [costs("transformer", "0.05", "200000", "1.5"), costs("Mamba", "0.07", "60000", "2.5")]
    picture = plot_costs([*rows, costs("later")], "Mamba is smaller.")
    says(picture, "later not measured", "Mamba 60,000")


def test_groups_of_words_are_curves_or_bars():
    small, large = "transformer, small", "Mamba, large"
    lengths = {small: {"3": [0, 10], "4": [5, 10]}, large: {"3": [1, 10], "4": [0, 10]}}
    classes = {small: {"vowel": [2, 4]}, large: {"vowel": [0, 4]}}
    panels = {"the number of letters": lengths, "the class": classes}
    picture = plot_wrong_groups(panels, "Long words fail.")
    says(picture, "Mamba, large: vowel 0 of 4")
    assert "<!-- vowel -->" in picture.svg and "<!-- 3 -->" in picture.svg


def run(losses, accuracy):
    both = enumerate(losses, 1)
    epochs = [{"epoch": e, "val_loss": loss, "train_loss": loss / 2} for e, loss in both]
    return {"epochs": epochs, "mistakes": [], "best": {"val_accuracy": accuracy}}


def test_two_runs_together():
    pair = {"first": run([2.0, 0.5], 0.9), "second": run([1.0, 0.25], 0.8)}
    kinds = {"first": {"wrong onset": 2, "several": 0}, "second": {"wrong onset": 0, "several": 4}}
    right = "first 90.0%, second 80.0%. 3 words only first has right, 1 only second."
    ends = "second from 1 to 0.25 nats per token"
    says(plot_two_runs(pair, kinds, (3, 1)), right, ends, "first: wrong onset 2; second: several 4")
    says(plot_two_runs(pair, dict.fromkeys(pair, {"several": 0}), (0, 0)), "second: none.")


def test_mistakes_with_kind_class_and_look_alike():
    answers = {"across": "acrosssway", "school": "choolsay"}
    mistakes = [[word, to_pig_latin(word), answer] for word, answer in answers.items()]
    small = {"training": {"data": "small"}}
    shown = mistake_table({"a": small | {"mistakes": mistakes}, "b": small | {"mistakes": []}})
    assert [row[0] for row in shown.rows] == [*answers, "none"]
    assert shown.rows[0][2:5] == ("acrosssway", "doubled letter", "vowel")
    assert shown.rows[1][3:5] == ("wrong onset", "cluster")
    assert re.fullmatch(r"[a-z-]+, \d+", shown.rows[0][5])
    many = mistake_table({"a": small | {"mistakes": mistakes * MOST}})
    assert len(many.rows) == MOST + 1 and many.rows[-1][0] == f"{MOST} more"


def test_best_models_that_are_missing_are_named():
    rows = {one.row.label: one for one in found_rows(EXPERIMENTS["best"], {})}
    own = {"validation": {"wrong": [3, 300]}, "test": {"wrong": [2, 200]}, "seed": 4}
    own |= {"seeds": {"4": {"wrong": [2, 200]}, "5": {"wrong": [1, 200]}}}
    shown = {row[0]: row[1:] for row in shipped_table({"Mamba, small": own}, rows).rows}
    right = "297 of 300, 99.00% (97.10% to 99.66%)", "198 of 200, 99.00% (96.43% to 99.73%)"
    told = ("", "not run yet", "0", "99.25% (2, 1 wrong)", *right, "4", "87.0%")
    assert shown["Mamba, small"] == told
    few = shipped_table({"Mamba, small": own | {"seeds": {}}}, rows).rows
    assert next(row for row in few if row[0] == "Mamba, small")[4] == "not asked yet"
    assert shown["Mamba, large"][3] == "not shipped yet"
    ours = {one.row.label: one for one in found_rows(EXPERIMENTS["best"], RECORDS)}
    shown = {row[0]: row for row in shipped_table({}, ours).rows}
    assert re.fullmatch(r"\d\d\.\d\d% ± \d\.\d\d%", shown["transformer, small"][2])
