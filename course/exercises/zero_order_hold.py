"""Exercises of notebook 04, continued: zero-order hold where A is nearly nothing."""

from collections.abc import Callable
from math import factorial
from typing import Any

import torch
from torch import Tensor

from course.checking.compare import as_tensor, close
from course.checking.exercise import Exercise, Inputs, Shows, Slips, pick, table, tensors
from nmt.discretization import phi1


def stable_phi1(z: Tensor) -> Tensor:
    """The series near 0, the quotient elsewhere; each branch is given harmless numbers."""
    small = z.abs() < 0.1
    near, safe = torch.where(small, z, 0.0), torch.where(small, 1.0, z)
    series = sum(near**j / factorial(j + 1) for j in range(12))
    return torch.where(small, series, torch.expm1(safe) / safe)


def _stable_phi1(slips: Slips, z: Tensor) -> Any:
    z = z.detach() if "cut" in slips else z
    safe = torch.where(z == 0, 1.0, z)
    quotient = torch.expm1(safe) / safe
    return pick(
        slips,
        stable_phi1(z),
        written=(torch.exp(z) - 1) / z,
        expm1=torch.expm1(z) / z,
        where=torch.where(z == 0, 1.0, torch.expm1(z) / z),
        epsilon=torch.expm1(z) / (z + 1e-8),
        series=1 + z / 2,
        decay=torch.exp(z),
        undivided=torch.expm1(z),
        clamped=torch.expm1(z.clamp(min=1e-6)) / z.clamp(min=1e-6),
        no_slope=torch.where(z == 0, 1.0, quotient),
        zero_alone=torch.where(z == 0, 1 + z / 2, quotient),
    )


def _value_and_gradient(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """φ₁(z), its derivative, and whether each value has its digits; a derivative of zeros where no
    gradient comes back.
    """
    leaf = arguments[0].requires_grad_()
    value = function(leaf.clone())
    if value is None:
        return None
    numbers, gradient = as_tensor(value), torch.zeros_like(leaf)
    if isinstance(value, Tensor) and value.requires_grad:
        gradient = torch.autograd.grad(value.sum(), leaf)[0]
    if numbers is None or numbers.shape != leaf.shape:
        return value, gradient, torch.zeros_like(leaf, dtype=torch.bool)
    return numbers, gradient, _exact(leaf.detach(), numbers)


def _exact(z: Tensor, value: Tensor) -> Tensor:
    """All but three digits at most: rounding e^z before 1 is subtracted costs more at z = 10⁻⁴."""
    kind = value.dtype if value.is_floating_point() else z.dtype
    right = stable_phi1(z.double())
    return (value.double() - right).abs() < 500 * torch.finfo(kind).eps * right


def _small_inputs() -> Inputs:
    rows = {
        "two plain numbers": [1.0, -2.0],
        "zero among others": [[0.0, -1.0], [-1e-11, 0.0]],
        "more plain numbers": [[-3.0, -1.0, -0.3], [0.2, 1.0, -8.0]],
        "numbers near 0.1": [-0.15, -0.09, -0.02, 0.02, 0.09, 0.15],
        "small numbers": [-1e-3, 1e-5, -2e-7, 3e-9],
        "numbers above 0.0001": [1.1e-4, -1.3e-4, 1.7e-4, 2.3e-4, -2.9e-4, 3.1e-4],
        "tiny numbers": [-1e-11, 3e-11, 7e-12, -2e-12, 5e-13, 1e-13, -3e-13, 9e-14, 2e-14, -6e-11],
    }
    return ((label, tensors(row)) for label, row in rows.items())


def _wrong_only(where: Callable[[Tensor, Tensor, Tensor], Tensor], value_right: bool) -> Shows:
    """The property that all wrong gradients (or values) fulfil `where(z, value, gradient)`."""

    def shows(arguments: tuple[Any, ...], right: Any, yours: Any) -> bool:
        z, (value, gradient, digits) = arguments[0].detach(), yours
        values, gradients = close(right[0], value), close(right[1], gradient)
        held = where(z, value, gradient)
        if value_right:
            return bool(values.all()) and bool(held[~gradients].all())
        return bool(held[~values | ~gradients | ~digits].all())

    return shows


ZOH = Exercise(
    name="discretization.zoh-stable",
    minutes=20,
    difficulty=3,
    answer=stable_phi1,
    course=(phi1,),
    inputs=_small_inputs,
    observe=_value_and_gradient,
    notice="""Notice that you had to protect the gradient apart from the value: a branch that is
        not taken still sends its nan backward.""",
    slipped=_stable_phi1,
    mistakes=table(
        """
        written: as the formula is written
            e^z is rounded before 1 is subtracted. Which function computes e^z − 1 without forming
            e^z?
        expm1: 0 divided by 0
            The value is right for small z. What is it at z = 0?
        where: nan through the branch not taken
            torch.where computes both branches, and their gradients. What is the gradient of 0/0,
            times 0?
        no_slope: no slope at zero
            The value at 0 is a constant in your code. What is the derivative of a constant, and
            what is φ₁′(0)?
        epsilon: a little added below the line
            Try z = −10⁻⁸ in your head: what is z + ε then?
        series: two terms of the series everywhere
            1 + z/2 is fine near 0. How good is it at z = −3?
        decay: e^z itself
            That is Ā. Which function of z stands in front of ΔB?
        undivided: not divided by z
            What stands below the line?
        clamped: negative numbers clamped
            clamp(min=…) lifts every smaller number. What does it make of z = −2?
        cut: gradient cut off
            The values are right, and no gradient comes back. Which line leaves torch?
        rounded: e^z − 1 loses digits
            e^z is rounded before 1 is subtracted. How many digits are left of the difference where
            z is 10⁻⁴?
        few_terms: too few terms for so far
            Up to which |z| does your series reach, and how large is the first term that you left
            out?
        nan: nan through the branch not taken
            torch.where computes both branches, and their gradients. What is 0 times nan?
        constant: constant near zero
            1 is near enough as a value. What does it make of the gradient, which should be near ½?
        rough: the gradient loses its digits
            A quotient is differentiated to a difference of two numbers of size 1/z. For which z
            must the series take over?
        """,
        rounded=_wrong_only(
            lambda z, value, gradient: (
                (value - (z.exp() - 1) / z).abs() <= 2 * torch.finfo(z.dtype).eps
            ),
            value_right=False,
        ),
        few_terms=_wrong_only(
            lambda z, value, gradient: (z.abs() < 1) & ((value - 1 - z / 2).abs() < z**2),
            value_right=False,
        ),
        nan=_wrong_only(lambda z, value, gradient: gradient.isnan(), value_right=True),
        constant=_wrong_only(lambda z, value, gradient: gradient == 0, value_right=True),
        rough=_wrong_only(lambda z, value, gradient: z.abs() < 0.01, value_right=True),
    ),
    parts=("the value", "the gradient", "all digits of the value"),
)
