"""The trials behind notebook 05: how long each scan takes, and how far off it is. The long ones are
stored in assets/results/scans.json.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from course.lab.timing import Timing, take_turns
from nmt import ROOT
from nmt.scan import METHODS, Scan, scan, sequential

RECORD = ROOT / "assets" / "results" / "scans.json"
EPSILON = torch.finfo(torch.float32).eps  # 1.2e-7, the spacing of float32 numbers just above 1


class Inputs(NamedTuple):
    """Decays and inputs of a scan, float32, shape (b, l, …)."""

    a: Tensor
    b: Tensor

    def log_decay_sum(self) -> float:
        """max |S|, the largest absolute sum of log decays over a whole sequence: what Heinsen's
        form adds and subtracts again.
        """
        return float(self.a.double().log().sum(dim=1).abs().max())


def mamba_inputs(length: int, batch: int = 2, channels: int = 16, states: int = 16) -> Inputs:
    """What Mamba's recurrence sees before training: a = exp(−Δ·(1 … n)), b = Δ·x, Δ log-uniform
    from 0.001 to 0.1, x ~ N(0, 1). Shape (batch, length, channels, states).

    Source: Gu & Dao 2023, section 3.6 (initial Δ and A).
    """
    make = torch.Generator().manual_seed(0)
    lowest, highest = math.log(0.001), math.log(0.1)
    shape = batch, length, channels, 1
    logs = torch.empty(shape, dtype=torch.float64).uniform_(lowest, highest, generator=make)
    delta = logs.exp()
    a = torch.exp(-delta * torch.arange(1, states + 1))
    b = torch.randn(a.shape, generator=make, dtype=torch.float64) * delta
    return Inputs(a.float(), b.float())


def gate_inputs(length: int, spread: float | int = 1) -> Inputs:
    """A gated recurrence: a = σ(z) with logits z ~ N(0, spread²), b = (1 − a)·x with x ~ N(0, 1),
    shape (1, length, 256).
    """
    make = torch.Generator().manual_seed(0)
    z, x = torch.randn(2, 1, length, 256, generator=make, dtype=torch.float64)
    z = (z * spread).clamp(min=-80)  # float32 cannot hold smaller decays than e^−87
    return Inputs(torch.sigmoid(z).float(), (torch.sigmoid(-z) * x).float())


class Errors(NamedTuple):
    """Largest errors of h, ∂loss/∂log a and ∂loss/∂b, each as a share of the largest true value in
    the same channel.

    The logarithm, because that is what models choose: log a = ΔA.
    """

    value: float
    gradient_decay: float
    gradient_input: float


def measure_errors(
    method: str | Scan, inputs: Inputs, dtype: torch.dtype = torch.float32
) -> Errors:
    """Run `method` in `dtype` and the plain loop in float64 on the same numbers, and compare values
    and gradients.

    The loss is a sum of all states with fixed random weights. `method` is a name, or a function of
    (a, b, initial_state).
    """
    weights = torch.randn(inputs.b.shape, generator=torch.Generator().manual_seed(1))

    def run(function: Scan, dtype: torch.dtype) -> tuple[Tensor, ...]:
        a, b = (tensor.to(dtype, copy=True).requires_grad_() for tensor in inputs)
        h = function(a, b, None)
        grad_a, grad_b = torch.autograd.grad((h * weights.to(dtype)).sum(), (a, b))
        return h.detach(), a.detach() * grad_a, grad_b

    received = run(METHODS[method] if isinstance(method, str) else method, dtype)
    return Errors(*map(_worst, received, run(sequential, torch.float64)))


def _worst(ours: Float[Tensor, "b l *rest"], true: Float[Tensor, "b l *rest"]) -> float:
    tiny = torch.finfo(torch.float64).tiny
    largest = true.abs().amax(dim=1).clamp(min=tiny)  # per sequence and channel
    return float(((ours - true).abs().amax(dim=1) / largest).max())


def time_scans(
    scans: Mapping[str, Scan],
    inputs: Inputs,
    rounds: int = 5,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, dict[str, Timing]]:
    """Seconds of each scan's forward pass, and of forward and backward together; all take turns.

    `scans` maps a label to a function of (a, b, initial_state). Returns {label: {"forward": Timing,
    "both": Timing}}.
    """
    a, b = (tensor.clone().requires_grad_() for tensor in inputs)
    weights = torch.ones_like(b)

    def forward(function: Scan) -> None:
        with torch.no_grad():
            function(a, b, None)

    def both(function: Scan) -> None:
        torch.autograd.grad(function(a, b, None), (a, b), weights)

    parts = {"forward": forward, "both": both}
    places = [(label, part) for label in scans for part in parts]
    actions = {f"{label} {part}": partial(parts[part], scans[label]) for label, part in places}
    timings = take_turns(actions, rounds, clock)
    return {label: {part: timings[f"{label} {part}"] for part in parts} for label in scans}


def student_inputs(length: int) -> Inputs:
    """A Mamba layer fed with noise, as in the assignment's comparison: Δ = softplus(z), A = −(1 …
    16), b = Δ·B·x; z, B, x ~ N(0, 1). Shape (8, length, 64, 16).
    """
    make = torch.Generator().manual_seed(0)
    z, x = torch.randn(2, 8, length, 64, 1, generator=make, dtype=torch.float64)
    B = torch.randn(8, length, 1, 16, generator=make, dtype=torch.float64)
    delta = torch.nn.functional.softplus(z)
    return Inputs(torch.exp(-delta * torch.arange(1, 17)).float(), (delta * B * x).float())


def largest_difference(
    method: str | Scan, inputs: Inputs, dtype: torch.dtype = torch.float32
) -> float:
    """max |h − h_loop|, the plain loop in float32 too: the comparison of the assignment."""
    function = METHODS[method] if isinstance(method, str) else method
    with torch.no_grad():
        h = function(inputs.a.to(dtype), inputs.b.to(dtype), None)
        return float((h - scan(*inputs, method="sequential")).abs().max())


def stored_trials() -> dict[str, Any]:
    """The record assets/results/scans.json: "times", "widths", "compiled", "errors", the "machine",
    the "command" that remakes it, and under "gpu" times on a card, its name, and a note.
    """
    record: dict[str, Any] = json.loads(RECORD.read_text(encoding="utf-8"))
    return record
