"""The figures of discretisation say what their numbers say, for every possible setting."""

import torch

from course.plots.discretization import (
    RULE_COLOURS,
    RULE_NAMES,
    plot_convergence,
    plot_one_step,
    plot_rescaling,
    plot_small_steps,
    plot_stability_regions,
    plot_write_strength,
)
from nmt.discretization import RULES


def test_every_rule_has_a_name_and_a_colour():
    assert set(RULE_NAMES) == set(RULE_COLOURS) == set(RULES)


def test_readings_hold_the_numbers_of_the_issue():
    reading = plot_write_strength().reading
    assert "5 % at Δ = 0.1, 27 % at Δ = 0.5, 131 % at Δ = 2" in reading
    assert "never exceeds 1." in reading
    assert "disc at α = 1 (radius 1) and 0.75 (radius 2)" in plot_stability_regions().reading
    largest = torch.logspace(-2, 1, 20, dtype=torch.float64)
    assert "2 % for slow" in plot_rescaling(largest, {"slow": 0.1}).reading


def test_one_step_says_who_ends_above():
    reading = plot_one_step(-1.0, 1.5).reading
    assert "0.78" in reading
    assert "forward Euler ends 0.72 above" in reading
    assert "backward Euler ends 0.18 below" in reading


def test_convergence_reads_the_slope_of_its_data():
    products = torch.tensor([0.01, 0.02, 0.04])
    picture = plot_convergence(
        products, {"mixed": 3 * products, "bilinear": products**2, "zoh": torch.full((3,), 1e-16)}
    )
    assert (
        "Mamba's mixed rule 1.0, bilinear 2.0; zero-order hold has rounding errors only"
        in picture.reading
    )


def test_small_steps_sees_total_loss_and_none():
    """A float32 e^z − 1 is 0 at z = −1e-8, its gradient 1e8, not ½; phi1 keeps its digits."""
    reading = plot_small_steps().reading
    assert (
        "(e^z − 1)/z, value 1; (e^z − 1)/z, gradient about 1e8; phi1(z), value below 1e-6; phi1(z),"
        " gradient below 1e-6" in reading
    )
