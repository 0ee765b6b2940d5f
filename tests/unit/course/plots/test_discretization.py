"""The figures of discretisation say what their numbers say, for every possible setting."""

import itertools

import pytest
import torch
from says import says

from course import plots
from course.plots.discretization import RULE_COLOURS, RULE_NAMES
from course.plots.trajectory import INPUTS, plot_trajectory
from nmt.discretization import RULES


def test_every_rule_has_a_name_and_a_colour():
    assert set(RULE_NAMES) == set(RULE_COLOURS) == set(RULES)


def test_readings_hold_the_numbers():
    excess = "5 % at Δ = 0.1, 27 % at Δ = 0.5, 131 % at Δ = 2"
    says(plots.plot_write_strength(), excess, "never exceeds 1.")
    discs = "disc at α = 1 (radius 1) and 0.75 (radius 2)"
    says(plots.plot_stability_regions(), discs)
    largest = torch.logspace(-2, 1, 20, dtype=torch.float64)
    says(plots.plot_rescaling(largest, {"slow": 0.1}), "2 % for slow")
    ends = "0.78", "forward Euler ends 0.72 above", "backward Euler ends 0.18 below"
    says(plots.plot_one_step(-1.0, 1.5), *ends)
    products = torch.tensor([0.01, 0.02, 0.04])
    errors = {"mixed": 3 * products, "bilinear": products**2, "zoh": torch.full((3,), 1e-16)}
    slopes = "Mamba's mixed rule 1.0, bilinear 2.0; zero-order hold has rounding errors only"
    says(plots.plot_convergence(products, errors), slopes)


def test_small_steps_sees_total_loss_and_none():
    """A float32 e^z − 1 is 0 at z = −1e-8, its gradient 1e8, not ½; phi1 keeps its digits."""
    lost = "(e^z − 1)/z, value 1; (e^z − 1)/z, gradient about 1e8"
    says(plots.plot_small_steps(), lost, "phi1(z), value below 1e-6; phi1(z), gradient below 1e-6")


@pytest.mark.parametrize("rule", RULES)
def test_trajectory_at_every_corner_of_the_controls(rule):
    corners = [(-20.0, -20.0, 6.0, 0.0), (0.0, 0.0, 0.02, 0.5), (1.0, 0.0, 1.0, 0.0)]
    for (real, imaginary, delta, alpha), shape in zip(corners, itertools.cycle(INPUTS)):
        try:
            says(plot_trajectory(rule, complex(real, imaginary), delta, alpha, shape))
        except ValueError as error:
            assert "no inverse" in str(error)


def test_trajectory_is_honest():
    says(plot_trajectory("zoh", -1 + 2j, 0.5), "below 1e-6")
    exploding = "factor of −1.5, it explodes", " of 12 states lie outside the picture"
    says(plot_trajectory("forward_euler", -1, 2.5), *exploding)
    assert "e+" not in plot_trajectory("forward_euler", -5, 1.0).reading
    says(plot_trajectory("bilinear", 2j, 0.5), "never forgets")
