"""A menu whose choices change."""

from ipywidgets import Dropdown

from course.widgets.fields import offer


def test_a_dropdown_keeps_what_it_can():
    control = Dropdown(options=[1, 2, 3, 4], value=4, description="Step:")
    offer(control, range(1, 3))
    assert control.value == 2
    offer(control, range(1, 9))
    assert control.value == 2 and list(control.options) == list(range(1, 9))
