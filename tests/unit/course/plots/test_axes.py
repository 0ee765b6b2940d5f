"""What figures share: labels that are true, bars by group."""

import pytest
from true_ticks import check_ticks

from course.plots.axes import Percent, draw_bars, log_axis, percent_axis, spaced
from course.plots.style import new_figure


@pytest.mark.parametrize(
    ("ticks", "labels"),
    [
        ([0, 0.2, 0.4], ["0%", "20%", "40%"]),
        ([0, 0.025, 0.05], ["0.0%", "2.5%", "5.0%"]),
        ([0.99, 0.9925, 0.995], ["99.00%", "99.25%", "99.50%"]),
    ],
)
def test_percent_has_the_decimals_that_its_ticks_need(ticks, labels):
    assert Percent().format_ticks(ticks) == labels


def test_labels_of_a_logarithmic_axis_keep_apart():
    assert spaced([1, 2, 4, 8]) == [1, 2, 4, 8]
    assert spaced([8, 9, 100, 1000, 9000, 10_000]) == [8, 100, 1000, 10_000]
    assert spaced([0, 0.01, 0.1, 1], log=False) == [0, 0.1, 1]
    figure, axis = new_figure(5, 3)
    axis.plot([8, 9, 100, 9000, 10_000], [0.1, 1, 10, 100, 1000])
    log_axis(axis, "x", [8, 9, 100, 9000, 10_000])
    log_axis(axis, "y")
    figure.draw_without_rendering()
    texts = [label.get_text() for label in axis.get_xticklabels()]
    assert texts == ["8", "", "100", "", "10,000"]
    check_ticks(figure)


def test_rounded_percent_is_caught():
    figure, axis = new_figure(5, 3)
    axis.plot([0, 1], [0, 0.01])
    axis.yaxis.set_major_formatter(lambda value, _place: f"{value:.0%}")
    figure.draw_without_rendering()
    with pytest.raises(AssertionError, match="stands at two ticks"):
        check_ticks(figure)
    percent_axis(axis, "y", "words")
    figure.draw_without_rendering()
    check_ticks(figure)


def test_bars_stand_in_the_order_of_their_groups():
    _, axis = new_figure(5, 3)
    draw_bars(axis, ["a", "b"], [1.0, 2.0], colours="red", notes=["one", "two"])
    assert [bar.get_width() for bar in axis.patches] == [1.0, 2.0] and axis.yaxis_inverted()
    assert {text.get_text() for text in axis.texts} == {"one", "two"}
