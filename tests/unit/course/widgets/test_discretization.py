"""The explorer of discretisation: what has no answer is said in one line."""

from course.widgets.discretization import explore_discretization


def test_what_has_no_answer_is_said_in_one_line():
    box = explore_discretization()
    box.controls["rule"].value = "backward_euler"
    box.controls["real"].value = 1.0
    assert 'role="alert"' in box.output.value and "no inverse" in box.output.value
    box.controls["delta"].value = 0.5
    assert "<img" in box.output.value and 'role="alert"' not in box.output.value
