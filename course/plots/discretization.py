"""Figures of discretisation: steps, digits near zero, stability, accuracy, Mamba's rule."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes

from course.plots.colours import INK, MAMBA, MODEL, NEUTRAL, SOURCE, TARGET, TRUTH
from course.plots.style import Picture, finish, new_figure
from nmt.discretization import ALPHA, diagonal_rule, phi1

_RULES = {  # name, colour, marker, corners of the mark in a sketch
    "forward_euler": ("forward Euler", TARGET, "v", 3),
    "backward_euler": ("backward Euler", SOURCE, "^", 3),
    "bilinear": ("bilinear", MODEL, "s", 4),
    "generalized_bilinear": ("generalised bilinear", MODEL, "s", 4),
    "zoh": ("zero-order hold", TRUTH, "o", 0),
    "mixed": ("Mamba's mixed rule", MAMBA, "D", 4),
}
RULE_NAMES, RULE_COLOURS, _MARKERS, CORNERS = (
    dict(zip(_RULES, column)) for column in zip(*_RULES.values())
)
STABLE = "#cfe8df"


def plot_one_step(a: float | int, delta: float | int) -> Picture:
    """One step of h′ = ah + 1 from h = 0: the true curve, and the line of each rule."""
    figure, axis = new_figure(6.5, 3.4)
    times = torch.linspace(0, delta, 60, dtype=torch.float64)
    curve = times * phi1(a * times)
    axis.plot(times, curve, color=TRUTH, linewidth=2.5, label="true curve")
    misses = {}
    for rule in ("forward_euler", "bilinear", "backward_euler"):
        z = torch.tensor(a * delta, dtype=torch.float64)
        end = float(diagonal_rule(rule).gain(z) * delta)
        misses[rule] = end - float(curve[-1])
        look = {"color": RULE_COLOURS[rule], "marker": _MARKERS[rule]}
        axis.plot([0, delta], [0, end], **look, label=RULE_NAMES[rule])
    axis.plot(0, 0, "o", color=NEUTRAL)
    axis.set(xlabel="time since the step began", ylabel="state h")
    axis.set_title(f"h′ = ah + x, a = {show_real(a)}, x = 1: a step of {show_real(delta)}")
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    parts = [
        f"{RULE_NAMES[rule]} ends {abs(miss):.2f} {'above' if miss > 0 else 'below'}"
        for rule, miss in misses.items()
    ]
    alt = (
        "A curve that rises and flattens, and three straight lines from its beginning that end"
        " above, near and below its end."
    )
    reading = f"Beside the true end of the step, {float(curve[-1]):.2f}: {', '.join(parts)}."
    return finish(figure, alt=alt, reading=reading)


def plot_small_steps() -> Picture:
    """Relative errors of two ways to compute φ₁(z) = (e^z − 1)/z in float32, −z up to 10."""
    sizes = torch.logspace(-8, 1, 90, dtype=torch.float32)
    truths = _with_gradient(phi1, -sizes.double())  # 16 digits, tested against 60
    figure, axis = new_figure(6.5, 3.4)
    worst = {}
    ways = {"(e^z − 1)/z": (lambda z: (torch.exp(z) - 1) / z, TARGET), "phi1(z)": (phi1, TRUTH)}
    for label, (function, colour) in ways.items():
        both = zip(("value", "gradient"), _with_gradient(function, -sizes), truths, "-:")
        for kind, ours, true, line in both:
            errors = ((ours - true) / true).abs()
            worst[f"{label}, {kind}"] = float(errors.max())
            look = {"color": colour, "ls": line, "lw": 2, "label": f"{label}, {kind}"}
            axis.loglog(sizes, errors.clamp(min=1e-9), **look)
    axis.axhline(1.0, color=NEUTRAL, linewidth=0.8)
    axis.text(10, 1.2, "every digit lost", color=NEUTRAL, ha="right", va="bottom")
    axis.set(xlabel="|z| = Δ|A|", ylabel="relative error", ylim=(5e-10, 1e5))
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    alt = (
        "Two curves climb to the left, where z is small, until the error is total; two others"
        " stay flat at the bottom."
    )
    told = "; ".join(f"{label} {show_size(value)}" for label, value in worst.items())
    return finish(figure, alt=alt, reading=f"Largest relative error: {told}.")


def _with_gradient(
    function: Callable[[torch.Tensor], torch.Tensor], z: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    z = z.clone().requires_grad_()
    value = function(z)
    return value.detach(), torch.autograd.grad(value.sum(), z)[0]


def plot_stability_regions(points: Sequence[complex | float | int] = ()) -> Picture:
    """Where |decay(z)| < 1 for z = ΔA: the bilinear family and e^z, with marked `points`."""
    alphas = (1.0, 0.75, 0.5, 0.25, 0.0)
    figure, axes = new_figure(8.5, 2.6, columns=len(alphas) + 1, sharey=True)
    names = {alpha: RULE_NAMES[rule] for rule, alpha in ALPHA.items()}
    for axis, alpha in zip(axes, [*alphas, None]):
        draw_region(axis, "zoh" if alpha is None else "generalized_bilinear", alpha)
        places = [p.real for p in points], [p.imag for p in points]
        axis.plot(*places, "x", color=INK, markersize=8, markeredgewidth=2)
        title = "e^z\nhold, mixed" if alpha is None else f"α = {alpha:g}\n{names.get(alpha, '')}"
        axis.set_title(title)
        axis.set_xlabel("Re z")
    axes[0].set_ylabel("Im z")
    whole = [f"{alpha:g}" for alpha in alphas if alpha <= 0.5]
    discs = [f"{alpha:g} (radius {1 / (2 * alpha - 1):g})" for alpha in alphas if alpha > 0.5]
    alt = (
        "Small planes, one a rule. Stable is a disc left of zero for large α, the left half"
        " plane for one half, more for less."
    )
    reading = (
        f"Shaded is stable: a disc at α = {' and '.join(discs)}; all of the left half plane at"
        f" α = {', '.join(whole)} and for e^z."
    )
    return finish(figure, alt=alt, reading=reading)


def draw_region(axis: Axes, rule: str, alpha: float | None) -> None:
    """Shade where |decay(z)| < 1 and draw its border, for Re z from −5 to 3."""
    real, imaginary = np.meshgrid(np.linspace(-5, 3, 241), np.linspace(-4, 4, 241))
    decay = diagonal_rule(rule, alpha).decay(torch.from_numpy(real + 1j * imaginary))
    size = decay.abs().nan_to_num(posinf=1e9)
    axis.contourf(real, imaginary, size, levels=[0, 1], colors=[STABLE])
    axis.contour(real, imaginary, size, levels=[1], colors=[TRUTH], linewidths=1.5)
    axis.axvline(0, color=NEUTRAL, linewidth=0.8)
    axis.axhline(0, color=NEUTRAL, linewidth=0.8)
    axis.set_aspect("equal")
    axis.set_xticks([step for step in axis.get_yticks() if -5 <= step <= 3])


def plot_convergence(products: torch.Tensor, errors: Mapping[str, torch.Tensor]) -> Picture:
    """Error at fixed times against Δ times the largest |eigenvalue| of A, by rule; what is rounding
    only has its place at the foot.

    Args:
        products: the values of that product, rising.
        errors: by rule, one for each product; a rule below 1e-12 everywhere counts as exact.
    """
    figure, axis = new_figure(6.5, 3.6)
    curves = {rule: values for rule, values in errors.items() if float(values.max()) >= 1e-12}
    slopes = {}
    for rule, values in curves.items():
        look = {"color": RULE_COLOURS[rule], "marker": _MARKERS[rule]}
        axis.loglog(products, values, **look, label=RULE_NAMES[rule])
        slopes[rule] = float((values[1] / values[0]).log() / (products[1] / products[0]).log())
    floor = min(float(values.min()) for values in curves.values()) / 10
    for power, top in ((1, 60), (2, 2)):  # triangles to compare a slope with
        x, y = float(products[-3]), top * floor
        corners = [x, x * 4, x * 4, x], [y, y, y * 4**power, y]
        axis.loglog(*corners, color=NEUTRAL, linewidth=1)
        axis.text(x * 0.9, y * 2**power, f"slope {power}", color=NEUTRAL, ha="right")
    exact = [rule for rule in errors if rule not in curves]
    foot = "".join(f"{RULE_NAMES[rule]}: below 1e-12 everywhere" for rule in exact)
    axis.text(0.02, 0.03, foot, transform=axis.transAxes, color=TRUTH, va="bottom")
    axis.set(xlabel="Δ · largest |λ| of A", ylabel="largest error", ylim=(floor / 3, None))
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    parts = [f"{RULE_NAMES[rule]} {slope:.1f}" for rule, slope in slopes.items()]
    rounding = "".join(f"; {RULE_NAMES[rule]} has rounding errors only" for rule in exact)
    alt = (
        "Straight lines on logarithmic axes, three of slope one and one of slope two, beside"
        " triangles of both slopes; a line of text names the rule that lies far below."
    )
    reading = f"Slopes at small steps: {', '.join(parts)}{rounding}."
    return finish(figure, alt=alt, reading=reading)


def plot_write_strength(a: float | int = -1) -> Picture:
    """What one letter writes, against Δ: exactly (Δφ₁(Δa)) and by Mamba's code (Δ)."""
    figure, (left, right) = new_figure(7.5, 3.2, columns=2)
    marks = (0.1, 0.5, 2.0)
    deltas = torch.linspace(0.001, 3, 200, dtype=torch.float64)
    exact = deltas * phi1(a * deltas)
    left.plot(deltas, exact, color=TRUTH, linewidth=2, label="zero-order hold")
    left.plot(deltas, deltas, color=MAMBA, linewidth=2, label="Mamba's code")
    left.axhline(-1 / a, color=NEUTRAL, linestyle=":", label="1/|A|")
    left.set(xlabel="step size Δ", ylabel="written for an input of 1", title="Write strength")
    left.legend(frameon=False)
    right.plot(deltas, 100 * (deltas / exact - 1), color=MAMBA, linewidth=2)
    excess = (100 * (1 / phi1(a * torch.tensor(marks, dtype=torch.float64)) - 1)).tolist()
    for mark, percent in zip(marks, excess):
        right.plot(mark, percent, "o", color=MAMBA)
        beside = {"xytext": (8, -6), "textcoords": "offset points"}
        right.annotate(f"{percent:.0f} %", (mark, percent), **beside)
    right.set(xlabel="step size Δ", ylabel="more than exact, %")
    right.set_title(f"Excess of ΔB, A = {show_real(a)}")
    parts = [f"{percent:.0f} % at Δ = {mark:g}" for mark, percent in zip(marks, excess)]
    alt = (
        "Left: the exact write strength bends towards a ceiling while Mamba's goes on in a"
        " straight line. Right: their ratio grows."
    )
    reading = (
        f"Mamba's code writes more than the exact rule: {', '.join(parts)}; the exact strength"
        f" never exceeds {-1 / a:g}."
    )
    return finish(figure, alt=alt, reading=reading)


def plot_rescaling(largest: torch.Tensor, marks: Mapping[str, float]) -> Picture:
    """What a constant factor leaves of the difference for steps from 0 to Δmax, in Δmax|A|."""
    figure, axis = new_figure(6.5, 3.4)
    ratio = 1 / phi1(-largest)
    plain, best = 100 * (ratio - 1), 100 * (ratio - 1) / (ratio + 1)
    axis.semilogx(largest, plain, color=MAMBA, ls="--", lw=2, label="ΔB as it is")
    axis.semilogx(largest, best, color=MAMBA, lw=2, label="times the best constant")
    axis.axhline(0, color=TRUTH, linewidth=2, label="times a factor that follows Δ")
    left_over = {}
    for label, product in marks.items():
        worst = float(1 / phi1(torch.tensor(-product, dtype=torch.float64)))
        left_over[label] = 100 * (worst - 1) / (worst + 1)
        axis.axvline(product, color=NEUTRAL, linestyle=":", linewidth=1)
        axis.text(1.08 * product, 44, label, rotation=90, va="bottom", color=NEUTRAL)
    axis.set(xlabel="largest step times |A|", ylabel="largest relative error, %", ylim=(-4, 120))
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    alt = (
        "Two rising curves and a flat line at zero; the curve with a constant factor lies at less"
        " than half of the one without."
    )
    told = ", ".join(f"{v:.0f} % for {k}" for k, v in left_over.items())
    return finish(figure, alt=alt, reading=f"With the best constant factor there remains {told}.")


def show_size(value: float) -> str:
    """Two digits, and below rounding error none that differ between machines."""
    if value < 1e-6:
        return "below 1e-6"
    plain = 0.001 <= value < 1000
    return f"{float(f'{value:.2g}'):g}" if plain else f"about 1e{round(math.log10(value))}"


def show_real(value: float | int) -> str:
    """Three digits, with a true minus sign."""
    form = ".3g" if 1e-3 <= abs(value) < 1e3 or not value else ",.0f" if abs(value) >= 1 else ".1e"
    return format(value, form).replace("-", "−")
