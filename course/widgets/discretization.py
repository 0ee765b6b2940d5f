"""The explorer of notebook 04: one system, one rule, one step size; the trajectory, and where ΔA
lies.
"""

from ipywidgets import Dropdown

from course.plots.discretization import RULE_NAMES
from course.plots.style import Picture
from course.plots.trajectory import INPUTS, plot_trajectory
from course.widgets.common import Explorer, explorer
from course.widgets.fields import number_field


def explore_discretization() -> Explorer:
    """Choose a rule, A (real and imaginary part), Δ, α and an input; see the rule's states against
    the truth, and its stability.
    """
    rules = [(name, rule) for rule, name in RULE_NAMES.items()]
    controls = {
        "rule": Dropdown(options=rules, value="mixed", description="Rule:"),
        "shape": Dropdown(options=list(INPUTS), value="letters", description="Input:"),
        "delta": number_field("Step size Δ (0.1 to 6):", 1.0, 0.1, 6.0, 0.1),
        "real": number_field("A, real part (−20 to 1):", -1.0, -20.0, 1.0, 0.1),
        "imaginary": number_field("A, imaginary part (−20 to 20):", 0.0, -20.0, 20.0, 0.5),
        "alpha": number_field("α (0 to 1; generalised bilinear only):", 0.5, 0.0, 1.0, 0.1),
    }
    return explorer(controls, _draw)


def _draw(
    rule: str, shape: str, delta: float, real: float, imaginary: float, alpha: float
) -> Picture:
    return plot_trajectory(rule, complex(real, imaginary), delta, alpha, shape)
