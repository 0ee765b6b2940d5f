"""Exercises of notebook 06, continued: shapes to predict, and a convolution without a loop."""

import torch
import torch.nn.functional as F
from einops import einsum
from torch import Tensor

from course.checking.exercise import (
    Draw,
    Exercise,
    Inputs,
    Slips,
    pick,
    table,
    tensors,
    without_a_loop,
)
from course.exercises.attention_puzzles import in_whole_numbers
from nmt.mamba import CausalConvolution, MambaBlock

Shape = tuple[int, ...]


def shapes(b: int, length: int, d: int, n: int, r: int) -> tuple[Shape, ...]:
    """Two branches; low, B and C side by side; a decay for each letter, a state for each word."""
    e, letters = 2 * d, (b, length)
    state, output = (b, e, n), (*letters, d)
    chosen, decays = (*letters, r + 2 * n), (*letters, e, n)
    return (*letters, 2 * e), chosen, (*letters, e), decays, state, output


def _shapes(slips: Slips, *sizes: int) -> tuple[Shape, ...]:
    b, length, d, n, r = sizes
    e = d if "unwidened" in slips else 2 * d
    inner = d if "later_d" in slips else e
    return (
        (b, length, e if "one_branch" in slips else 2 * e),
        pick(
            slips,
            (b, length, r + 2 * n),
            no_low=(b, length, 2 * n),
            one_of_two=(b, length, r + n),
            wide_low=(b, length, e + 2 * n),
        ),
        pick(
            slips, (b, length, inner), scalar=(b, length), low=(b, length, r), states=(b, length, n)
        ),
        pick(
            slips,
            (b, length, inner, n),
            fixed=(e, n),
            shared=(b, length, n),
            no_n=(b, length, e),
            n_first=(b, length, n, e),
        ),
        pick(slips, (b, inner, n), all_states=(b, length, e, n), narrow=(b, d, n), one_n=(b, n)),
        (b, length, e) if "left_wide" in slips else (b, length, d),
    )


SHAPES = Exercise(
    name="mamba.shapes",
    minutes=10,
    difficulty=1,
    answer=shapes,
    course=(MambaBlock,),
    inputs=lambda: [
        (f"b = {b}, l = {length}, d = {d}, n = {n}, r = {r}", (b, length, d, n, r))
        for b, length, d, n, r in ((1, 3, 4, 2, 1), (2, 7, 64, 16, 4), (5, 1, 6, 3, 2))
    ],
    observe=in_whole_numbers,
    notice="""Notice which of the six does not know the length of the word: the memory. That is
        why each letter costs the same.""",
    slipped=_shapes,
    mistakes=table("""
        unwidened later_d: e taken for d
            How many channels has a branch, if e = 2d?
        one_branch: one branch only
            Who makes the gate?
        one_of_two: B or C forgotten
            n numbers say where to write. And where to read?
        no_low: low forgotten
            Δ, B and C come from one matrix. What stands in front of B and C?
        wide_low: low as wide as Δ
            Δ is made in two steps, by way of low. How many numbers does low have?
        scalar: one step for all channels
            May one channel hold on to a letter while another forgets it?
        low: low taken for Δ
            What has W_Δ done to the r numbers of low?
        states: a step for each state
            Δ belongs to a letter and a what?
        fixed: one decay for all letters
            A does not know the letter. And exp(ΔA)?
        shared no_n: an axis of the decay is missing
            exp(ΔA) is made of Δ (b, l, e) and A (e, n). Which axes does it have?
        n_first: states before channels
            Δ has the axes b, l, e, and n joins them. Where does A (e, n) hold its n?
        all_states: the states of all letters
            The memory holds the present only. Which axis goes?
        narrow one_n: the memory of too few channels
            How many recurrences run side by side, each with n numbers?
        left_wide: left wide
            The residual adds `inputs`, which is (b, l, d). What is added to it?
    """),
    parts=("after widen", "after select", "Δ", "exp(ΔA)", "the state", "the output"),
)


def convolve(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Zeros in front, a window for each letter, one product."""
    width = weight.shape[0]
    windows = F.pad(x, (0, 0, width - 1, 0)).unfold(1, width, 1)  # (b, l, e, w)
    return einsum(windows, weight, "b l e w, w e -> b l e") + bias


def _convolve(slips: Slips, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    width, length = len(weight), x.shape[1]
    left = pick(
        slips, width - 1, behind=0, both=width // 2, centre=(width - 1) // 2, one_more=width
    )
    padded = F.pad(x, (0, 0, left, width - 1 - min(left, width - 1)))
    if "copies" in slips:
        padded = torch.cat((x[:, :1].expand(-1, width - 1, -1), x), dim=1)
    if "round" in slips:
        padded = torch.cat((x[:, length - width + 1 :], x), dim=1)
    if "unpadded" in slips:
        padded = x
    kernel = weight.flip(0) if "flipped" in slips else weight
    if "loop" in slips:
        y = torch.stack([(padded[:, t : t + width] * kernel).sum(1) for t in range(length)], 1)
    else:
        windows = padded.unfold(1, width, 1)
        windows = windows[:, :length]
        pattern = "b l e w, w e -> b l e"
        pattern = pick(slips, pattern, mixed="b l e w, w f -> b l f", summed="b l e w, w e -> b l")
        y = einsum(windows, kernel, pattern)
        y = y[..., None] if "summed" in slips else y
    y = y / width if "mean" in slips else y
    y = y if "no_bias" in slips else y + bias
    return F.silu(y) if "bent" in slips else y


def _windows() -> Inputs:
    yield "three letters, one channel, k = 2", tensors([[[1], [2], [3]]], [[10], [1]], [0.5])
    for seed, (b, length, e, width) in enumerate(((2, 6, 4, 3), (1, 9, 2, 4), (1, 200, 3, 3))):
        draw = Draw(200 + seed)
        inputs = draw.normal(b, length, e), draw.normal(width, e), draw.normal(e)
        yield f"{length} letters, {e} channels, k = {width}", inputs


CONVOLUTION = Exercise(
    name="mamba.convolution",
    minutes=15,
    difficulty=2,
    answer=convolve,
    course=(CausalConvolution,),
    inputs=_windows,
    observe=without_a_loop(100, "conv"),
    notice="""Notice that no number was copied: unfold hands out windows on the same memory, as
        every view does.""",
    slipped=_convolve,
    mistakes=table(
        """
        behind: the convolution sees the future
            Which letters are in the window of the first: itself and those before, or after?
        summed: all channels in one
            Each channel mixes its own letters. Which axis stands in both and stays?
        bent: a SiLU that belongs to the block
            What comes behind the convolution is another box. What does this one give?
        both centre: the window stands around the letter
            With k = 3 your window holds a letter before and one after. Which ones may it hold?
        one_more: one place late
            Is the letter itself in its window?
        round: the end of the word stands before it
            roll hands what leaves on one side in on the other. What should come in?
        copies: the first letter repeated in front
            What stands before a word begins?
        unpadded: shorter than the word
            The first letter has no k − 1 letters before it. What stands in for them?
        flipped: the kernel turned round
            Which weight belongs to the letter itself: the first, or the last?
        mixed: channels mixed
            Each channel has its own k weights. Which axis of x meets which of weight?
        no_bias: bias forgotten
            What comes out where all letters are zero?
        mean: a mean, not a sum
            What do the weights have to say about how much each letter counts?
        loop: a loop over the letters
            Your numbers are right. `unfold` makes the windows of all letters in one call. Along
            which axis?
        torchs: torch's own convolution
            Your numbers are right. Can you say it with windows and one product?
        """,
        torchs=lambda arguments, right, yours: yours[1].startswith("conv"),
    ),
    parts=("y", "torch was asked in"),
    trains=True,
)
