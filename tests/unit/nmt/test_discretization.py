"""The rules against scipy (expm, ODE solver, cont2discrete), and against their laws."""

import math

import numpy as np
import pytest
import scipy.integrate
import scipy.linalg
import scipy.signal
import torch
from hypothesis import given
from hypothesis import strategies as st

from nmt.discretization import (
    RULES,
    StateSpace,
    diagonal_rule,
    discretize,
    discretize_system,
    matrix_rule,
    phi1,
    simulate,
)

NAMED = [rule for rule in RULES if rule != "generalized_bilinear"]
ALL = [(rule, None) for rule in NAMED] + [("generalized_bilinear", 0.3)]


def random_system(seed: int, n: int = 4, m: int = 2, p: int = 3) -> StateSpace:
    """A stable system in float64 with a full A."""
    generator = torch.Generator().manual_seed(seed)
    shapes = (n, n), (n, m), (p, n), (p, m)
    matrices = [torch.randn(*s, generator=generator, dtype=torch.float64) for s in shapes]
    return StateSpace(matrices[0] - 3 * torch.eye(n, dtype=torch.float64), *matrices[1:])


@pytest.mark.parametrize("delta", [0.01, 0.5, 3.0])
def test_zero_order_hold_is_what_a_fine_ode_solve_gives(delta):
    system = random_system(0)
    A, B = system.A.numpy(), system.B.numpy()
    start, x = np.array([1.0, -2.0, 0.5, 0.0]), np.array([0.7, -1.3])
    solution = scipy.integrate.solve_ivp(
        lambda t, h: A @ h + B @ x, (0, delta), start, method="DOP853", rtol=1e-12, atol=1e-12
    )
    states, outputs = simulate(
        discretize_system("zoh", delta, system), torch.tensor(x)[None], torch.tensor(start)
    )
    close = {"rtol": 1e-9, "atol": 1e-10}
    np.testing.assert_allclose(states[-1].numpy(), solution.y[:, -1], **close)
    expected = system.C.numpy() @ solution.y[:, -1] + system.D.numpy() @ x
    np.testing.assert_allclose(outputs[-1].numpy(), expected, **close)


def test_matrices_against_scipy():
    system, delta = random_system(1), 0.4
    A, B, C, D = (matrix.numpy() for matrix in system)
    names = {"zoh": "zoh", "forward_euler": "euler", "backward_euler": "backward_diff"}
    for rule, method in {**names, "bilinear": "bilinear"}.items():
        expected = scipy.signal.cont2discrete((A, B, C, D), delta, method)
        ours = discretize_system(rule, delta, system)
        for mine, other in zip(ours[:2], expected):
            np.testing.assert_allclose(mine.numpy(), other, rtol=1e-12, atol=1e-12)
        assert ours.C is system.C and ours.D is system.D  # the convention of a held input
    ours = discretize_system("mixed", delta, system)
    np.testing.assert_allclose(ours.A.numpy(), scipy.linalg.expm(delta * A), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(ours.B.numpy(), delta * B, rtol=1e-15)


@pytest.mark.parametrize("alpha", [0.0, 0.2, 0.5, 0.9, 1.0])
def test_two_sampled_ends_share_our_A_and_B_as_the_docstring_says(alpha):
    system, delta = random_system(2), 0.3
    A, B, C, D = (matrix.numpy() for matrix in system)
    theirs = scipy.signal.cont2discrete((A, B, C, D), delta, "gbt", alpha=1 - alpha)
    ours = discretize_system("generalized_bilinear", delta, system, alpha)
    inverse = np.linalg.inv(np.eye(4) - (1 - alpha) * delta * A)
    ends = (ours.A.numpy(), ours.B.numpy(), C @ inverse, D + (1 - alpha) * C @ ours.B.numpy())
    for mine, other in zip(ends, theirs, strict=False):
        np.testing.assert_allclose(mine, other, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("rule,alpha", ALL)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.complex64, torch.complex128])
def test_diagonal_form_equals_full_form(rule, alpha, dtype):
    torch.manual_seed(0)
    diagonal = torch.randn(5, dtype=dtype) - 1
    B, C, D = (torch.randn(*shape, dtype=dtype) for shape in ((5, 2), (3, 5), (3, 2)))
    system = StateSpace(diagonal, B, C, D)
    fast = discretize_system(rule, 0.3, system, alpha)
    full = discretize_system(rule, 0.3, system._replace(A=torch.diag(diagonal)), alpha)
    assert fast.A.shape == (5,) and fast.A.dtype == full.A.dtype == dtype
    torch.testing.assert_close(torch.diag(fast.A), full.A)
    torch.testing.assert_close(fast.B, full.B)
    inputs = torch.randn(7, 2, dtype=dtype)
    torch.testing.assert_close(simulate(fast, inputs), simulate(full, inputs))


@pytest.mark.parametrize("rule,alpha", ALL)
def test_mamba_form_equals_one_system_per_channel_and_position(rule, alpha):
    torch.manual_seed(0)
    delta = torch.rand(2, 3, 4).double()
    A = -torch.rand(4, 5).double() * 3
    B = torch.randn(2, 3, 5).double()
    A_bar, B_bar = discretize(rule, delta, A, B, alpha)
    assert A_bar.shape == B_bar.shape == (2, 3, 4, 5)
    C, D = torch.zeros(1, 5).double(), torch.zeros(1, 1).double()
    for b, position, e in [(0, 0, 0), (1, 2, 3), (0, 1, 2)]:
        system = StateSpace(torch.diag(A[e]), B[b, position, :, None], C, D)
        one = discretize_system(rule, delta[b, position, e], system, alpha)
        torch.testing.assert_close(A_bar[b, position, e], one.A.diagonal())
        torch.testing.assert_close(B_bar[b, position, e], one.B[:, 0])
    last = discretize(rule, delta[:, -1], A, B[:, -1], alpha)  # one step, as in decoding
    torch.testing.assert_close(last, (A_bar[:, -1], B_bar[:, -1]))


@given(real=st.floats(-8, 0), imaginary=st.floats(-8, 8), alpha=st.floats(0, 1))
def test_family_is_stable_exactly_where_theory_says(real, imaginary, alpha):
    """|1 + αz| < |1 − (1−α)z| ⟺ 2 Re z + (2α − 1)|z|² < 0: a half plane for α ≤ ½, else a disc."""
    z = torch.tensor(complex(real, imaginary), dtype=torch.complex128)
    margin = 2 * real + (2 * alpha - 1) * float(z.abs()) ** 2
    if abs(margin) > 1e-9:
        assert (diagonal_rule("generalized_bilinear", alpha).decay(z).abs() < 1) == (margin < 0)


@pytest.mark.parametrize("dtype,tolerance", [(torch.float32, 4e-7), (torch.float64, 1e-15)])
def test_phi1_keeps_all_digits_of_value_and_gradient(dtype, tolerance):
    """Against the series in 60 digits, on both sides of the switch at |z| = ½."""
    import mpmath

    mpmath.mp.dps = 60
    sizes = [0.0, 1e-300, 1e-12, 1e-8, 1e-4, 0.01, 0.3, 0.4999, 0.5, 0.5001, 0.9, 1.0, 3.0, 20, 80]
    z = torch.tensor([*sizes, *(-size for size in sizes)], dtype=dtype, requires_grad=True)
    value = phi1(z)
    (gradient,) = torch.autograd.grad(value.sum(), z)
    for point, ours, slope in zip(z.tolist(), value.tolist(), gradient.tolist(), strict=True):
        exact = mpmath.mpf(point)
        true_value = mpmath.expm1(exact) / exact if point else mpmath.mpf(1)
        steep = abs(point) > 1e-20
        true_slope = (mpmath.exp(exact) - true_value) / exact if steep else mpmath.mpf(1) / 2
        assert abs(ours - true_value) <= tolerance * abs(true_value)
        assert abs(slope - true_slope) <= 4 * tolerance * abs(true_slope)


def test_phi1_gradcheck_and_vmap():
    numbers = [-3.0, -0.51, -0.2, 0.0, 1e-9, 0.4, 2.0]
    z = torch.tensor(numbers, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(phi1, z) and torch.autograd.gradgradcheck(phi1, z)
    complex_z = torch.tensor([-3 + 1j, 0.1j, 0j, 2 - 4j], dtype=torch.complex128).requires_grad_()
    assert torch.autograd.gradcheck(phi1, complex_z)
    torch.testing.assert_close(torch.vmap(phi1)(z), phi1(z))


@pytest.mark.parametrize("rule,alpha", ALL)
def test_gradients_through_the_full_form(rule, alpha):
    """Also at A = 0 and at a singular A, where a formula with A⁻¹ has no value."""
    B, C, D = random_system(4, n=3, m=1, p=1)[1:]
    singular = torch.diag(torch.tensor([0.0, 0.0, -1.0], dtype=torch.float64))
    for A in (random_system(4, n=3).A, torch.zeros_like(singular), singular):
        A = A.clone().requires_grad_()
        delta = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)

        def run(A, delta):
            return discretize_system(rule, delta, StateSpace(A, B, C, D), alpha)[:2]

        assert torch.autograd.gradcheck(run, (A, delta))


@pytest.mark.parametrize("dtype,tolerance", [(torch.float32, 3e-7), (torch.float64, 1e-15)])
def test_exponential_of_small_matrices_keeps_all_digits(dtype, tolerance):
    """`torch.matrix_exp` itself is off by 2e-5 (float32) and 1e-10 (float64) at these sizes."""
    for angle in (1e-6, 0.01, 0.04, 0.1, 0.4, 0.55, 1.0):
        turn = torch.tensor([[0.0, -angle], [angle, 0.0]], dtype=dtype)
        exact = angle if dtype == torch.float64 else float(torch.tensor(angle))
        expected = torch.tensor([[np.cos(exact), -np.sin(exact)], [np.sin(exact), np.cos(exact)]])
        for rule in ("zoh", "mixed"):
            assert (matrix_rule(rule).decay(turn).double() - expected).abs().max() < tolerance


def test_singular_a_against_its_limit():
    """A double integrator has no A⁻¹; its exact step is known: position += Δ·speed + Δ²/2·push."""
    double = torch.tensor([[0.0, 1.0], [0.0, 0.0]])
    system = StateSpace(double, torch.tensor([[0.0], [1.0]]), torch.eye(2), torch.zeros(2, 1))
    discrete = discretize_system("zoh", 0.1, system)
    torch.testing.assert_close(discrete.A, torch.tensor([[1.0, 0.1], [0.0, 1.0]]))
    torch.testing.assert_close(discrete.B, torch.tensor([[0.005], [0.1]]))
    torch.testing.assert_close(matrix_rule("zoh").gain(torch.zeros(3, 3)), torch.eye(3))


SYSTEM, ONE = random_system(6), torch.ones(1, 1)
TWO = StateSpace(2 * ONE, ONE, ONE, ONE)
B, C, D = SYSTEM[1:]
MISFITS = {"B": B[:3]}, {"C": C[:, :2]}, {"D": D[:1]}, {"A": SYSTEM.A[:2]}, {"B": B[:, 0]}
ALPHA = "generalized_bilinear"
SIZES = torch.ones(2, 3, 4), -torch.ones(5, 6), torch.ones(2, 3, 6)
REFUSED = [
    ("choose one of mixed, zoh", discretize_system, "tustin", 0.1, SYSTEM),
    *(("≥ 0", discretize_system, "zoh", bad, SYSTEM) for bad in (-0.1, math.nan, -ONE[0, 0])),
    *(("between 0", discretize_system, ALPHA, 1, SYSTEM, a) for a in (-0.01, 1.5, None, math.nan)),
    ("takes an alpha, not 'zoh'", diagonal_rule, "zoh", 0.5),
    ("no inverse.*is 2", discretize_system, "bilinear", 1.0, TWO),
    ("no inverse.*is 2", discretize_system, "bilinear", 1.0, TWO._replace(A=TWO.A[0])),
    ("no inverse", discretize, "backward_euler", ONE, ONE, ONE),
    ("≥ 0", discretize, "mixed", -ONE, -ONE, ONE),
    *(("fit: A ", discretize_system, "zoh", 1, SYSTEM._replace(**part)) for part in MISFITS),
    ("one step size", discretize_system, "zoh", torch.ones(2), SYSTEM),
    (r"\(2, 3, 4\), \(5, 6\), \(2, 3, 6\)", discretize, "mixed", *SIZES),
    (r"inputs must be \(l, 2\)", simulate, SYSTEM, torch.ones(5, 3)),
    (r"start must be \(4,\)", simulate, SYSTEM, torch.ones(5, 2), torch.ones(3)),
]


@pytest.mark.usefixtures("without_type_checks")
@pytest.mark.parametrize("call", REFUSED, ids=lambda call: call[0])
def test_what_does_not_fit_is_named(call):
    message, function, *arguments = call
    with pytest.raises(ValueError, match=message):
        function(*arguments)
