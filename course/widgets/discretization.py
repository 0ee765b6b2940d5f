"""The explorer of notebook 04: one system, one rule, one step size; the trajectory, and where ΔA
lies.
"""

from __future__ import annotations

from ipywidgets import BoundedFloatText, Dropdown

from course.plots.discretization import RULE_NAMES
from course.plots.style import Picture
from course.plots.trajectory import INPUTS, plot_trajectory
from course.widgets.common import Explorer, explorer


def explore_discretization() -> Explorer:
    """Choose a rule, A (real and imaginary part), Δ, α and an input; see the rule's states against
    the truth, and its stability.
    """
    return explorer(
        {
            "rule": Dropdown(
                options=[(name, rule) for rule, name in RULE_NAMES.items()],
                value="mixed",
                description="Rule:",
            ),
            "shape": Dropdown(options=list(INPUTS), value="letters", description="Input:"),
            "delta": BoundedFloatText(
                value=1.0, min=0.1, max=6.0, step=0.1, description="Step size Δ (0.1 to 6):"
            ),
            "real": BoundedFloatText(
                value=-1.0, min=-20.0, max=1.0, step=0.1, description="A, real part (−20 to 1):"
            ),
            "imaginary": BoundedFloatText(
                value=0.0,
                min=-20.0,
                max=20.0,
                step=0.5,
                description="A, imaginary part (−20 to 20):",
            ),
            "alpha": BoundedFloatText(
                value=0.5,
                min=0.0,
                max=1.0,
                step=0.1,
                description="α (0 to 1; generalised bilinear only):",
            ),
        },
        _draw,
    )


def _draw(
    rule: str, shape: str, delta: float, real: float, imaginary: float, alpha: float
) -> Picture:
    return plot_trajectory(rule, complex(real, imaginary), delta, alpha, shape)
