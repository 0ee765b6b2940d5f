"""The rules against scipy (expm, ODE solver, cont2discrete), and against their laws."""

import inspect

import numpy as np
import pytest
import scipy.integrate
import scipy.linalg
import scipy.signal
import torch
from hypothesis import given, settings
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
FAMILY = {"forward_euler": 1.0, "bilinear": 0.5, "backward_euler": 0.0}
ALL = [(rule, None) for rule in NAMED] + [("generalized_bilinear", 0.3)]


def random_system(seed: int, n: int = 4, m: int = 2, p: int = 3) -> StateSpace:
    """A stable system in float64 with a full A."""
    generator = torch.Generator().manual_seed(seed)
    shapes = (n, n), (n, m), (p, n), (p, m)
    matrices = [torch.randn(*s, generator=generator, dtype=torch.float64) for s in shapes]
    return StateSpace(matrices[0] - 3 * torch.eye(n, dtype=torch.float64), *matrices[1:])


def scalar_system(a: complex) -> StateSpace:
    dtype = torch.complex128 if isinstance(a, complex) else torch.float64
    one = torch.ones(1, 1, dtype=dtype)
    return StateSpace(torch.tensor([a], dtype=dtype), one, one, torch.zeros(1, 1, dtype=dtype))


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
        expected_A, expected_B, *_ = scipy.signal.cont2discrete((A, B, C, D), delta, method)
        ours = discretize_system(rule, delta, system)
        np.testing.assert_allclose(ours.A.numpy(), expected_A, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(ours.B.numpy(), expected_B, rtol=1e-12, atol=1e-12)
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
    for fast_result, full_result in zip(
        simulate(fast, inputs), simulate(full, inputs), strict=True
    ):
        torch.testing.assert_close(fast_result, full_result)


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


@settings(max_examples=60, deadline=None)
@given(real=st.floats(-8, 0), imaginary=st.floats(-8, 8), alpha=st.floats(0, 1))
def test_family_is_stable_exactly_where_theory_says(real, imaginary, alpha):
    """|1 + αz| < |1 − (1−α)z| ⟺ 2 Re z + (2α − 1)|z|² < 0: a half plane for α ≤ ½, else a disc."""
    z = torch.tensor(complex(real, imaginary), dtype=torch.complex128)
    margin = 2 * real + (2 * alpha - 1) * float(z.abs()) ** 2
    if abs(margin) > 1e-9:
        assert (diagonal_rule("generalized_bilinear", alpha).decay(z).abs() < 1) == (margin < 0)


@settings(max_examples=60, deadline=None)
@given(real=st.floats(-30, -1e-6), imaginary=st.floats(-8, 8))
def test_exponential_rules_are_stable_in_the_whole_left_half_plane(real, imaginary):
    z = torch.tensor(complex(real, imaginary), dtype=torch.complex128)
    for rule in ("zoh", "mixed"):
        assert diagonal_rule(rule).decay(z).abs() < 1


@settings(max_examples=25, deadline=None)
@given(
    a=st.floats(-2, -0.3),
    imaginary=st.floats(-1.5, 1.5),
    alpha=st.sampled_from([0.0, 0.25, 0.5, 0.8, 1.0]),
)
def test_orders_of_accuracy_for_a_held_input(a, imaginary, alpha):
    """Halving Δ halves the largest error, quarters it for α = ½; zero-order hold has none."""
    system = scalar_system(complex(a, imaginary))

    held = torch.tensor([1.0, -0.5, 2.0, 0.3], dtype=torch.complex128)[:, None]
    exact = simulate(discretize_system("zoh", 1.0, system), held)[0]  # four whole steps

    def error(rule, steps, weight=None):
        inputs = held.repeat_interleave(steps, dim=0)
        states, _ = simulate(discretize_system(rule, 1 / steps, system, weight), inputs)
        return float((states[steps - 1 :: steps] - exact).abs().max())

    name = "generalized_bilinear"
    order = np.log2(error(name, 64, alpha) / error(name, 128, alpha))
    assert order == pytest.approx(2 if alpha == 0.5 else 1, abs=0.15)
    assert np.log2(error("mixed", 64) / error("mixed", 128)) == pytest.approx(1, abs=0.15)
    assert error("zoh", 64) < 1e-12


@pytest.mark.parametrize("rule,alpha", ALL)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.complex64])
def test_value_and_gradient_at_a_equal_to_zero(rule, alpha, dtype):
    """With A = 0 the state adds up the input: Ā = 1, B̄ = ΔB, and dĀ/dA = Δ."""
    pair = diagonal_rule(rule, alpha)
    z = torch.zeros(3, dtype=dtype, requires_grad=True)
    torch.testing.assert_close(pair.decay(z).detach(), torch.ones(3, dtype=dtype), rtol=0, atol=0)
    torch.testing.assert_close(pair.gain(z).detach(), torch.ones(3, dtype=dtype), rtol=0, atol=0)
    slopes = {"mixed": 0.0, "zoh": 0.5, "generalized_bilinear": 0.7}
    slope = slopes.get(rule, 1 - FAMILY.get(rule, 0.0))
    (decay_slope,) = torch.autograd.grad(pair.decay(z).real.sum(), z)
    torch.testing.assert_close(decay_slope, torch.ones_like(z))
    if slope:  # else the gain is a constant that has no graph
        (gain_slope,) = torch.autograd.grad(pair.gain(z).real.sum(), z)
        torch.testing.assert_close(gain_slope, torch.full_like(z, slope))


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


@pytest.mark.parametrize("rule,alpha", ALL)
def test_step_of_length_zero_changes_nothing(rule, alpha):
    discrete = discretize_system(rule, 0, random_system(5), alpha)
    torch.testing.assert_close(discrete.A, torch.eye(4).double())
    torch.testing.assert_close(discrete.B, torch.zeros(4, 2).double())


@settings(max_examples=40, deadline=None)
@given(z=st.floats(-20, -0.001))
def test_zero_order_hold_of_a_unit_leak_is_a_gate(z):
    """For A = −1: decay + Δ·gain = 1, a weighted mean. The mixed rule writes Δ, which is more."""
    step = torch.tensor(-z, dtype=torch.float64)
    exact, code = diagonal_rule("zoh"), diagonal_rule("mixed")
    mean = exact.decay(-step) + step * exact.gain(-step)
    torch.testing.assert_close(mean, torch.tensor(1.0).double())
    assert step * code.gain(-step) >= step * exact.gain(-step)


def test_errors_say_what_is_wrong():
    system = random_system(6)
    one = scalar_system(2.0)
    with pytest.raises(ValueError, match="choose one of mixed, zoh"):
        discretize_system("tustin", 0.1, system)
    for bad in (-0.1, float("nan"), torch.tensor(-1.0)):
        with pytest.raises(ValueError, match="≥ 0"):
            discretize_system("zoh", bad, system)
    for bad in (-0.01, 1.5, None, float("nan")):
        with pytest.raises(ValueError, match="between 0"):
            discretize_system("generalized_bilinear", 0.1, system, bad)
    with pytest.raises(ValueError, match="takes an alpha, not 'zoh'"):
        diagonal_rule("zoh", 0.5)
    for a in (one.A, torch.diag(one.A)):
        with pytest.raises(ValueError, match="no inverse.*is 2"):
            discretize_system("bilinear", 1.0, one._replace(A=a))
    with pytest.raises(ValueError, match="no inverse"):
        discretize("backward_euler", torch.ones(1, 1), torch.ones(1, 1), torch.ones(1, 1))
    with pytest.raises(ValueError, match="≥ 0"):
        discretize("mixed", -torch.ones(1, 1), -torch.ones(1, 1), torch.ones(1, 1))


def test_shapes_that_do_not_fit_are_named():
    """The plain functions, as a notebook runs them: else jaxtyping's hook would speak first."""
    system = random_system(7)
    whole, form, run = map(inspect.unwrap, (discretize_system, discretize, simulate))
    B, C, D = system.B, system.C, system.D
    for wrong in ({"B": B[:3]}, {"C": C[:, :2]}, {"D": D[:1]}, {"A": system.A[:2]}, {"B": B[:, 0]}):
        with pytest.raises(ValueError, match="do not fit: A "):
            whole("zoh", 0.1, system._replace(**wrong))
    with pytest.raises(ValueError, match="one step size"):
        whole("zoh", torch.ones(2), system)
    with pytest.raises(ValueError, match=r"\(2, 3, 4\), \(5, 6\), \(2, 3, 6\)"):
        form("mixed", torch.ones(2, 3, 4), -torch.ones(5, 6), torch.ones(2, 3, 6))
    with pytest.raises(ValueError, match=r"inputs must be \(l, 2\)"):
        run(system, torch.ones(5, 3).double())
    with pytest.raises(ValueError, match=r"start must be \(4,\)"):
        run(system, torch.ones(5, 2).double(), torch.ones(3).double())
