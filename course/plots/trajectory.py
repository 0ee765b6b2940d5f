"""The explorer's figure of notebook 04: the states of one rule on the true curve, and where ΔA lies
on the rule's stability region.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from course.plots.discretization import (
    CORNERS,
    RULE_COLOURS,
    RULE_NAMES,
    STABLE,
    show_real,
    show_size,
)
from course.plots.sketch import WIDTH, Panel, finish_sketch, legend, show, steps_of
from course.plots.style import INK, NEUTRAL, TRUTH, Picture
from course.plots.svg import Drawing
from nmt.discretization import StateSpace, diagonal_rule, discretize_system, simulate

INPUTS = {
    "step": lambda t: np.where(t > 1, 1.0, 0.0),
    "pulse": lambda t: np.where((t > 1) & (t < 3), 1.0, 0.0),
    "wave": lambda t: np.sin(t),
    "letters": lambda t: np.array([0.9, -0.4, 0.1, 1.0, -0.8, 0.5, 0.0, 0.7, -1.0, 0.3, 0.6, -0.2])[
        np.minimum(t, 11).astype(int)
    ],
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
    system = StateSpace(
        torch.tensor([a], dtype=torch.complex128), (abs(a) or 1.0) * one, one, 0 * one
    )
    steps, fine = max(1, round(duration / delta)), max(1, math.ceil(600 * delta / duration))
    if shape == "letters":  # a letter lasts one step, however long that is
        steps = 12
    times = delta * np.arange(1, steps + 1)
    seen = INPUTS[shape](times / delta - 0.5 if shape == "letters" else times - delta / 2)
    held = torch.from_numpy(seen).to(torch.complex128)[:, None]
    truth = simulate(
        discretize_system("zoh", delta / fine, system), held.repeat_interleave(fine, dim=0)
    )[0][:, 0].real
    states = simulate(discretize_system(rule, delta, system, alpha), held)[0][:, 0].real

    usual = max(1.0, float(truth.abs().max()))
    room = 1.15 * max(
        usual, min(float(states.abs().max()), 4 * usual)
    )  # an exploding rule may leave the picture, but not at once
    outside = int((states.abs() > room).sum())
    drawing = Drawing(WIDTH, 370, "", "")
    left = Panel(drawing, (76, 44, 440, 260), (0, 1.01 * steps * delta), (-room, room))
    left.axes("time", "state h (real part)")
    places, heights = steps_of(0, steps * delta, 6), steps_of(-room, room)
    left.ticks("x", places, [show(place) for place in places])
    left.ticks("y", heights, [show(height) for height in heights], grid=True)
    edges = np.repeat(delta * np.arange(steps + 1), 2)[1:-1].tolist()
    left.line(edges, held[:, 0].real.repeat_interleave(2).tolist(), NEUTRAL)
    left.line(
        (delta / fine * np.arange(1, steps * fine + 1)).tolist(), truth.tolist(), TRUTH, width=2
    )
    left.dots(times.tolist(), states.tolist(), RULE_COLOURS[rule], CORNERS[rule])
    entries = [("held input x", NEUTRAL, ""), ("true h", TRUTH, "")]
    entries.append((RULE_NAMES[rule], RULE_COLOURS[rule], "2 4"))
    legend(drawing, entries, 90, 22, across=140)
    z = complex(a) * delta
    reach = max(5.0, 1.15 * abs(z.real), 1.35 * abs(z.imag))
    right = Panel(drawing, (600, 44, 200, 200), (-reach, 0.6 * reach), (-0.8 * reach, 0.8 * reach))
    _sketch_region(right, rule, alpha)
    right.title("stable where shaded")
    right.axes("Re ΔA", "Im ΔA")
    for which, low, high in (("x", -reach, 0.6 * reach), ("y", -0.8 * reach, 0.8 * reach)):
        places = steps_of(low, high, 4)
        right.ticks(which, places, [show(place) for place in places])
    x, y = right.at(z.real, z.imag)
    right.stroke([(x - 6, y - 6), (x + 6, y + 6)], INK, 2.5)
    right.stroke([(x - 6, y + 6), (x + 6, y - 6)], INK, 2.5)
    decay = complex(diagonal_rule(rule, alpha).decay(torch.tensor(z, dtype=torch.complex128)))
    size = abs(decay)
    verdict = (
        "it forgets"
        if size < 1 - 1e-9
        else "it never forgets"
        if size < 1 + 1e-9
        else "it explodes"
    )
    miss = float((states - truth[fine - 1 :: fine]).abs().max())
    label = RULE_NAMES[rule] + (f" with α = {alpha:g}" if alpha is not None else "")
    return finish_sketch(
        drawing,
        alt=(
            f"Left: a held input, the true state and the states of {label} over time. Right: ΔA as"
            " a cross on the stable region."
        ),
        reading=(
            f"{label[0].upper()}{label[1:]}, ΔA = {_complex(z)}: each step keeps a factor of"
            f" {_factor(decay)}, {verdict}; the largest error is {show_size(miss)}."
        )
        + (f" {outside} of {steps} states lie outside the picture." if outside else ""),
    )


def _sketch_region(panel: Panel, rule: str, alpha: float | None) -> None:
    """Shade where |decay(z)| < 1. For the bilinear family that is 2 Re z + (2α − 1)|z|² < 0: inside
    a circle for α > ½, the left half plane at ½, outside a circle below; for e^z the half plane.
    """
    drawing, whole = panel.drawing, (panel.left, panel.top, panel.width, panel.height)
    weight = {"forward_euler": 1.0, "backward_euler": 0.0}.get(
        rule, 0.5 if alpha is None else alpha
    )
    box = 'x="{:g}" y="{:g}" width="{:g}" height="{:g}"'
    drawing.parts.append(f'<clipPath id="plane"><rect {box.format(*whole)}/></clipPath>')
    (x, y), look = panel.at(0, 0), f'clip-path="url(#plane)" stroke="{TRUTH}" stroke-width="1.5"'
    if abs(weight - 0.5) < 1e-9:
        half = (panel.left, panel.top, x - panel.left, panel.height)
        drawing.parts.append(f'<rect {box.format(*half)} fill="{STABLE}"/>')
        panel.stroke([(x, panel.top), (x, panel.bottom)], TRUTH, 1.5)
    else:
        radius = 1 / (2 * weight - 1)
        across = abs(panel.at(radius, 0)[0] - x)
        inside, outside = (STABLE, "none") if radius > 0 else ("#ffffff", STABLE)
        drawing.parts.append(f'<rect {box.format(*whole)} fill="{outside}"/>')
        drawing.parts.append(
            f'<circle cx="{panel.at(-radius, 0)[0]:g}" cy="{y:g}" r="{across:g}"'
            f' fill="{inside}" {look}/>'
        )
    panel.stroke([(x, panel.top), (x, panel.bottom)], NEUTRAL, 0.8)
    panel.stroke([(panel.left, y), (panel.right, y)], NEUTRAL, 0.8)


def _factor(decay: complex) -> str:
    """A real factor with its sign, a complex one by its size."""
    return f"size {abs(decay):.3g}" if abs(decay.imag) > 1e-12 else show_real(decay.real)


def _complex(z: complex) -> str:
    if z.imag == 0:
        return show_real(z.real)
    return (
        f"{show_real(z.imag)}i"
        if z.real == 0
        else f"{show_real(z.real)} {'+' if z.imag > 0 else '−'} {abs(z.imag):.3g}i"
    )
