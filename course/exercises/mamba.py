"""Exercises of notebook 06: what is chosen from the input, and the block; those of the recurrence
and its matrix are in `mamba_scan`.
"""

from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from course.checking.exercise import (
    Draw,
    Exercise,
    Inputs,
    Slips,
    in_parts,
    pick,
    shaken,
    table,
    tensors,
)
from course.exercises.mamba_puzzles import CONVOLUTION, SHAPES
from course.exercises.mamba_scan import MASK, SCAN, STEP
from nmt.mamba import MambaBlock, MambaConfig
from nmt.selective_ssm import SelectiveSSM

Three = tuple[Tensor, Tensor, Tensor]


def choose(x: Tensor, select: Tensor, to_delta: Tensor, delta_bias: Tensor) -> Three:
    """One product makes low, B and C; low makes Δ."""
    r = to_delta.shape[1]
    n = (len(select) - r) // 2
    low, B, C = (x @ select.T).split([r, n, n], dim=-1)
    return F.softplus(low @ to_delta.T + delta_bias), B, C


def _choose(slips: Slips, x: Tensor, select: Tensor, to_delta: Tensor, delta_bias: Tensor) -> Three:
    r = to_delta.shape[1]
    n = (len(select) - r) // 2
    both = x @ select.T
    if "low_last" in slips:
        B, C, low = both.split([n, n, r], dim=-1)
    else:
        low, B, C = both.split([r, n, n], dim=-1)
    low = F.softplus(low) if "soft_first" in slips else low
    raw = low @ to_delta.T + (0 if {"no_bias", "bias_late"} & slips else delta_bias)
    bend = pick(
        slips,
        F.softplus,
        none=lambda z: z,
        exp=torch.exp,
        relu=F.relu,
        silu=F.silu,
        gate=torch.sigmoid,
    )
    delta = raw if "soft_first" in slips else bend(raw)
    delta = F.softplus(delta) if "soft_twice" in slips else delta
    delta = delta + delta_bias if "bias_late" in slips else delta
    B, C = (F.softplus(B), F.softplus(C)) if "all_soft" in slips else (B, C)
    return (delta, C, B) if "exchanged" in slips else (delta, B, C)


def _choice_inputs() -> Inputs:
    yield "one letter", tensors([[[1, 2]]], [[1, 0], [0, 1], [1, 1]], [[1], [-2]], [0.5, 1.0])
    sizes = ((2, 5, 8, 2, 3), (1, 4, 6, 1, 4), (3, 1, 4, 3, 1))
    for seed, (b, length, e, r, n) in enumerate(sizes):
        draw = Draw(90 + seed)
        maps = draw.normal(r + 2 * n, e) / e**0.5, draw.normal(e, r), draw.normal(e)
        yield f"e = {e}, r = {r}, n = {n}", (draw.normal(b, length, e), *maps)


CHOICE = Exercise(
    name="mamba.choose",
    minutes=10,
    difficulty=2,
    answer=choose,
    course=(SelectiveSSM.choose,),
    inputs=_choice_inputs,
    notice="""Notice what is not there: A. It meets the letters only in the product ΔA, so
        choosing Δ chooses the decay.""",
    slipped=_choose,
    mistakes=table("""
        none: softplus forgotten
            Some of your steps are negative. What would exp(ΔA) then do to the state?
        bias_late: bias behind the softplus
            A negative bias can make such a step negative again. Where must it be added?
        no_bias: bias forgotten
            What gives each channel a step of its own before anything is read?
        exp: exp instead of softplus
            Both are positive. How large is each of them for an input of 6?
        relu silu gate: another bend than softplus
            Which function is positive everywhere, and smooth, so that a gradient comes through?
        soft_first: softplus before W_Δ
            Which comes last on the way to Δ?
        soft_twice: softplus twice
            How often does the formula bend?
        all_soft: softplus for B and C too
            Which of the three must be positive?
        exchanged: B and C exchanged
            In which order does W x_t hold low, B and C?
        low_last: low taken from the end
            The first r numbers of W x_t belong to Δ. Which did you take?
    """),
    parts=("delta", "B", "C"),
    trains=True,
)


def my_block(inputs: Tensor, parts: Any) -> Tensor:
    """Norm, widen, convolve, scan, gate, narrow; and the sum with the inputs."""
    memory = parts.start(len(inputs))
    x, gate = parts.widen(parts.norm(inputs)).chunk(2, dim=-1)
    x, _ = parts.convolution(x, memory.window)
    y, _ = parts.ssm(F.silu(x), memory.state)
    return inputs + parts.narrow(y * F.silu(gate))


def _my_block(slips: Slips, inputs: Tensor, parts: Any) -> Tensor:
    memory = parts.start(len(inputs))
    normed = inputs if "no_norm" in slips else parts.norm(inputs)
    x, gate = parts.widen(normed).chunk(2, dim=-1)
    x, gate = (gate, x) if "branches" in slips else (x, gate)
    x = F.silu(x) if "silu_first" in slips else x
    if "future" in slips:
        back = memory.window.shape[1]
        padded = torch.cat((x[:, back:], x.new_zeros(len(x), back, x.shape[-1])), dim=1)
        x, _ = parts.convolution(padded, x[:, :back])
    elif "no_convolution" not in slips:
        x, _ = parts.convolution(x, memory.window)
    if "gate_seen" in slips:
        gate, _ = parts.convolution(gate, memory.window)
    x = x if {"no_silu", "silu_first"} & slips else F.relu(x) if "relu" in slips else F.silu(x)
    bend = pick(
        slips, F.silu, bare=lambda z: z, sigmoid=torch.sigmoid, no_gate=torch.ones_like, relu=F.relu
    )
    x, gate = (x * bend(gate), torch.ones_like(x)) if "gate_first" in slips else (x, gate)
    y, _ = parts.ssm(x, memory.state)
    if "gate_first" in slips:
        return inputs + parts.narrow(y)
    found: Tensor = parts.narrow(y + bend(gate) if "added" in slips else y * bend(gate))
    return found + pick(slips, inputs, no_road=0, norm_on_road=normed)


def _block_inputs() -> Inputs:
    sizes = ((1, 2, 2, 1, 2), (2, 6, 8, 4, 3), (1, 9, 4, 2, 4), (3, 4, 6, 1, 2))
    for seed, (b, length, d, n, k) in enumerate(sizes):
        config = MambaConfig(hidden_size=d, state_size=n, kernel_size=k, dropout=0.0)
        block = shaken(partial(MambaBlock, config), seed, by=0.4, A_log=0.1)
        label = f"{b} word{'s' * (b > 1)} of {length}, kernel of {k}"
        yield label, (Draw(110 + seed).normal(b, length, d), block)


BLOCK = Exercise(
    name="mamba.block",
    minutes=20,
    difficulty=2,
    answer=my_block,
    course=(MambaBlock,),
    inputs=_block_inputs,
    observe=in_parts("norm", "widen", "convolution", "ssm", "narrow", "start"),
    notice="""Notice that only two of the parts look back: convolution and SSM. All others treat
        each letter by itself.""",
    slipped=_my_block,
    mistakes=table("""
        gate_first: gate before the SSM
            The gate says what of the SSM's output goes on. Where does the drawing join them?
        gate_seen: the gate convolved, too
            Which box does the gate pass on its way?
        relu: ReLU for SiLU
            Both are 0 far to the left. What is SiLU at −1?
        no_road: no residual around the block
            The block should add to what is there. Where is what was there?
        norm_on_road: norm on the residual stream
            To what do you add: to the inputs, or to the normalised inputs?
        no_norm: no norm
            Which part stands before the widening?
        branches: branches exchanged
            widen makes two branches. Which half goes through convolution and SSM, the first or the
            second?
        silu_first: SiLU before the convolution
            Which comes first on the way to the SSM: mixing neighbours, or SiLU?
        no_silu: no SiLU before the SSM
            What stands between convolution and SSM in the drawing?
        no_convolution: no convolution
            How can Δ, B and C know which letter stood before?
        future: the convolution sees the future
            The window holds the letters before the first. On which side of the word do the zeros
            belong?
        bare: gate without SiLU
            Which function does the second branch pass before it multiplies?
        sigmoid: gate through a sigmoid
            A gate of an LSTM has a sigmoid. Which function has Mamba's?
        no_gate: no gate
            What is the second branch for?
        added: gate added
            Does a gate let through by adding or by multiplying?
    """),
    trains=True,
)

EXERCISES = {each.name: each for each in (CHOICE, SCAN, SHAPES, CONVOLUTION, BLOCK, STEP, MASK)}
