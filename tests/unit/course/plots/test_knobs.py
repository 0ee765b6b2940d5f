"""Which knob matters: one notch from the base, and the sketches of the explorer."""

import html

import pytest

from course.lab.catalogue import EXPERIMENTS
from course.lab.records import find_records
from course.lab.tables import found_rows, outcomes
from course.plots.knobs import VIEWS, one_notch, plot_experiment, plot_knobs, reach

RECORDS = find_records()
FOUND = {name: outcomes(EXPERIMENTS[name], RECORDS) for name in ("heads", "learning-rate")}


def test_one_notch_is_the_base_and_its_neighbours():
    assert [one.row.label for one in one_notch(FOUND["heads"])] == ["2 heads", "4 heads", "8 heads"]
    assert 0 < reach(one_notch(FOUND["heads"])) < reach(FOUND["heads"])
    assert one_notch(outcomes(EXPERIMENTS["heads"], {})) == [] and reach([]) == 0


def test_all_knobs_in_one_figure():
    knobs = [(EXPERIMENTS[name], FOUND[name]) for name in ("heads", "learning-rate")]
    picture = plot_knobs(knobs, "The rate matters.")
    assert "16 heads 97" in picture.alt and "learning rate (Mamba)" in picture.alt
    assert "Mamba: learning rate" in picture.svg and "transformer: heads" in picture.svg


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_curves_name_every_row_that_is_run(name):
    found = found_rows(EXPERIMENTS[name], RECORDS)  # compared or not: the curves are the same
    for view in VIEWS[1:]:
        picture = plot_experiment(EXPERIMENTS[name], found, view)
        svg = html.unescape(picture.svg)
        assert picture.reading.startswith(EXPERIMENTS[name].question) and "nan" not in svg
        for one in found:
            if one.records:
                assert one.row.label in picture.alt and one.row.label in svg


def test_words_right_name_every_row():
    picture = plot_experiment(EXPERIMENTS["heads"], FOUND["heads"], VIEWS[0])
    assert picture.reading.startswith(EXPERIMENTS["heads"].question)
    assert all(one.row.label in picture.alt for one in FOUND["heads"])


def test_what_is_not_run_is_said():
    with pytest.raises(ValueError, match="heads is not run yet"):
        plot_experiment(EXPERIMENTS["heads"], outcomes(EXPERIMENTS["heads"], {}), VIEWS[0])
