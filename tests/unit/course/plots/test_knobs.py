"""Which knob matters: one notch from the base, and the sketches of the explorer."""

import html

import pytest

from course.lab.catalogue import EXPERIMENTS
from course.lab.records import find_records
from course.lab.tables import outcomes
from course.plots.knobs import VIEWS, one_notch, plot_experiment, plot_knobs, reach

RECORDS = find_records()
FOUND = {name: outcomes(EXPERIMENTS[name], RECORDS) for name in ("heads", "learning-rate", "best")}


def test_one_notch_is_the_base_and_its_neighbours():
    assert [one.row.label for one in one_notch(FOUND["heads"])] == ["2 heads", "4 heads", "8 heads"]
    assert 0 < reach(one_notch(FOUND["heads"])) < reach(FOUND["heads"])
    assert one_notch(outcomes(EXPERIMENTS["heads"], {})) == [] and reach([]) == 0


def test_all_knobs_in_one_figure():
    knobs = [(EXPERIMENTS[name], FOUND[name]) for name in ("heads", "learning-rate")]
    picture = plot_knobs(knobs, "The rate matters.")
    assert "16 heads 97" in picture.alt and "learning rate (Mamba)" in picture.alt
    assert "Mamba: learning rate" in picture.svg and "transformer: heads" in picture.svg


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", FOUND)
def test_a_figure_names_every_row(name, view):
    picture = plot_experiment(EXPERIMENTS[name], FOUND[name], view)
    svg = html.unescape(picture.svg)
    assert picture.reading.startswith(EXPERIMENTS[name].question)
    for one in FOUND[name]:
        assert one.row.label in picture.alt and one.row.label in svg
    assert "nan" not in svg


def test_every_experiment_has_curves():
    for name, experiment in EXPERIMENTS.items():
        found = FOUND.get(name) or outcomes(experiment, RECORDS)
        assert all(plot_experiment(experiment, found, view).svg for view in VIEWS[1:])


def test_what_is_not_run_is_said():
    with pytest.raises(ValueError, match="heads is not run yet"):
        plot_experiment(EXPERIMENTS["heads"], outcomes(EXPERIMENTS["heads"], {}), VIEWS[0])
