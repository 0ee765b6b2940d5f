"""Exercises of notebook 06: what is chosen from the input, and the block; those of the recurrence
are in `mamba_scan`.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from course.checking.exercise import Case, Draw, Exercise, seeded
from course.exercises.mamba_scan import SCAN, STEP
from nmt.mamba import CausalConvolution, MambaBlock, MambaConfig
from nmt.selective_ssm import SelectiveSSM

Three = tuple[Tensor, Tensor, Tensor]


def _choice_cases() -> list[Case]:
    cases = []
    for seed, (b, length, e, rank, n) in enumerate(
        ((2, 5, 8, 2, 3), (1, 4, 6, 1, 4), (3, 1, 4, 3, 1))
    ):
        draw = Draw(90 + seed)
        maps = draw.normal(rank + 2 * n, e) / e**0.5, draw.normal(e, rank), draw.normal(e)
        cases.append(Case(f"e = {e}, r = {rank}, n = {n}", (draw.normal(b, length, e), *maps)))
    return cases


def _reference_choice(x: Tensor, select: Tensor, to_delta: Tensor, delta_bias: Tensor) -> Three:
    e, rank = to_delta.shape
    config = MambaConfig(
        hidden_size=e, expansion=1, state_size=(len(select) - rank) // 2, delta_rank=rank
    )
    ssm: Any = seeded(lambda: SelectiveSSM(config))
    for module, name, value in (
        (ssm.select, "weight", select),
        (ssm.to_delta, "weight", to_delta),
        (ssm, "delta_bias", delta_bias),
    ):
        delattr(module, name)  # a plain tensor in the parameter's place, so that gradients reach it
        setattr(module, name, value)
    trace = ssm.choose(x)
    return trace.delta, trace.B, trace.C


CHOICE = Exercise(
    name="mamba.choose",
    minutes=10,
    difficulty=2,
    reference=_reference_choice,
    solution=(SelectiveSSM.choose, SelectiveSSM._step_sizes),
    cases=_choice_cases,
    notice=(
        "Notice what is not there: A. It meets the letters only in the product ΔA, so choosing Δ"
        " chooses the decay."
    ),
    parts=("delta", "B", "C"),
    trains=True,
)


def _split(x: Tensor, select: Tensor, to_delta: Tensor) -> list[Tensor]:
    rank = to_delta.shape[1]
    n = (len(select) - rank) // 2
    return list((x @ select.T).split([rank, n, n], dim=-1))


@CHOICE.mutant(
    "softplus forgotten",
    "Some of your steps are negative. What would exp(ΔA) then do to the state?",
)
def _no_softplus(x: Tensor, select: Tensor, to_delta: Tensor, delta_bias: Tensor) -> Three:
    low, B, C = _split(x, select, to_delta)
    return low @ to_delta.T + delta_bias, B, C


@CHOICE.mutant(
    "bias behind the softplus",
    "A negative bias can make such a step negative again. Where must it be added?",
)
def _bias_late(x: Tensor, select: Tensor, to_delta: Tensor, delta_bias: Tensor) -> Three:
    low, B, C = _split(x, select, to_delta)
    return F.softplus(low @ to_delta.T) + delta_bias, B, C


@CHOICE.mutant(
    "bias forgotten", "What gives each channel a step of its own before anything is read?"
)
def _no_bias(x: Tensor, select: Tensor, to_delta: Tensor, delta_bias: Tensor) -> Three:
    low, B, C = _split(x, select, to_delta)
    return F.softplus(low @ to_delta.T), B, C


@CHOICE.mutant(
    "exp instead of softplus", "Both are positive. How large is each of them for an input of 6?"
)
def _exp(x: Tensor, select: Tensor, to_delta: Tensor, delta_bias: Tensor) -> Three:
    low, B, C = _split(x, select, to_delta)
    return torch.exp(low @ to_delta.T + delta_bias), B, C


@CHOICE.mutant(
    "ReLU instead of softplus",
    "Where ReLU is flat, no gradient comes through. Which smooth function looks like it?",
)
def _relu(x: Tensor, select: Tensor, to_delta: Tensor, delta_bias: Tensor) -> Three:
    low, B, C = _split(x, select, to_delta)
    return F.relu(low @ to_delta.T + delta_bias), B, C


@CHOICE.mutant("B and C exchanged", "In which order does W x_t hold low, B and C?")
def _b_and_c(x: Tensor, select: Tensor, to_delta: Tensor, delta_bias: Tensor) -> Three:
    delta, B, C = _reference_choice(x, select, to_delta, delta_bias)
    return delta, C, B


@CHOICE.mutant(
    "low taken from the end", "The first r numbers of W x_t belong to Δ. Which did you take?"
)
def _low_last(x: Tensor, select: Tensor, to_delta: Tensor, delta_bias: Tensor) -> Three:
    rank = to_delta.shape[1]
    return _reference_choice(x, select.roll(rank, dims=0), to_delta, delta_bias)


def _block_cases() -> list[Case]:
    cases = []
    for seed, (b, length, d, n, k) in enumerate(
        ((2, 6, 8, 4, 3), (1, 9, 4, 2, 4), (3, 4, 6, 1, 2))
    ):

        def make() -> MambaBlock:
            block = MambaBlock(
                MambaConfig(hidden_size=d, state_size=n, kernel_size=k, dropout=0.0)
            ).eval()  # noqa: B023
            with torch.no_grad():
                for name, parameter in block.named_parameters():
                    parameter.add_(
                        (0.1 if name.endswith("A_log") else 0.4) * torch.randn_like(parameter)
                    )
            return block

        cases.append(
            Case(
                f"{b} words of {length}, kernel of {k}",
                (Draw(110 + seed).normal(b, length, d), seeded(make, seed)),
            )
        )
    return cases


BLOCK = Exercise(
    name="mamba.block",
    minutes=20,
    difficulty=2,
    reference=lambda inputs, parts: parts(inputs, parts.start(len(inputs)))[0],
    solution=(MambaBlock, CausalConvolution),
    cases=_block_cases,
    notice=(
        "Notice that only two of the parts look back: convolution and SSM. All others treat each"
        " letter by itself."
    ),
    trains=True,
)


def _block(inputs: Tensor, parts: Any, wrong: str = "") -> Tensor:
    """The block, with one thing done otherwise."""
    cache = parts.start(len(inputs))
    normed = inputs if wrong == "no norm" else parts.norm(inputs)
    x, gate = parts.widen(normed).chunk(2, dim=-1)
    if wrong == "branches":
        x, gate = gate, x
    if wrong == "early silu":
        x = F.silu(x)
    back = parts.config.kernel_size - 1
    if wrong == "future":
        x, _ = parts.convolution(
            torch.cat((x[:, back:], x.new_zeros(len(x), back, x.shape[-1])), dim=1), x[:, :back]
        )
    elif wrong != "no convolution":
        x, _ = parts.convolution(x, cache.window)
    x = x if wrong in ("no silu", "early silu") else F.silu(x)
    y, _ = parts.ssm(x, cache.state)
    gated = y * {
        "no gate silu": gate,
        "sigmoid": torch.sigmoid(gate),
        "no gate": torch.ones_like(gate),
    }.get(wrong, F.silu(gate))
    result: Tensor = parts.narrow(gated) + {"no road": 0, "norm on the road": normed}.get(
        wrong, inputs
    )
    return result


@BLOCK.mutant(
    "no road around the block", "The block should add to what is there. Where is what was there?"
)
def _block_no_road(inputs: Tensor, parts: Any) -> Tensor:
    return _block(inputs, parts, "no road")


@BLOCK.mutant("norm on the road", "To what do you add: to the inputs, or to the normalised inputs?")
def _block_norm_on_road(inputs: Tensor, parts: Any) -> Tensor:
    return _block(inputs, parts, "norm on the road")


@BLOCK.mutant("no norm", "Which part stands before the widening?")
def _block_no_norm(inputs: Tensor, parts: Any) -> Tensor:
    return _block(inputs, parts, "no norm")


@BLOCK.mutant(
    "branches exchanged",
    "widen makes two branches. Which half goes through convolution and SSM, the first or the"
    " second?",
)
def _block_branches(inputs: Tensor, parts: Any) -> Tensor:
    return _block(inputs, parts, "branches")


@BLOCK.mutant(
    "SiLU before the convolution",
    "Which comes first on the way to the SSM: mixing neighbours, or SiLU?",
)
def _block_early_silu(inputs: Tensor, parts: Any) -> Tensor:
    return _block(inputs, parts, "early silu")


@BLOCK.mutant("no SiLU before the SSM", "What stands between convolution and SSM in the drawing?")
def _block_no_silu(inputs: Tensor, parts: Any) -> Tensor:
    return _block(inputs, parts, "no silu")


@BLOCK.mutant("no convolution", "How can Δ, B and C know which letter stood before?")
def _block_no_convolution(inputs: Tensor, parts: Any) -> Tensor:
    return _block(inputs, parts, "no convolution")


@BLOCK.mutant(
    "the convolution sees the future",
    "The window holds the letters before the first. On which side of the word do the zeros belong?",
)
def _block_future(inputs: Tensor, parts: Any) -> Tensor:
    return _block(inputs, parts, "future")


@BLOCK.mutant(
    "gate without SiLU", "Which function does the second branch pass before it multiplies?"
)
def _block_no_gate_silu(inputs: Tensor, parts: Any) -> Tensor:
    return _block(inputs, parts, "no gate silu")


@BLOCK.mutant(
    "gate through a sigmoid", "A gate of an LSTM has a sigmoid. Which function has Mamba's?"
)
def _block_sigmoid(inputs: Tensor, parts: Any) -> Tensor:
    return _block(inputs, parts, "sigmoid")


@BLOCK.mutant("no gate", "What is the second branch for?")
def _block_no_gate(inputs: Tensor, parts: Any) -> Tensor:
    return _block(inputs, parts, "no gate")


EXERCISES = {each.name: each for each in (CHOICE, SCAN, BLOCK, STEP)}
