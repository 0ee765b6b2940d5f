"""Which knob matters: one notch from the base, and the sketches of the explorer."""

import time

import pytest

from course.lab.catalogue import EXPERIMENTS
from course.lab.records import find_records
from course.lab.tables import outcomes
from course.plots.knobs import VIEWS, one_notch, plot_knobs, reach, sketch_experiment

RECORDS = find_records()
FOUND = {name: outcomes(EXPERIMENTS[name], RECORDS) for name in ("heads", "learning-rate", "best")}


def test_one_notch_is_the_base_and_its_neighbours():
    assert [one.row.label for one in one_notch(FOUND["heads"])] == ["2 heads", "4 heads", "8 heads"]
    assert 0 < reach(one_notch(FOUND["heads"])) < reach(FOUND["heads"])
    assert one_notch(outcomes(EXPERIMENTS["heads"], {})) == [] and reach([]) == 0


def test_all_knobs_in_one_figure():
    knobs = [(EXPERIMENTS[name], FOUND[name]) for name in ("heads", "learning-rate")]
    picture = plot_knobs(knobs, "The rate matters.")
    assert "16 heads 49" in picture.alt and "learning rate (Mamba)" in picture.alt
    assert "Mamba: learning rate" in picture.svg and "transformer: heads" in picture.svg
    with pytest.raises(ValueError, match="at least one knob"):
        plot_knobs([], "?")


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", FOUND)
def test_a_sketch_is_quick_and_names_every_row(name, view):
    started = time.process_time()
    picture = sketch_experiment(EXPERIMENTS[name], FOUND[name], view)
    svg = picture.svg
    assert time.process_time() - started < 0.1
    assert picture.reading.startswith(EXPERIMENTS[name].question)
    for one in FOUND[name]:
        assert one.row.label in picture.alt and one.row.label in svg
    assert "nan" not in svg


def test_every_experiment_has_every_view():
    for name, experiment in EXPERIMENTS.items():
        found = FOUND.get(name) or outcomes(experiment, RECORDS)
        assert all(sketch_experiment(experiment, found, view).svg for view in VIEWS)


def test_what_cannot_be_sketched_is_said():
    with pytest.raises(ValueError, match="no view 'colour'; there are words right"):
        sketch_experiment(EXPERIMENTS["heads"], FOUND["heads"], "colour")
    with pytest.raises(ValueError, match="heads is not run yet"):
        sketch_experiment(EXPERIMENTS["heads"], outcomes(EXPERIMENTS["heads"], {}), VIEWS[0])
