"""Every figure of the course: pure functions from arrays to a `Picture` with alt text and a one-sentence reading."""

from nmt.plots.discretization import (
    plot_convergence,
    plot_one_step,
    plot_rescaling,
    plot_small_steps,
    plot_stability_regions,
    plot_trajectory,
    plot_write_strength,
)
from nmt.plots.style import Picture

__all__ = [
    "Picture",
    "plot_convergence",
    "plot_one_step",
    "plot_rescaling",
    "plot_small_steps",
    "plot_stability_regions",
    "plot_trajectory",
    "plot_write_strength",
]
