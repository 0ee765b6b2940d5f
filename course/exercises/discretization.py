"""Exercises of notebook 04: the generalised bilinear rule in numbers and in letters; zero-order
hold is in `zero_order_hold`.
"""

from collections.abc import Callable
from typing import Any

import sympy
import torch
from torch import Tensor

from course.checking.compare import kind_of
from course.checking.exercise import Draw, Exercise, Inputs, Slips, Unfit, pick, table, tensors
from course.exercises.zero_order_hold import ZOH
from nmt.discretization import discretize_system

Two = tuple[Tensor, Tensor]


def bilinear(delta: float, A: Tensor, B: Tensor, alpha: float) -> Two:
    """M⁻¹(I + αΔA) and M⁻¹ΔB."""
    eye = torch.eye(len(A), dtype=A.dtype)
    M = eye - (1 - alpha) * delta * A
    return torch.linalg.solve(M, eye + alpha * delta * A), torch.linalg.solve(M, delta * B)


def _bilinear(slips: Slips, delta: float, A: Tensor, B: Tensor, alpha: float) -> Two:
    eye = torch.eye(len(A), dtype=A.dtype)
    new, old = pick(
        slips,
        (1 - alpha, alpha),
        exchanged=(alpha, 1 - alpha),
        half=(0.5, 0.5),
        euler=(0.0, 1.0),
        backward=(1.0, 0.0),
    )
    new = -new if "plus" in slips else new
    step = 1.0 if "no_step_a" in slips else delta
    if "hold" in slips:
        decay = torch.linalg.matrix_exp(delta * A)
        return decay, torch.linalg.solve(A, (decay - eye) @ B)
    one = torch.ones_like(A) if "ones" in slips else eye
    M = one - new * step * A
    M = M.T if "turned" in slips else M
    inverse = 1 / M if {"reciprocal", "entrywise"} & slips else torch.linalg.inv(M)
    inverse = M if "no_inverse" in slips else inverse
    one = 0 * eye if "no_one" in slips else one
    slope = one + (-old if "minus" in slips else old) * step * A
    A_bar = inverse * slope if {"times", "entrywise"} & slips else inverse @ slope
    written = pick(slips, delta * B, no_step_b=B, weighed=old * delta * B)
    front = pick(slips, inverse, bare=eye, decayed=inverse @ slope)
    B_bar = front @ written
    return (B_bar, A_bar) if "swapped" in slips else (A_bar, B_bar)


def _system_inputs() -> Inputs:
    draw, small = Draw(70), tensors([[-2, 1], [0, -1]], [[1], [2]])
    yield "two states, one input", (0.5, *small, 0.25)
    for n, m, delta, alpha in (
        (3, 2, 0.1, 0.5),
        (2, 2, 0.7, 0.0),
        (4, 1, 0.2, 1.0),
        (1, 1, 1.5, 0.75),
    ):
        label = f"{n} state{'s' * (n > 1)}, {m} input{'s' * (m > 1)}, α = {alpha}"
        yield label, (delta, draw.normal(n, n) - 2 * torch.eye(n), draw.normal(n, m), alpha)


BILINEAR = Exercise(
    name="discretization.bilinear",
    minutes=10,
    difficulty=1,
    answer=bilinear,
    course=(discretize_system,),
    inputs=_system_inputs,
    notice="""Notice α = 1: nothing is left to invert. Any other α pays for its stability with a
        linear system to be solved.""",
    slipped=_bilinear,
    mistakes=table("""
        exchanged: α and 1 − α exchanged
            α is the trust in the old slope. Which of the two slopes is on the side of h_k, to be
            inverted?
        half euler backward: α not used
            Your rule is the same, whatever α is. Where do α and 1 − α stand in the derivation?
        no_step_b: Δ missing in B̄
            Input flows in for the time Δ. What does B̄ become when Δ goes to 0?
        no_step_a: Δ missing in Ā
            What does Ā become when Δ goes to 0?
        bare: inverse missing in B̄
            The equation is divided by M as a whole. Which terms stood on its right side?
        decayed: Ā in front of B̄
            Does the held input pass through I + αΔA? Look at what stands in front of B x_k.
        plus: plus instead of minus in M
            Bring (1 − α)ΔA h_k to the left side. Which sign does it get?
        no_inverse: M not inverted
            M stands on the side of h_k. How does it get to the other side?
        minus: minus instead of plus in I + αΔA
            The old slope pushes h on. With which sign does αΔA h_{k−1} stand on the right?
        weighed: B̄ weighed by α
            α and 1 − α of the same held input: how much is that together?
        reciprocal entrywise: entry by entry
            1/x of each entry is no inverse of a matrix. Which function of torch.linalg is?
        times: * instead of @
            Which sign multiplies matrices, * or @?
        no_one: I forgotten
            What is left of the old state if nothing pushes it? Where does that stand in Ā?
        turned: M turned
            The equation reads M h_k = …. On which side of the matrix does the state stand?
        ones: 1 instead of I
            A number plus a matrix adds it to every entry. What is I?
        hold: zero-order hold
            That is another rule, with e^{ΔA}. Which rule is asked for?
        swapped: Ā and B̄ exchanged
            Which of the two stands in front of the old state?
    """),
    parts=("A_bar", "B_bar"),
)


def in_letters(
    A: sympy.Symbol, B: sympy.Symbol, delta: sympy.Symbol, alpha: sympy.Symbol
) -> tuple[sympy.Expr, sympy.Expr]:
    """Solve for the new state; a derivative picks out a coefficient."""
    old, new, x = sympy.symbols("h_old h_new x")
    slope = alpha * (A * old + B * x) + (1 - alpha) * (A * new + B * x)
    (result,) = sympy.solve(sympy.Eq(new, old + delta * slope), new)
    return sympy.diff(result, old), sympy.diff(result, x)


def _in_letters(slips: Slips, A: Any, B: Any, delta: Any, alpha: Any) -> tuple[Any, Any]:
    left, right = pick(
        slips,
        (1 - alpha, alpha),
        exchanged=(alpha, 1 - alpha),
        explicit=(0, 1),
        half=(sympy.Rational(1, 2),) * 2,
        backward=(1, 0),
    )
    entry = pick(slips, delta, no_step=1, once=alpha * delta, late=(1 - alpha) * delta)
    left = -left if "plus" in slips else left
    M = 1 if "no_division" in slips else 1 - left * delta * A
    one, below = 0 if "no_one" in slips else 1, 1 if "bare" in slips else M
    result = (one + right * delta * A) / M, entry * (1 if "no_b" in slips else B) / below
    if "hold" in slips:
        result = sympy.exp(delta * A), (sympy.exp(delta * A) - 1) / A * B
    return result[::-1] if "swapped" in slips else result


_POINTS = ((-1, 2, "1/2", "1/4"), (-3, "5/4", "1/5", "3/8"), ("-2/7", "1/3", "1/4", "7/8"))
_AT = [f"A = {a}, B = {b}, Δ = {delta}, α = {alpha}" for a, b, delta, alpha in _POINTS]


def _at_points(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """Two expressions at points: expressions that look different may be equal."""
    result = function(*arguments)
    if result is None:
        return None
    if isinstance(result, sympy.Expr):
        raise Unfit("a pair of two expressions, A_bar and B_bar,", "one expression")
    try:
        pair = [sympy.sympify(each) for each in result]
        if len(pair) != 2 or isinstance(result, (str, dict, set)):
            raise TypeError
        free = [each.free_symbols - set(arguments) for each in pair]
    except (sympy.SympifyError, TypeError, AttributeError):
        raise Unfit("a pair of two expressions, A_bar and B_bar,", kind_of(result)) from None
    seen: list[Any] = [", ".join(sorted(map(str, each))) or "nothing" for each in free]
    for point in _POINTS:
        values = dict(zip(arguments, map(sympy.Rational, point)))
        for expression in pair:
            value = expression.subs(values)
            seen.append(float(value) if value.is_number and value.is_finite else str(value))
    return tuple(seen)


SYMBOLIC = Exercise(
    name="discretization.bilinear-symbolic",
    minutes=15,
    difficulty=2,
    answer=in_letters,
    course=(discretize_system,),
    inputs=lambda: [
        ("the letters of the text", sympy.symbols("A B Delta alpha")),
        ("other letters", sympy.symbols("p q r s")),
    ],
    observe=_at_points,
    notice="""Notice the two coefficients share one denominator: the same M stands below the old
        state and below the input.""",
    slipped=_in_letters,
    mistakes=table(
        """
        exchanged: α and 1 − α exchanged
            Which slope does α belong to, that of the beginning or that of the end?
        no_step: Δ missing in B̄
            By what is the mean slope multiplied in the first line?
        once: input at the beginning only
            The input is held: it is in both slopes, with the weights α and 1 − α. What do they add
            up to?
        late: input at the end only
            The input is held: it is in both slopes, with the weights α and 1 − α. What do they add
            up to?
        explicit: the old slope at both ends
            Nothing is divided in your result. Does h_k stand on both sides of your equation?
        plus: plus instead of minus in M
            Which sign does h_k's slope get on the left?
        half backward: α not used
            Your rule is the same, whatever α is. Which slope does α belong to?
        no_one: 1 forgotten
            What is left of the old state if its slope is 0?
        bare: B̄ not divided by M
            The equation is divided by M as a whole. Which terms stood on its right side?
        hold: zero-order hold
            That is another rule, with e^{ΔA}. Which rule is asked for?
        no_b: B missing in B̄
            What stands in front of x in a slope?
        no_division: not divided by M
            What stands in front of h_k on the left side?
        swapped: Ā and B̄ exchanged
            Which of the two stands in front of the old state?
        others: letters that were not given
            The function gets four symbols. Which other letters are left in your result: a state, an
            input, a symbol of your own?
        """,
        others=lambda arguments, right, yours: yours[:2] != right[:2],
    ),
    parts=(
        "what is left over in A_bar, beside A, B, Δ and α,",
        "what is left over in B_bar, beside A, B, Δ and α,",
        *(f"{name} at {at}" for at in _AT for name in ("A_bar", "B_bar")),
    ),
)


EXERCISES = {each.name: each for each in (BILINEAR, SYMBOLIC, ZOH)}
