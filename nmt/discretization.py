"""From a differential equation to a recurrence: h′ = Ah + Bx becomes h_k = Ā h_{k−1} + B̄ x_k.

Every rule is two functions of one product, Z = ΔA (Δ is the step size):

    Ā = decay(ΔA)        B̄ = gain(ΔA) ΔB        C̄ = C        D̄ = D

    rule                     decay(Z)                        gain(Z)
    generalised bilinear     (I − (1−α)Z)⁻¹ (I + αZ)         (I − (1−α)Z)⁻¹      0 ≤ α ≤ 1
      forward Euler, α = 1   I + Z                           I
      bilinear, α = ½        (I − Z/2)⁻¹ (I + Z/2)           (I − Z/2)⁻¹         S4's rule
      backward Euler, α = 0  (I − Z)⁻¹                       (I − Z)⁻¹
    zero-order hold          e^Z                             φ₁(Z) = Z⁻¹(e^Z − I), I at Z = 0
    mixed (Mamba's code)     e^Z                             I

Convention, the same for all rules: the input is *held*. x_k is the constant input during the whole
step that ends at time k. Then h_k is the state at that end, and the output y_k = C h_k + D x_k
reads it with C and D unchanged.

The other convention samples the input at both ends of a step, and the slopes at the two ends see
different inputs. With M = I − (1−α)ΔA and the state w_k = M h_k − (1−α)ΔB x_k it reads w_{k+1} = Ā
w_k + B̄ x_k with the same Ā and B̄ = M⁻¹ΔB, but C̄ = CM⁻¹ and D̄ = D + (1−α)CM⁻¹ΔB:
`scipy.signal.cont2discrete(method="gbt")`, whose alpha is our 1 − α. Nothing here uses it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Inexact
from torch import Tensor

RULES = ("mixed", "zoh", "bilinear", "backward_euler", "forward_euler", "generalized_bilinear")
ALPHA = {"forward_euler": 1.0, "bilinear": 0.5, "backward_euler": 0.0}


class StateSpace(NamedTuple):
    """h′ = Ah + Bx, y = Ch + Dx, or the recurrence h_k = Āh_{k−1} + B̄x_k, y_k = C̄h_k + D̄x_k.

    n states, m inputs, p outputs; may be complex. `A` is a matrix, or only its diagonal (n).
    """

    A: Inexact[Tensor, "n n"] | Inexact[Tensor, " n"]
    B: Inexact[Tensor, "n m"]
    C: Inexact[Tensor, "p n"]
    D: Inexact[Tensor, "p m"]


class Rule(NamedTuple):
    """A discretisation rule as two functions of Z = ΔA: Ā = decay(Z) and B̄ = gain(Z) ΔB."""

    decay: Callable[[Tensor], Tensor]
    gain: Callable[[Tensor], Tensor]


def discretize_system(
    rule: str, delta: float | int | Tensor, system: StateSpace, alpha: float | int | None = None
) -> StateSpace:
    """The recurrence that `rule` makes of a system: Ā = decay(ΔA), B̄ = gain(ΔA)ΔB, C̄ = C, D̄ = D.

    Args:
        rule: one of `RULES`.
        delta: the step size ≥ 0, in the unit of time of A; differentiable if it is a tensor.
        system: with A as a matrix, or as its diagonal: then all work is done number by number.
        alpha: the weight of the slope at the step's beginning, for "generalized_bilinear" only.

    Returns:
        The discrete system, for a held input; Ā is a diagonal where A was given as one.

    Raises:
        ValueError: for an unknown rule, α missing or outside [0, 1], Δ < 0, shapes that do not fit,
            or a singular I − (1−α)ΔA.

    Source: Gu et al. 2022 (S4), equation 3, for "bilinear"; Gu & Dao 2023 (Mamba), equation 4, for
    "zoh"; Zhang, Chen & Chen 2007 for α.
    """
    A, B, C, D = system
    _check_system(system)
    step = torch.as_tensor(delta, dtype=None if isinstance(delta, Tensor) else A.real.dtype)
    if step.ndim:
        raise ValueError("one system takes one step size; for one Δ per channel use `discretize`")
    _check_step(step)
    Z = step * A
    if A.ndim == 1:
        decay, gain = diagonal_rule(rule, alpha)
        _check_denominator(Z, _resolve_alpha(rule, alpha))
        return StateSpace(decay(Z), gain(Z)[:, None] * (step * B), C, D)
    decay, gain = matrix_rule(rule, alpha)
    input_factor = step * B
    dtype = torch.promote_types(Z.dtype, input_factor.dtype)
    return StateSpace(decay(Z), gain(Z).to(dtype) @ input_factor.to(dtype), C, D)


def discretize(
    rule: str,
    delta: Float[Tensor, "*batch e"],
    A: Inexact[Tensor, "e n"],
    B: Inexact[Tensor, "*batch n"],
    alpha: float | int | None = None,
) -> tuple[Inexact[Tensor, "*batch e n"], Inexact[Tensor, "*batch e n"]]:
    """Mamba's form: every channel e has its own step size at every position and its own diagonal A.

        Ā_{…en} = decay(Δ_{…e} A_{en})        B̄_{…en} = gain(Δ_{…e} A_{en}) Δ_{…e} B_{…n}

    so that h_k = Ā_k ∘ h_{k−1} + B̄_k x_k, with x_k of shape (…, e) repeated over the states.

    Args:
        rule: one of `RULES`.
        delta: step sizes ≥ 0, shape (…, e); in a sequence model (b, l, e).
        A: the diagonal of each channel's A, shape (e, n); stable where its real part is below 0.
        B: the input vector at each position, shape (…, n), shared by the channels.
        alpha: as in `discretize_system`.

    Returns:
        Ā and B̄, both of shape (…, e, n).

    Raises:
        ValueError: as `discretize_system`.

    Source: Gu & Dao 2023, §2 equation 4 (rule "zoh") and Algorithm 2; the authors' published code
    takes B̄ = ΔB (rule "mixed").
    """
    pair = diagonal_rule(rule, alpha)
    if delta.shape[:-1] != B.shape[:-1] or A.shape != (*delta.shape[-1:], *B.shape[-1:]):
        shapes = ", ".join(str(tuple(tensor.shape)) for tensor in (delta, A, B))
        raise ValueError(f"delta (…, e), A (e, n) and B (…, n) do not fit: {shapes}")
    _check_step(delta)
    Z = delta[..., None] * A  # … e n
    if bool((A.detach().real > 0).any()):  # with a stable A no denominator can vanish
        _check_denominator(Z, _resolve_alpha(rule, alpha))
    held = delta[..., None] * B[..., None, :]  # … e n
    return pair.decay(Z), pair.gain(Z) * held


def diagonal_rule(name: str, alpha: float | int | None = None) -> Rule:
    """The rule for a diagonal A: two functions that act on each number z = ΔA by itself.

    Right at z = 0 too; ∞ where 1 − (1−α)z = 0, for they check nothing. Raises `ValueError` for an
    unknown name, or α missing, unasked for or outside [0, 1].
    """
    weight = _resolve_alpha(name, alpha)
    if weight is not None:
        return Rule(
            lambda z: (1 + weight * z) / (1 - (1 - weight) * z),
            lambda z: 1 / (1 - (1 - weight) * z),
        )
    return Rule(torch.exp, phi1 if name == "zoh" else _ones)


def matrix_rule(name: str, alpha: float | int | None = None) -> Rule:
    """The rule for a full A: two functions of the matrix Z = ΔA. Raises as `diagonal_rule`."""
    weight = _resolve_alpha(name, alpha)
    if weight is not None:
        return Rule(
            lambda Z: _solve_step(Z, weight, _identity(Z) + weight * Z),
            lambda Z: _solve_step(Z, weight, _identity(Z)),
        )
    return Rule(_exp_matrix, _phi1_matrix if name == "zoh" else _identity)


def simulate(
    discrete: StateSpace, inputs: Inexact[Tensor, "l m"], start: Inexact[Tensor, " n"] | None = None
) -> tuple[Inexact[Tensor, "l n"], Inexact[Tensor, "l p"]]:
    """Run h_k = Ā h_{k−1} + B̄ x_k, y_k = C̄ h_k + D̄ x_k for k = 1 … l, from h_0 = `start` (or 0).

    Returns the states h_1 … h_l and the outputs y_1 … y_l. Raises `ValueError` for other shapes.
    """
    A, B, C, D = discrete
    _check_system(discrete)
    if inputs.shape[-1:] != B.shape[1:] or inputs.ndim != 2:
        raise ValueError(f"inputs must be (l, {B.shape[1]}), not {tuple(inputs.shape)}")
    if start is not None and start.shape != A.shape[:1]:
        raise ValueError(f"start must be {tuple(A.shape[:1])}, not {tuple(start.shape)}")
    tensors = [*discrete, inputs, *([] if start is None else [start])]
    dtype = reduce(torch.promote_types, [tensor.dtype for tensor in tensors])
    A, B, C, D, inputs = (tensor.to(dtype) for tensor in (A, B, C, D, inputs))
    state = A.new_zeros(A.shape[0]) if start is None else start.to(dtype)
    states = []
    for x in inputs:
        state = (A @ state if A.ndim == 2 else A * state) + B @ x
        states.append(state)
    stacked = torch.stack(states) if states else A.new_zeros(0, A.shape[0])  # l n
    return stacked, stacked @ C.mT + inputs @ D.mT


def phi1(z: Inexact[Tensor, "*shape"]) -> Inexact[Tensor, "*shape"]:
    """φ₁(z) = (e^z − 1)/z, and 1 at z = 0, number by number: the mean of e^s over s from 0 to z.

    The subtraction is left to `expm1`, and the derivative near 0 to its own series, so that neither
    loses digits as z → 0. Source: Hochbruck & Ostermann 2010, "Exponential integrators", §2.1.
    """
    return _Phi1.apply(z)


class _Phi1(torch.autograd.Function):
    """φ₁ with its derivative written by hand: autograd's would subtract two terms of size 1/z."""

    generate_vmap_rule = True

    @staticmethod
    def forward(z: Tensor) -> Tensor:
        at_zero = z == 0
        return torch.where(at_zero, 1.0, torch.expm1(z) / torch.where(at_zero, 1.0, z))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (z,) = ctx.saved_tensors
        return gradients[0] * _phi1_derivative(z).conj()


def _phi1_derivative(z: Tensor) -> Tensor:
    """φ₁′(z) = (e^z − φ₁(z))/z, and for |z| < ½ its series Σ_j (j+1) z^j / (j+2)!, to 1e-16."""
    small = z.abs() < 0.5
    near = torch.where(small, z, 0.0)
    far = torch.where(small, 1.0, z)
    series = torch.zeros_like(z)
    for j in reversed(range(14)):  # Horner's scheme
        series = series * near + (j + 1) / math.factorial(j + 2)
    return torch.where(small, series, (torch.exp(far) - phi1(far)) / far)


def _exp_matrix(Z: Tensor) -> Tensor:
    return _exp_block(Z)[: Z.shape[-1], : Z.shape[-1]]


def _phi1_matrix(Z: Tensor) -> Tensor:
    return _exp_block(Z)[: Z.shape[-1], Z.shape[-1] :]


def _exp_block(Z: Tensor) -> Tensor:
    """exp([[Z, I], [0, 0]]) = [[e^Z, φ₁(Z)], [0, I]], any Z: Van Loan 1978, Theorem 1.

    e^Z is read off the block as well, because `torch.matrix_exp` of one small matrix loses digits
    up to torch 2.14 at least (pytorch issue 196592: a wrong coefficient, errors of 1e-10 in float64
    and 2e-5 in float32). The block's norm is never that small.
    """
    zero, identity = torch.zeros_like(Z), _identity(Z)
    rows = torch.cat([Z, identity], dim=1), torch.cat([zero, zero], dim=1)
    return torch.matrix_exp(torch.cat(rows))


def _solve_step(Z: Tensor, alpha: float, right: Tensor) -> Tensor:
    try:
        return torch.linalg.solve(_identity(Z) - (1 - alpha) * Z, right)
    except torch.linalg.LinAlgError as error:
        raise ValueError(_singular(alpha)) from error


def _ones(z: Tensor) -> Tensor:
    return z.new_ones(()).expand_as(z)  # no memory of its own


def _identity(Z: Tensor) -> Tensor:
    return torch.eye(Z.shape[-1], dtype=Z.dtype, device=Z.device)


def _resolve_alpha(name: str, alpha: float | int | None) -> float | None:
    """The α of a rule of the bilinear family, None for the two rules with an exponential."""
    if name not in RULES:
        raise ValueError(f"unknown rule {name!r}; choose one of {', '.join(RULES)}")
    if name != "generalized_bilinear":
        if alpha is not None:
            raise ValueError(f'only "generalized_bilinear" takes an alpha, not {name!r}')
        return ALPHA.get(name)
    if alpha is None or not 0 <= alpha <= 1:
        raise ValueError(f"alpha must lie between 0 and 1 (the two Euler rules), not be {alpha}")
    return float(alpha)


def _check_step(delta: Tensor) -> None:
    if not bool((delta.detach() >= 0).all()):
        raise ValueError("every step size Δ must be a number ≥ 0; softplus makes it so")


def _check_denominator(Z: Tensor, alpha: float | None) -> None:
    if alpha is not None and bool((1 - (1 - alpha) * Z.detach() == 0).any()):
        raise ValueError(_singular(alpha))


def _singular(alpha: float) -> str:
    return (
        f"I − (1−α)ΔA has no inverse (α = {alpha:g}): Δ times an eigenvalue of A is"
        f" {1 / (1 - alpha):g}; take a smaller step"
    )


def _check_system(system: StateSpace) -> None:
    A, B, C, D = system
    n = A.shape[0] if A.ndim in (1, 2) else -1
    fits = n >= 0 and (A.ndim == 1 or A.shape == (n, n)) and B.ndim == C.ndim == D.ndim == 2
    if not fits or B.shape[0] != n or C.shape[1] != n or D.shape != (C.shape[0], B.shape[1]):
        shapes = ", ".join(f"{name} {tuple(tensor.shape)}" for name, tensor in zip("ABCD", system))
        raise ValueError(f"A (n, n) or (n), B (n, m), C (p, n) and D (p, m) do not fit: {shapes}")
