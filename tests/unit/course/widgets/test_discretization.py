"""The explorer of discretisation, driven through its controls."""

from course.plots.discretization import RULE_NAMES
from course.plots.trajectory import INPUTS, plot_trajectory
from course.widgets.discretization import explore_discretization


def test_explorer_begins_with_the_figure_above_it():
    assert (
        explore_discretization().output.value.count(plot_trajectory("mixed", -1, 1.0).to_html())
        == 1
    )


def test_every_choice_redraws_and_none_ends_in_an_error():
    box = explore_discretization()
    for name, options in {"rule": RULE_NAMES, "shape": INPUTS}.items():
        for value in options:
            before = box.output.value
            changed = box.controls[name].value != value
            box.controls[name].value = value
            assert "<img" in box.output.value and (box.output.value != before) == changed
    for name, value in {"delta": 6.0, "real": -20.0, "imaginary": 3.0, "alpha": 1.0}.items():
        box.controls[name].value = value
        assert 'role="status"' in box.output.value


def test_what_has_no_answer_is_said_in_one_line():
    box = explore_discretization()
    box.controls["rule"].value = "backward_euler"
    box.controls["real"].value = 1.0
    assert 'role="alert"' in box.output.value and "no inverse" in box.output.value
    box.controls["delta"].value = 0.5
    assert "<img" in box.output.value
