"""The explorer's figure of notebook 04: the states of one rule on the true curve, and where ΔA lies
on the rule's stability region.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from course.plots.colours import INK, NEUTRAL, TRUTH
from course.plots.discretization import (
    CORNERS,
    RULE_COLOURS,
    RULE_NAMES,
    STABLE,
    show_real,
    show_size,
)
from course.plots.sketch import WIDTH, Panel, finish_sketch, legend, steps_of
from course.plots.style import Picture
from course.plots.svg import Drawing
from nmt.discretization import StateSpace, diagonal_rule, discretize_system, simulate

LETTERS = np.array([0.9, -0.4, 0.1, 1.0, -0.8, 0.5, 0.0, 0.7, -1.0, 0.3, 0.6, -0.2])
INPUTS = {
    "step": lambda t: np.where(t > 1, 1.0, 0.0),
    "pulse": lambda t: np.where((t > 1) & (t < 3), 1.0, 0.0),
    "wave": lambda t: np.sin(t),
    "letters": lambda t: LETTERS[np.minimum(t, 11).astype(int)],
}


def plot_trajectory(
    rule: str,
    a: complex | float | int,
    delta: float | int,
    alpha: float | int | None = None,
    shape: str = "letters",
) -> Picture:
    """h′ = ah + bx for a held input: the rule's states on the true curve (real parts), and z = Δa
    on the rule's stability region.

    b = |a| (1 where a = 0), so that a state that follows its input reaches the same height. `alpha`
    matters for "generalized_bilinear" alone; `shape` is one of `INPUTS`, read at the middle of each
    step and held; of "letters" each lasts one step. Raises what the rule itself refuses.
    """
    duration = 12.0
    alpha = alpha if rule == "generalized_bilinear" else None
    one = torch.ones(1, 1, dtype=torch.complex128)
    system = StateSpace(torch.tensor([a], dtype=one.dtype), (abs(a) or 1.0) * one, one, 0 * one)
    steps, fine = max(1, round(duration / delta)), max(1, math.ceil(600 * delta / duration))
    if shape == "letters":  # a letter lasts one step, however long that is
        steps = 12
    times = delta * np.arange(1, steps + 1)
    seen = INPUTS[shape](times / delta - 0.5 if shape == "letters" else times - delta / 2)
    held = torch.from_numpy(seen).to(torch.complex128)[:, None]
    exact = discretize_system("zoh", delta / fine, system)
    truth = simulate(exact, held.repeat_interleave(fine, dim=0))[0][:, 0].real
    states = simulate(discretize_system(rule, delta, system, alpha), held)[0][:, 0].real

    usual = max(1.0, float(truth.abs().max()))
    # An exploding rule may leave the picture, but not at once.
    room = 1.15 * max(usual, min(float(states.abs().max()), 4 * usual))
    outside = int((states.abs() > room).sum())
    drawing = Drawing(WIDTH, 370)
    left = Panel(drawing, (76, 44, 440, 260), (0, 1.01 * steps * delta), (-room, room))
    left.axes("time", "state h (real part)")
    left.ticks("x", steps_of(0, steps * delta, 6))
    left.ticks("y", steps_of(-room, room), grid=True)
    edges = np.repeat(delta * np.arange(steps + 1), 2)[1:-1].tolist()
    left.line(edges, held[:, 0].real.repeat_interleave(2).tolist(), NEUTRAL)
    clock = delta / fine * np.arange(1, steps * fine + 1)
    left.line(clock.tolist(), truth.tolist(), TRUTH, width=2)
    left.dots(times.tolist(), states.tolist(), RULE_COLOURS[rule], CORNERS[rule])
    entries = [("held input x", NEUTRAL, ""), ("true h", TRUTH, "")]
    entries.append((RULE_NAMES[rule], RULE_COLOURS[rule], "2 4"))
    legend(drawing, entries, 90, 22, across=140)
    z = complex(a) * delta
    reach = max(5.0, 1.15 * abs(z.real), 1.35 * abs(z.imag))
    across, down = (-reach, 0.6 * reach), (-0.8 * reach, 0.8 * reach)
    right = Panel(drawing, (600, 44, 200, 200), across, down)
    _sketch_region(right, rule, alpha)
    right.title("stable where shaded")
    right.axes("Re ΔA", "Im ΔA")
    right.ticks("x", steps_of(*across, 4))
    right.ticks("y", steps_of(*down, 4))
    x, y = right.at(z.real, z.imag)
    right.stroke([(x - 6, y - 6), (x + 6, y + 6)], INK, 2.5)
    right.stroke([(x - 6, y + 6), (x + 6, y - 6)], INK, 2.5)
    decay = complex(diagonal_rule(rule, alpha).decay(torch.tensor(z, dtype=torch.complex128)))
    verdict = "it forgets" if abs(decay) < 1 - 1e-9 else "it never forgets"
    if not abs(decay) < 1 + 1e-9:
        verdict = "it explodes"
    miss = float((states - truth[fine - 1 :: fine]).abs().max())
    label = RULE_NAMES[rule] + (f" with α = {alpha:g}" if alpha is not None else "")
    alt = (
        f"Left: a held input, the true state and the states of {label} over time. Right: ΔA as"
        " a cross on the stable region."
    )
    reading = (
        f"{label[0].upper()}{label[1:]}, ΔA = {_complex(z)}: each step keeps a factor of"
        f" {_factor(decay)}, {verdict}; the largest error is {show_size(miss)}."
    ) + (f" {outside} of {steps} states lie outside the picture." if outside else "")
    return finish_sketch(drawing, alt=alt, reading=reading)


def _sketch_region(panel: Panel, rule: str, alpha: float | None) -> None:
    """Shade where |decay(z)| < 1. For the bilinear family that is 2 Re z + (2α − 1)|z|² < 0: inside
    a circle for α > ½, the left half plane at ½, outside a circle below; for e^z the half plane.
    """
    drawing = panel.drawing
    own = {"forward_euler": 1.0, "backward_euler": 0.0}
    weight = own.get(rule, 0.5 if alpha is None else alpha)
    x, y = panel.at(0, 0)
    whole = {"x": panel.left, "y": panel.top, "width": panel.width, "height": panel.height}
    box = " ".join(f'{name}="{value:g}"' for name, value in whole.items())
    drawing.element("clipPath", f"<rect {box}/>", id="plane")
    if abs(weight - 0.5) < 1e-9:
        drawing.element("rect", **whole | {"width": x - panel.left}, fill=STABLE)
        panel.stroke([(x, panel.top), (x, panel.bottom)], TRUTH, 1.5)
    else:
        radius = 1 / (2 * weight - 1)
        across = abs(panel.at(radius, 0)[0] - x)
        inside, outside = (STABLE, "none") if radius > 0 else ("#ffffff", STABLE)
        drawing.element("rect", **whole, fill=outside)
        look = {"clip_path": "url(#plane)", "stroke": TRUTH, "stroke_width": 1.5}
        middle = panel.at(-radius, 0)[0]
        drawing.element("circle", cx=middle, cy=y, r=across, fill=inside, **look)
    panel.stroke([(x, panel.top), (x, panel.bottom)], NEUTRAL, 0.8)
    panel.stroke([(panel.left, y), (panel.right, y)], NEUTRAL, 0.8)


def _factor(decay: complex) -> str:
    """A real factor with its sign, a complex one by its size."""
    return f"size {abs(decay):.3g}" if abs(decay.imag) > 1e-12 else show_real(decay.real)


def _complex(z: complex) -> str:
    if z.imag == 0:
        return show_real(z.real)
    if z.real == 0:
        return f"{show_real(z.imag)}i"
    return f"{show_real(z.real)} {'+' if z.imag > 0 else '−'} {abs(z.imag):.3g}i"
