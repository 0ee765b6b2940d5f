"""Exercises of notebook 04: the generalised bilinear rule in numbers and in letters, and zero-order
hold where A is nearly nothing.
"""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable
from typing import Any

import sympy
import torch
from torch import Tensor

from course.checking.compare import as_tensor
from course.checking.exercise import Case, Draw, Exercise
from nmt.discretization import (
    StateSpace,
    _bilinear_decay,
    _bilinear_gain,
    _bilinear_matrix,
    _Phi1,
    _phi1_derivative,
    discretize_system,
    phi1,
)

Two = tuple[Tensor, Tensor]


def _system_cases() -> list[Case]:
    draw, cases = Draw(70), []
    for n, m, delta, alpha in (
        (2, 1, 0.3, 0.25),
        (3, 2, 0.1, 0.5),
        (2, 2, 0.7, 0.0),
        (4, 1, 0.2, 1.0),
        (1, 1, 1.5, 0.75),
    ):
        A = draw.normal(n, n) - 2 * torch.eye(n)
        cases.append(
            Case(
                f"{n} states, {m} inputs, Δ = {delta}, α = {alpha}",
                (delta, A, draw.normal(n, m), alpha),
            )
        )
    return cases


def _reference_bilinear(delta: float, A: Tensor, B: Tensor, alpha: float) -> Two:
    n, m = B.shape
    discrete = discretize_system(
        "generalized_bilinear", delta, StateSpace(A, B, A.new_zeros(1, n), A.new_zeros(1, m)), alpha
    )
    return discrete.A, discrete.B


BILINEAR = Exercise(
    name="discretization.bilinear",
    minutes=10,
    difficulty=1,
    reference=_reference_bilinear,
    solution=(discretize_system, _bilinear_matrix),
    cases=_system_cases,
    notice=(
        "Notice α = 1: nothing is left to invert. Any other α pays for its stability with a linear"
        " system to be solved."
    ),
    parts=("A_bar", "B_bar"),
)


def _inverse(Z: Tensor, weight: float) -> Tensor:
    """(I − weight · Z)⁻¹."""
    return torch.linalg.inv(torch.eye(len(Z), dtype=Z.dtype) - weight * Z)


def _slope(Z: Tensor, weight: float) -> Tensor:
    return torch.eye(len(Z), dtype=Z.dtype) + weight * Z


@BILINEAR.mutant(
    "α and 1 − α exchanged",
    "α is the trust in the old slope. Which of the two slopes is on the side of h_k, to be"
    " inverted?",
)
def _alpha_exchanged(delta: float, A: Tensor, B: Tensor, alpha: float) -> Two:
    return _reference_bilinear(delta, A, B, 1 - alpha)


@BILINEAR.mutant(
    "α not used",
    "Your rule is the bilinear one, whatever α is. Where do α and 1 − α stand in the derivation?",
)
def _always_half(delta: float, A: Tensor, B: Tensor, alpha: float) -> Two:
    return _reference_bilinear(delta, A, B, 0.5)


@BILINEAR.mutant(
    "Δ missing in B̄", "Input flows in for the time Δ. What does B̄ become when Δ goes to 0?"
)
def _no_step_in_b(delta: float, A: Tensor, B: Tensor, alpha: float) -> Two:
    M = _inverse(delta * A, 1 - alpha)
    return M @ _slope(delta * A, alpha), M @ B


@BILINEAR.mutant(
    "inverse missing in B̄",
    "The equation is divided by M as a whole. Which terms stood on its right side?",
)
def _no_inverse_in_b(delta: float, A: Tensor, B: Tensor, alpha: float) -> Two:
    return _inverse(delta * A, 1 - alpha) @ _slope(delta * A, alpha), delta * B


@BILINEAR.mutant(
    "Ā in front of B̄",
    "Does the held input pass through I + αΔA? Look at what stands in front of B x_k.",
)
def _decayed_input(delta: float, A: Tensor, B: Tensor, alpha: float) -> Two:
    A_bar = _inverse(delta * A, 1 - alpha) @ _slope(delta * A, alpha)
    return A_bar, A_bar @ (delta * B)


@BILINEAR.mutant(
    "plus instead of minus in M", "Bring (1 − α)ΔA h_k to the left side. Which sign does it get?"
)
def _sign(delta: float, A: Tensor, B: Tensor, alpha: float) -> Two:
    M = _inverse(delta * A, -(1 - alpha))
    return M @ _slope(delta * A, alpha), M @ (delta * B)


@BILINEAR.mutant(
    "entry by entry",
    "1/x of each entry is no inverse of a matrix. Which function of torch.linalg is?",
)
def _elementwise(delta: float, A: Tensor, B: Tensor, alpha: float) -> Two:
    eye = torch.eye(len(A), dtype=A.dtype)
    M = eye - (1 - alpha) * delta * A
    return (eye + alpha * delta * A) / M, (1 / M) @ (delta * B)


def _at_points(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """Two expressions, evaluated exactly at points: expressions that look different may be equal."""
    result = function(*arguments)
    if not isinstance(result, (tuple, list, sympy.Tuple)) or len(result) != 2:
        return result
    try:
        pair = dict(zip(("A_bar", "B_bar"), map(sympy.sympify, result)))
    except (sympy.SympifyError, TypeError, AttributeError):
        return result
    seen: dict[str, Any] = {}
    for name, expression in pair.items():
        left = sorted(
            str(symbol) for symbol in getattr(expression, "free_symbols", set()) - set(arguments)
        )
        seen[f"what is left over in {name}, beside A, B, Δ and α"] = ", ".join(left) or "nothing"
    chance = random.Random(str(arguments))
    for _ in range(3):
        a, b = (
            -sympy.Rational(chance.randint(1, 9), chance.randint(1, 9)),
            sympy.Rational(chance.randint(1, 9), chance.randint(2, 9)),
        )
        point = dict(
            zip(
                arguments,
                (
                    a,
                    b,
                    sympy.Rational(1, chance.randint(2, 9)),
                    sympy.Rational(chance.randint(1, 7), 8),
                ),
            )
        )
        place = ", ".join(f"{symbol} = {value}" for symbol, value in point.items())
        for name, expression in pair.items():
            value = expression.subs(point)
            seen[f"{name} at {place}"] = (
                float(value) if value.is_number and value.is_finite else str(value)
            )
    return seen


def _in_letters(A: Any, B: Any, delta: Any, alpha: Any) -> tuple[Any, Any]:
    """nmt's own formulas, which are plain arithmetic, with letters for numbers."""
    decay, gain = (
        inspect.unwrap(_bilinear_decay),
        inspect.unwrap(_bilinear_gain),
    )  # past the tests' check that numbers are tensors
    return decay(delta * A, alpha), gain(delta * A, alpha) * delta * B


SYMBOLIC = Exercise(
    name="discretization.bilinear-symbolic",
    minutes=15,
    difficulty=2,
    reference=_in_letters,
    solution=(_bilinear_decay, _bilinear_gain),
    cases=lambda: [
        Case("the letters of the text", sympy.symbols("A B Delta alpha")),
        Case("other letters", sympy.symbols("p q r s")),
    ],
    observe=_at_points,
    notice=(
        "Notice the two coefficients share one denominator: the same M stands below the old state"
        " and below the input."
    ),
)


def _symbolic(
    A: Any, B: Any, delta: Any, alpha: Any, *, left: Any, right: Any, entry: Any
) -> tuple[Any, Any]:
    return (1 + right * delta * A) / (1 - left * delta * A), entry * B / (1 - left * delta * A)


@SYMBOLIC.mutant(
    "α and 1 − α exchanged",
    "Which slope does α belong to, that of the beginning or that of the end?",
)
def _symbols_exchanged(A: Any, B: Any, delta: Any, alpha: Any) -> tuple[Any, Any]:
    return _symbolic(A, B, delta, alpha, left=alpha, right=1 - alpha, entry=delta)


@SYMBOLIC.mutant("Δ missing in B̄", "By what is the mean slope multiplied in the first line?")
def _symbols_no_step(A: Any, B: Any, delta: Any, alpha: Any) -> tuple[Any, Any]:
    return _symbolic(A, B, delta, alpha, left=1 - alpha, right=alpha, entry=1)


@SYMBOLIC.mutant(
    "input at the beginning only",
    "The input is held: it is in both slopes, with the weights α and 1 − α. What do they add"
    " up to?",
)
def _input_once(A: Any, B: Any, delta: Any, alpha: Any) -> tuple[Any, Any]:
    return _symbolic(A, B, delta, alpha, left=1 - alpha, right=alpha, entry=alpha * delta)


@SYMBOLIC.mutant(
    "input at the end only",
    "The input is held: it is in both slopes, with the weights α and 1 − α. What do they add"
    " up to?",
)
def _input_late(A: Any, B: Any, delta: Any, alpha: Any) -> tuple[Any, Any]:
    return _symbolic(A, B, delta, alpha, left=1 - alpha, right=alpha, entry=(1 - alpha) * delta)


@SYMBOLIC.mutant(
    "the old slope at both ends",
    "Nothing is divided in your result. Does h_k stand on both sides of your equation?",
)
def _explicit(A: Any, B: Any, delta: Any, alpha: Any) -> tuple[Any, Any]:
    return _symbolic(A, B, delta, alpha, left=0, right=1, entry=delta)


@SYMBOLIC.mutant("Ā and B̄ exchanged", "Which of the two stands in front of the old state?")
def _symbols_swapped(A: Any, B: Any, delta: Any, alpha: Any) -> tuple[Any, Any]:
    return _symbolic(A, B, delta, alpha, left=1 - alpha, right=alpha, entry=delta)[::-1]


def _value_and_gradient(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """φ₁(z) and its derivative; a derivative of zeros where no gradient comes back."""
    leaf = arguments[0].requires_grad_()
    value = function(leaf.clone())
    if not isinstance(value, Tensor) or not value.requires_grad:
        return (value if as_tensor(value) is None else as_tensor(value)), torch.zeros_like(leaf)
    return value.detach(), torch.autograd.grad(value.sum(), leaf)[0]


def _small_cases() -> list[Case]:
    numbers = torch.get_default_dtype()
    return [
        Case(
            "numbers that are not small",
            (torch.tensor([[-3.0, -1.0, -0.3], [0.2, 1.0, -8.0]], dtype=numbers),),
        ),
        Case("small numbers", (torch.tensor([-1e-3, -2e-7, 3e-9, -1e-12, 7e-14], dtype=numbers),)),
        Case("zero among others", (torch.tensor([[0.0, -1.0], [-1e-11, 0.0]], dtype=numbers),)),
    ]


ZOH = Exercise(
    name="discretization.zoh-stable",
    minutes=20,
    difficulty=3,
    reference=phi1,
    solution=(phi1, _Phi1, _phi1_derivative),
    cases=_small_cases,
    observe=_value_and_gradient,
    notice=(
        "Notice that you had to protect the gradient apart from the value: a branch that is not"
        " taken still sends its nan backward."
    ),
    parts=("the value", "the gradient"),
)


@ZOH.mutant(
    "as the formula is written",
    "e^z is rounded before 1 is subtracted. Which function computes e^z − 1 without forming e^z?",
)
def _as_written(z: Tensor) -> Tensor:
    return (torch.exp(z) - 1) / z


@ZOH.mutant("0 divided by 0", "The value is right for small z. What is it at z = 0 itself?")
def _only_expm1(z: Tensor) -> Tensor:
    return torch.expm1(z) / z


@ZOH.mutant(
    "nan through the branch not taken",
    "torch.where computes both branches, and their gradients. What is the gradient of 0/0,"
    " times 0?",
)
def _where(z: Tensor) -> Tensor:
    return torch.where(z == 0, 1.0, torch.expm1(z) / z)


@ZOH.mutant(
    "no slope at zero",
    "The value at 0 is a constant in your code. What is the derivative of a constant, and what is"
    " φ₁′(0)?",
)
def _no_slope(z: Tensor) -> Tensor:
    return torch.where(z == 0, 1.0, torch.expm1(z) / torch.where(z == 0, 1.0, z))


@ZOH.mutant(
    "constant near zero",
    "1 is near enough as a value. What does it make of the gradient, which should be near ½?",
)
def _constant(z: Tensor) -> Tensor:
    small = z.abs() < 1e-2
    return torch.where(small, 1.0, torch.expm1(z) / torch.where(small, 1.0, z))


@ZOH.mutant("a little added below the line", "Try z = −10⁻⁸ in your head: what is z + ε then?")
def _epsilon(z: Tensor) -> Tensor:
    return torch.expm1(z) / (z + 1e-8)


@ZOH.mutant(
    "two terms of the series everywhere", "1 + z/2 is fine near 0. How good is it at z = −3?"
)
def _series(z: Tensor) -> Tensor:
    return 1 + z / 2


@ZOH.mutant("e^z itself", "That is Ā. Which function of z stands in front of ΔB?")
def _decay(z: Tensor) -> Tensor:
    return torch.exp(z)


@ZOH.mutant(
    "gradient cut off", "The values are right, and no gradient comes back. Which line leaves torch?"
)
def _cut(z: Tensor) -> Tensor:
    return phi1(z.detach())


EXERCISES = {each.name: each for each in (BILINEAR, SYMBOLIC, ZOH)}
