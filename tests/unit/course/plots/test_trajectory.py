"""The explorer's figure of notebook 04 says what its numbers say, for every possible setting."""

import itertools

import pytest

from course.plots.trajectory import INPUTS, plot_trajectory
from nmt.discretization import RULES


@pytest.mark.parametrize("rule", RULES)
def test_trajectory_at_every_corner_of_the_controls(rule):
    corners = [(-20.0, -20.0, 6.0, 0.0), (0.0, 0.0, 0.02, 0.5), (1.0, 0.0, 1.0, 0.0)]
    for (real, imaginary, delta, alpha), shape in zip(
        corners, itertools.cycle(INPUTS), strict=False
    ):
        try:
            picture = plot_trajectory(rule, complex(real, imaginary), delta, alpha, shape)
        except ValueError as error:
            assert "no inverse" in str(error)
        else:
            assert picture.alt and "nan" not in picture.reading


def test_trajectory_is_honest():
    assert "below 1e-6" in plot_trajectory("zoh", -1 + 2j, 0.5).reading
    exploding = plot_trajectory("forward_euler", -1, 2.5).reading
    assert "factor of −1.5, it explodes" in exploding
    assert " of 12 states lie outside the picture" in exploding
    large = plot_trajectory("forward_euler", -5, 1.0).reading
    assert "e+" not in large
    assert "never forgets" in plot_trajectory("bilinear", 2j, 0.5).reading
    with pytest.raises(ValueError, match="choose one of step, pulse"):
        plot_trajectory("zoh", -1, 1.0, shape="square")
    with pytest.raises(ValueError, match="between 0.01 and 12"):
        plot_trajectory("zoh", -1, 0.0)
