"""The selective SSM: it chooses at each letter what to forget, what to write and what to read."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import einsum, repeat
from jaxtyping import Float
from torch import Tensor, nn

from nmt.discretization import RULES, discretize
from nmt.positions import sinusoidal_table
from nmt.scan import METHODS, WRONG, scan
from nmt.selective_scan import selective_scan_with_state
from nmt.transformer import check_sizes

# the rules without a parameter of their own
DISCRETIZATIONS = tuple(rule for rule in RULES if rule != "generalized_bilinear")
SCAN_METHODS = ("fused", *METHODS, *WRONG)
DELTA_SOURCES = ("input", "constant", "position")
A_STARTS = ("s4d-real", "minus-one")
SMALLEST_STEP, LARGEST_STEP = 0.001, 0.1  # the range of Δ before training


# Far beyond the course's models, yet built in seconds and a few GB.
LARGEST = {
    "hidden_size": 1_024,
    "num_layers": 32,
    "state_size": 1_024,
    "kernel_size": 64,
    "expansion": 4,
    "vocabulary_size": 10_000,
}


@dataclass(frozen=True)
class MambaConfig:
    """Everything that fixes the architecture, as plain data.

    Sizes: `hidden_size` d between blocks, `expansion` · d = e channels inside, `state_size` n
    numbers a channel, `kernel_size` letters under the convolution (1: each letter alone),
    `delta_rank` r of the map that makes Δ (0: d/16, rounded up). In training, `dropout` of the
    numbers between blocks are dropped, and `inner_dropout` of a block's e gated channels.

    Choices: `discretization` by name. `scan` by name: "fused" is the quick one, made for the rule
    "mixed"; for other rules it means "fast"; "wrong…" are mistakes to be looked at. `delta`: the
    step size comes from the "input", is a learned "constant" of each channel, or a function of the
    "position"; `delta_scaled` divides it by √e. `b_and_c`: B and C come from the "input" or are
    learned "constant"s. `a_start`: A begins as −1, −2, … −n in each channel ("s4d-real") or as −1
    everywhere ("minus-one"); `a_learned` lets it change. `gate` multiplies the output by a second
    branch. `bias` gives the maps between sizes a bias.
    """

    hidden_size: int = 64
    num_layers: int = 2
    state_size: int = 16
    kernel_size: int = 4
    expansion: int = 2
    delta_rank: int = 0
    dropout: float = 0.1
    inner_dropout: float = 0.0
    discretization: str = "mixed"
    scan: str = "fused"
    delta: str = "input"
    delta_scaled: bool = False
    b_and_c: str = "input"
    a_start: str = "s4d-real"
    a_learned: bool = True
    gate: bool = True
    bias: bool = False
    vocabulary_size: int = 29

    def __post_init__(self) -> None:
        check_sizes(self, LARGEST)
        if not 0 <= self.delta_rank <= LARGEST["hidden_size"]:
            most = LARGEST["hidden_size"]
            raise ValueError(f"delta_rank must be 0 to {most:,}, not {self.delta_rank}")
        for name in ("dropout", "inner_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} is a probability below 1, not {getattr(self, name)}")
        choices = {
            "discretization": DISCRETIZATIONS,
            "scan": SCAN_METHODS,
            "delta": DELTA_SOURCES,
            "b_and_c": ("input", "constant"),
            "a_start": A_STARTS,
        }
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"unknown {name} {getattr(self, name)!r}; choose one of {', '.join(allowed)}"
                )
        if self.delta == "position" and self.hidden_size % 2:
            sizes = f"an even hidden_size, not {self.hidden_size}"
            raise ValueError(f"Δ from the position (sines and cosines) needs {sizes}")

    @property
    def expanded_size(self) -> int:
        """The number e of channels inside a block."""
        return self.expansion * self.hidden_size

    @property
    def rank(self) -> int:
        """The rank r of the map from the e channels to their e step sizes."""
        return self.delta_rank or math.ceil(self.hidden_size / 16)


@dataclass(frozen=True)
class SSMTrace:
    """What one selective SSM has chosen before its recurrence runs."""

    x: Float[Tensor, "b l e"]
    delta: Float[Tensor, "b l e"]
    A: Float[Tensor, "e n"]
    B: Float[Tensor, "b l n"]
    C: Float[Tensor, "b l n"]
    D: Float[Tensor, " e"]
    discretization: str

    def discretize(self) -> tuple[Float[Tensor, "b l e n"], Float[Tensor, "b l e n"]]:
        """Ā and B̄, by the rule of the model."""
        return discretize(self.discretization, self.delta, self.A, self.B)

    @property
    def decay(self) -> Float[Tensor, "b l e n"]:
        """Ā: the share of each state that survives the step."""
        return self.discretize()[0]


TraceHook = Callable[[SSMTrace], SSMTrace]


class SelectiveSSM(nn.Module):
    """A recurrence in each of e channels, whose step size and weights depend on the letter.

        low_t, B_t, C_t = W x_t                       sizes r, n, n
        Δ_t = softplus(W_Δ low_t + b_Δ)               one step size a channel, above 0
        h_t = Ā_t ∘ h_{t−1} + B̄_t x_t                 Ā, B̄ by the chosen rule; for "mixed":
                                                      exp(Δ_t A), Δ_t B_t
        y_t = C_t · h_t + D ∘ x_t

    With Δ from the "position", low_t is replaced by the sinusoidal code of t, counted from the
    first source letter. A = −exp(A_log) stays negative, so that |Ā| < 1. At the start Δ lies
    between 0.001 and 0.1, evenly in its logarithm, and D is 1.

    `trace_hook`, if set, receives an `SSMTrace` and returns the one to use instead.

    Source: Gu & Dao 2023, arXiv 2312.00752, algorithm 2 and §3.6; A's start: Gu et al. 2022, arXiv
    2206.11893 (S4D-real).
    """

    def __init__(self, config: MambaConfig) -> None:
        super().__init__()
        e, n, rank = config.expanded_size, config.state_size, config.rank
        self.config = config
        weights = n if config.b_and_c == "input" else 0
        self.sizes = [rank if config.delta == "input" else 0, weights, weights]
        self.select = nn.Linear(e, sum(self.sizes), bias=config.bias) if sum(self.sizes) else None
        if config.b_and_c == "constant":
            self.B, self.C = nn.Parameter(torch.randn(n)), nn.Parameter(torch.randn(n))
        if config.delta != "constant":
            inputs = rank if config.delta == "input" else config.hidden_size
            self.to_delta = nn.Linear(inputs, e, bias=False)
            nn.init.uniform_(self.to_delta.weight, -(inputs**-0.5), inputs**-0.5)
        step = torch.empty(e).uniform_(math.log(SMALLEST_STEP), math.log(LARGEST_STEP)).exp()
        inverse = step + torch.log(-torch.expm1(-step))  # softplus of it is `step`
        self.delta_bias = nn.Parameter(inverse)
        rates = torch.arange(1.0, n + 1) if config.a_start == "s4d-real" else torch.ones(n)
        self.A_log = nn.Parameter(repeat(rates.log(), "n -> e n", e=e).clone(), config.a_learned)
        self.D = nn.Parameter(torch.ones(e))
        for parameter in (self.A_log, self.D):  # decay would pull A towards −1 and D towards 0
            parameter.no_weight_decay = True  # type: ignore[attr-defined]
        self.trace_hook: TraceHook | None = None

    def forward(
        self, x: Float[Tensor, "b l e"], state: Float[Tensor, "b e n"], start: int = 0
    ) -> tuple[Float[Tensor, "b l e"], Float[Tensor, "b e n"]]:
        """Outputs for `x`, whose first letter stands at `start`, and the state after its last."""
        trace = self.choose(x, start)  # x, Δ (b, l, e), A (e, n), B and C (b, l, n), D (e)
        if self.trace_hook is not None:
            trace = self.trace_hook(trace)
        x, C, D = trace.x, trace.C, trace.D
        method = self.config.scan
        if method == "fused" and trace.discretization == "mixed":  # Ā and B̄ are never stored
            return selective_scan_with_state(x, trace.delta, trace.A, trace.B, C, D, state)
        A_bar, B_bar = trace.discretize()  # (b, l, e, n) each
        inputs = B_bar * x[..., None]  # (b, l, e, n)
        if method in WRONG:
            states = WRONG[method](A_bar, inputs, state)
        else:
            method = "fast" if method == "fused" else method
            states = scan(A_bar, inputs, state, method)  # (b, l, e, n)
        y = einsum(states, C, "b l e n, b l n -> b l e") + D * x
        return y, states[:, -1]

    def choose(self, x: Float[Tensor, "b l e"], start: int = 0) -> SSMTrace:
        """Step sizes, input and output weights for each letter."""
        b, length, _ = x.shape
        # In mixed precision (autocast) the map may answer in fewer digits than x has.
        chosen = x.new_empty(b, length, 0) if self.select is None else self.select(x).to(x)
        low, B, C = chosen.split(self.sizes, dim=-1)  # (b, l, r), (b, l, n), (b, l, n)
        if self.config.b_and_c == "constant":
            B, C = (repeat(vector, "n -> b l n", b=b, l=length) for vector in (self.B, self.C))
        delta, A = self._step_sizes(low, start), -self.A_log.exp()  # (b, l, e), (e, n)
        return SSMTrace(x, delta, A, B, C, self.D, self.config.discretization)

    def _step_sizes(self, low: Float[Tensor, "b l r"], start: int) -> Float[Tensor, "b l e"]:
        b, length, _ = low.shape
        before = self.delta_bias  # (e), and from here on perhaps (b, l, e)
        if self.config.delta == "input":
            before = self.to_delta(low) + before
        elif self.config.delta == "position":
            table = sinusoidal_table(start + length, self.config.hidden_size)[start:]  # (l, d)
            before = self.to_delta(table.to(low)) + before
        delta = F.softplus(before).expand(b, length, -1)
        return delta / math.sqrt(self.config.expanded_size) if self.config.delta_scaled else delta
