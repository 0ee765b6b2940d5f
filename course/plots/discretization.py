"""Figures of discretisation: steps, digits near zero, stability, accuracy, Mamba's rule."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes

from course.plots.sketch import WIDTH, Panel, finish_sketch, legend, show, steps_of
from course.plots.style import (
    INK,
    MAMBA,
    MODEL,
    NEUTRAL,
    SOURCE,
    TARGET,
    TRUTH,
    Picture,
    finish,
    new_figure,
)
from course.plots.svg import Drawing
from nmt.discretization import StateSpace, diagonal_rule, discretize_system, phi1, simulate

_RULES = {  # name, colour, marker, corners of the mark in a sketch
    "forward_euler": ("forward Euler", TARGET, "v", 3),
    "backward_euler": ("backward Euler", SOURCE, "^", 3),
    "bilinear": ("bilinear", MODEL, "s", 4),
    "generalized_bilinear": ("generalised bilinear", MODEL, "s", 4),
    "zoh": ("zero-order hold", TRUTH, "o", 0),
    "mixed": ("Mamba's mixed rule", MAMBA, "D", 4),
}
RULE_NAMES, RULE_COLOURS, _MARKERS, _CORNERS = (
    dict(zip(_RULES, column)) for column in zip(*_RULES.values())
)
STABLE = "#cfe8df"
INPUTS = {
    "step": lambda t: np.where(t > 1, 1.0, 0.0),
    "pulse": lambda t: np.where((t > 1) & (t < 3), 1.0, 0.0),
    "wave": lambda t: np.sin(t),
    "letters": lambda t: np.array([0.9, -0.4, 0.1, 1.0, -0.8, 0.5, 0.0, 0.7, -1.0, 0.3, 0.6, -0.2])[
        np.minimum(t, 11).astype(int)
    ],
}


def plot_one_step(
    a: float | int, delta: float | int, start: float | int = 0, x: float | int = 1
) -> Picture:
    """One step of h′ = ah + x from h = `start`: the true curve, and the line of each rule."""
    figure, axis = new_figure(6.5, 3.4)
    times = torch.linspace(0, delta, 60, dtype=torch.float64)
    curve = torch.exp(a * times) * start + times * phi1(a * times) * x
    axis.plot(times, curve, color=TRUTH, linewidth=2.5, label="true curve")
    misses = {}
    for rule in ("forward_euler", "bilinear", "backward_euler"):
        decay, gain = diagonal_rule(rule)
        z = torch.tensor(a * delta, dtype=torch.float64)
        end = float(decay(z) * start + gain(z) * delta * x)
        misses[rule] = end - float(curve[-1])
        axis.plot(
            [0, delta],
            [start, end],
            color=RULE_COLOURS[rule],
            marker=_MARKERS[rule],
            label=RULE_NAMES[rule],
        )
    axis.plot(0, start, "o", color=NEUTRAL)
    axis.set(
        xlabel="time since the step began",
        ylabel="state h",
        title=f"One step, Δ = {_real(delta)}, of h′ = ah + x with a = {_real(a)}, x = {_real(x)}",
    )
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    parts = [
        f"{RULE_NAMES[rule]} ends {abs(miss):.2f} {'above' if miss > 0 else 'below'}"
        for rule, miss in misses.items()
    ]
    return finish(
        figure,
        alt=(
            "A curve that rises and flattens, and three straight lines from its beginning that end"
            " above, near and below its end."
        ),
        reading=f"Beside the true end of the step, {float(curve[-1]):.2f}: {', '.join(parts)}.",
    )


def plot_small_steps(smallest: float = 1e-8) -> Picture:
    """Relative errors of two ways to compute φ₁(z) = (e^z − 1)/z in float32, −z up to 10."""
    sizes = torch.logspace(math.log10(smallest), 1, 90, dtype=torch.float32)
    true_value, true_gradient = _with_gradient(
        phi1, -sizes.double()
    )  # 16 digits, tested against 60
    figure, axis = new_figure(6.5, 3.4)
    worst = {}
    ways = {"(e^z − 1)/z": (lambda z: (torch.exp(z) - 1) / z, TARGET), "phi1(z)": (phi1, TRUTH)}
    for label, (function, colour) in ways.items():
        value, gradient = _with_gradient(function, -sizes)
        for kind, ours, true, line in (
            ("value", value, true_value, "-"),
            ("gradient", gradient, true_gradient, ":"),
        ):
            errors = ((ours - true) / true).abs()
            worst[f"{label}, {kind}"] = float(errors.max())
            axis.loglog(
                sizes,
                errors.clamp(min=1e-9),
                color=colour,
                linestyle=line,
                linewidth=2,
                label=f"{label}, {kind}",
            )
    axis.axhline(1.0, color=NEUTRAL, linewidth=0.8)
    axis.text(10, 1.2, "every digit lost", color=NEUTRAL, ha="right", va="bottom")
    axis.set(xlabel="|z| = Δ|A|", ylabel="relative error", ylim=(5e-10, 1e5))
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    return finish(
        figure,
        alt=(
            "Two curves climb to the left, where z is small, until the error is total; two others"
            " stay flat at the bottom."
        ),
        reading="Largest relative error: "
        + "; ".join(f"{label} {_power(value)}" for label, value in worst.items())
        + ".",
    )


def _with_gradient(
    function: Callable[[torch.Tensor], torch.Tensor], z: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    z = z.clone().requires_grad_()
    value = function(z)
    return value.detach(), torch.autograd.grad(value.sum(), z)[0]


def plot_stability_regions(
    alphas: Sequence[float] = (1.0, 0.75, 0.5, 0.25, 0.0),
    points: Sequence[complex | float | int] = (),
) -> Picture:
    """Where |decay(z)| < 1 for z = ΔA: the bilinear family and e^z, with marked `points`."""
    figure, axes = new_figure(8.5, 2.4, columns=len(alphas) + 1, sharey=True)
    for axis, alpha in zip(axes, [*alphas, None]):
        draw_region(axis, "zoh" if alpha is None else "generalized_bilinear", alpha)
        axis.plot(
            [p.real for p in points],
            [p.imag for p in points],
            "x",
            color=INK,
            markersize=8,
            markeredgewidth=2,
        )
        axis.set_title("hold, mixed" if alpha is None else f"α = {alpha:g}")
        axis.set_xlabel("Re z")
    axes[0].set_ylabel("Im z")
    whole = [f"{alpha:g}" for alpha in alphas if alpha <= 0.5]
    discs = [f"{alpha:g} (radius {1 / (2 * alpha - 1):g})" for alpha in alphas if alpha > 0.5]
    return finish(
        figure,
        alt=(
            "Small planes, one a rule. Stable is a disc left of zero for large α, the left half"
            " plane for one half, more for less."
        ),
        reading=(
            f"Shaded is stable: a disc at α = {' and '.join(discs)}; all of the left half plane at"
            f" α = {', '.join(whole)} and for e^z."
        ),
    )


def draw_region(axis: Axes, rule: str, alpha: float | None, reach: float = 5.0) -> None:
    """Shade where |decay(z)| < 1 and draw its border, for Re z from −`reach` to `reach`·0.6."""
    real, imaginary = np.meshgrid(
        np.linspace(-reach, 0.6 * reach, 241), np.linspace(-0.8 * reach, 0.8 * reach, 241)
    )
    size = (
        diagonal_rule(rule, alpha)
        .decay(torch.from_numpy(real + 1j * imaginary))
        .abs()
        .nan_to_num(posinf=1e9)
    )
    axis.contourf(real, imaginary, size, levels=[0, 1], colors=[STABLE])
    axis.contour(real, imaginary, size, levels=[1], colors=[TRUTH], linewidths=1.5)
    axis.axvline(0, color=NEUTRAL, linewidth=0.8)
    axis.axhline(0, color=NEUTRAL, linewidth=0.8)
    axis.set_aspect("equal")
    axis.set_xticks([step for step in axis.get_yticks() if -reach <= step <= 0.6 * reach])


def plot_convergence(products: torch.Tensor, errors: Mapping[str, torch.Tensor]) -> Picture:
    """Error at fixed times against Δ|A|; `errors`: by rule, one for each product."""
    figure, axis = new_figure(6.5, 3.8)
    slopes = {}
    for rule, values in errors.items():
        axis.loglog(
            products,
            values.clamp(min=1e-17),
            color=RULE_COLOURS[rule],
            marker=_MARKERS[rule],
            label=RULE_NAMES[rule],
        )
        slopes[rule] = math.log(float(values[1] / values[0])) / math.log(
            float(products[1] / products[0])
        )
    axis.set(xlabel="Δ|A|", ylabel="largest error", ylim=(1e-17, None))
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    parts = [f"{RULE_NAMES[rule]} {slope:.1f}" for rule, slope in slopes.items() if rule != "zoh"]
    return finish(
        figure,
        alt=(
            "Straight lines on logarithmic axes: three of slope one, one of slope two, and one"
            " lying flat at rounding error."
        ),
        reading=(
            f"Slopes at small steps: {', '.join(parts)}; zero-order hold has rounding errors only."
        ),
    )


def plot_write_strength(a: float | int = -1, marks: Sequence[float] = (0.1, 0.5, 2.0)) -> Picture:
    """What one letter writes, against Δ: exactly (Δφ₁(Δa)) and by Mamba's code (Δ)."""
    figure, (left, right) = new_figure(7.5, 3.2, columns=2)
    deltas = torch.linspace(0.001, 3, 200, dtype=torch.float64)
    exact = deltas * phi1(a * deltas)
    left.plot(deltas, exact, color=TRUTH, linewidth=2, label="zero-order hold")
    left.plot(deltas, deltas, color=MAMBA, linewidth=2, label="Mamba's code")
    left.axhline(-1 / a, color=NEUTRAL, linestyle=":", label="1/|A|")
    left.set(xlabel="step size Δ", ylabel="written for an input of 1", title="Write strength")
    left.legend(frameon=False)
    right.plot(deltas, 100 * (deltas / exact - 1), color=MAMBA, linewidth=2)
    excess = [
        100 * float(1 / phi1(torch.tensor(a * mark, dtype=torch.float64)) - 1) for mark in marks
    ]
    for mark, percent in zip(marks, excess):
        right.plot(mark, percent, "o", color=MAMBA)
        right.annotate(
            f"{percent:.0f} %", (mark, percent), xytext=(8, -6), textcoords="offset points"
        )
    right.set(
        xlabel="step size Δ", ylabel="more than exact, %", title=f"Excess of ΔB, A = {_real(a)}"
    )
    parts = [f"{percent:.0f} % at Δ = {mark:g}" for mark, percent in zip(marks, excess)]
    return finish(
        figure,
        alt=(
            "Left: the exact write strength bends towards a ceiling while Mamba's goes on in a"
            " straight line. Right: their ratio grows."
        ),
        reading=(
            f"Mamba's code writes more than the exact rule: {', '.join(parts)}; the exact strength"
            f" never exceeds {-1 / a:g}."
        ),
    )


def plot_rescaling(largest: torch.Tensor, marks: Mapping[str, float]) -> Picture:
    """What a constant factor leaves of the difference for steps from 0 to Δmax, in Δmax|A|."""
    figure, axis = new_figure(6.5, 3.4)
    ratio = 1 / phi1(-largest)
    axis.semilogx(
        largest, 100 * (ratio - 1), color=MAMBA, linestyle="--", linewidth=2, label="ΔB as it is"
    )
    axis.semilogx(
        largest,
        100 * (ratio - 1) / (ratio + 1),
        color=MAMBA,
        linewidth=2,
        label="times the best constant",
    )
    axis.axhline(0, color=TRUTH, linewidth=2, label="times a factor that follows Δ")
    left_over = {}
    for label, product in marks.items():
        worst = float(1 / phi1(torch.tensor(-product, dtype=torch.float64)))
        left_over[label] = 100 * (worst - 1) / (worst + 1)
        axis.axvline(product, color=NEUTRAL, linestyle=":", linewidth=1)
        axis.text(product, 78, label + " ", rotation=90, ha="right", va="top", color=NEUTRAL)
    axis.set(xlabel="largest step times |A|", ylabel="largest relative error, %", ylim=(-4, 120))
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    return finish(
        figure,
        alt=(
            "Two rising curves and a flat line at zero; the curve with a constant factor lies at"
            " less than half of the one without."
        ),
        reading="With the best constant factor there remains "
        + ", ".join(f"{v:.0f} % for {k}" for k, v in left_over.items())
        + ".",
    )


def plot_trajectory(
    rule: str,
    a: complex | float | int,
    delta: float | int,
    alpha: float | int | None = None,
    shape: str = "letters",
    duration: float = 12.0,
) -> Picture:
    """h′ = ah + bx for a held input: the rule's states on the true curve (real parts), and z = Δa
    on the rule's stability region.

    b = |a| (1 where a = 0), so that a state that follows its input reaches the same height. `alpha`
    matters for "generalized_bilinear" alone; `shape` is one of `INPUTS`, read at the middle of each
    step and held; of "letters" each lasts one step. Raises `ValueError` for an unknown shape, a
    step that is not between 0.01 and `duration`, or what the rule itself refuses.
    """
    if shape not in INPUTS:
        raise ValueError(f"unknown input {shape!r}; choose one of {', '.join(INPUTS)}")
    if not 0.01 <= delta <= duration:
        raise ValueError(f"choose a step size between 0.01 and {duration:g}, not {delta:g}")
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
    left.dots(times.tolist(), states.tolist(), RULE_COLOURS[rule], _CORNERS[rule])
    legend(
        drawing,
        [
            ("held input x", NEUTRAL, ""),
            ("true h", TRUTH, ""),
            (RULE_NAMES[rule], RULE_COLOURS[rule], "2 4"),
        ],
        90,
        22,
        across=140,
    )
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
            f" {_factor(decay)}, {verdict}; the largest error is {_power(miss)}."
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
    return f"size {abs(decay):.3g}" if abs(decay.imag) > 1e-12 else _real(decay.real)


def _power(value: float) -> str:
    """Two digits, and below rounding error none that differ between machines."""
    return (
        "below 1e-6"
        if value < 1e-6
        else f"{value:.2g}"
        if 0.001 <= value < 1000
        else f"about 1e{round(math.log10(value))}"
    )


def _complex(z: complex) -> str:
    if z.imag == 0:
        return _real(z.real)
    return (
        f"{_real(z.imag)}i"
        if z.real == 0
        else f"{_real(z.real)} {'+' if z.imag > 0 else '−'} {abs(z.imag):.3g}i"
    )


def _real(value: float | int) -> str:
    digits = f"{value:.3g}" if 1e-3 <= abs(value) < 1e3 or not value else f"{value:,.0f}"
    return (digits if abs(value) >= 1e-3 or not value else f"{value:.1e}").replace("-", "−")
