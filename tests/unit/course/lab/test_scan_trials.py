"""The trials of notebook 05: their inputs are what they say, their errors are errors, and the
stored record is whole.
"""

from __future__ import annotations

import math

import pytest
import torch

from course.lab.scan_trials import (
    EPSILON,
    Inputs,
    gate_inputs,
    largest_difference,
    mamba_inputs,
    measure_errors,
    stored_trials,
    student_inputs,
    time_scans,
)
from nmt.scan import METHODS, scan


def test_mamba_inputs_decay_as_before_training():
    a, b = mamba_inputs(50, batch=2, channels=3, states=4)
    assert a.shape == b.shape == (2, 50, 3, 4) and a.dtype == torch.float32
    delta = -a.log()[..., 0]  # A = −1 in the first state
    assert delta.min() > 0.00099 and delta.max() < 0.1001
    torch.testing.assert_close(a[..., 3], a[..., 0] ** 4)


def test_log_decay_sum_is_the_largest_over_sequences():
    a = torch.tensor([[0.5, 0.5], [0.25, 1.0]])[..., None]
    assert Inputs(a, a).log_decay_sum() == pytest.approx(math.log(4))


def test_gates_keep_what_they_do_not_let_in():
    a, b = gate_inputs(100, spread=0.0)
    assert torch.equal(a, torch.full_like(a, 0.5)) and b.std() == pytest.approx(0.5, rel=0.05)
    assert gate_inputs(100, spread=30).a.min() > 0


def test_errors_of_the_referee_itself_are_zero_and_a_planted_error_is_found():
    inputs = mamba_inputs(20)
    assert measure_errors("sequential", inputs, torch.float64) == (0, 0, 0)

    def off_by_a_thousandth(a, b, initial_state):
        return scan(a, b, initial_state) * 1.001

    errors = measure_errors(off_by_a_thousandth, inputs, torch.float64)
    assert all(error == pytest.approx(1e-3, rel=1e-6) for error in errors)


def test_the_two_errors_of_log_space_add_up():
    """At the assignment's inputs: without the clamp nearly all of the difference stays, in float64
    nearly none.
    """
    inputs = student_inputs(128)
    total = largest_difference("heinsen", inputs)
    assert 3e-4 < total < 3e-3
    assert largest_difference("heinsen", inputs, torch.float64) < total / 30
    h = scan(*inputs)
    predicted = EPSILON * float((inputs.a.log().cumsum(1) * h).abs().max())
    assert predicted / 10 < total < 2 * predicted


def test_time_scans_reports_both_parts_of_every_scan():
    timings = time_scans({"fast": METHODS["fast"]}, mamba_inputs(4), rounds=2)
    assert set(timings["fast"]) == {"forward", "both"}
    assert 0 < timings["fast"]["forward"].fastest <= timings["fast"]["forward"].median


def test_the_stored_record_is_whole():
    record = stored_trials()
    assert record["command"] == "python tests/benchmarks/scans.py"
    assert {row["method"] for row in record["times"]} == set(METHODS)
    assert {row["width"] for row in record["times"]} == {"narrow", "layer", "training"}
    assert {10_000, 1000, 40} <= {row["length"] for row in record["times"]}
    assert {"sequential", "blelloch", "heinsen"} <= {row["method"] for row in record["compiled"]}
    fresh = measure_errors("heinsen", mamba_inputs(64))
    stored = next(row for row in record["errors"]["by_length"] if row["length"] == 64)["heinsen"]
    assert fresh.value == pytest.approx(stored["value"], rel=0.2), "stored is what is measured"
