"""Exercises of notebook 02, continued: shapes to predict, a test that catches a leak."""

from collections.abc import Callable
from operator import index
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from course.checking.exercise import Draw, Exercise, Inputs, Slips, Unfit, pick, table
from nmt.attention import MultiHeadAttention, causal_mask

Layer = Callable[[Tensor], Tensor]
Shape = tuple[int, ...]


def shapes(b: int, q: int, s: int, d: int, h: int) -> tuple[Shape, Shape, Shape, Shape]:
    """Heads are one more axis in front; only the scores know how many are asked."""
    k = d // h
    return (b, h, q, k), (b, h, q, s), (b, h, q, k), (b, q, d)


def _shapes(slips: Slips, b: int, q: int, s: int, d: int, h: int) -> tuple[Shape, ...]:
    k = d if "whole" in slips else d // h
    behind = (b, q, h, k)
    one, other = (k, h) if "heads_wide" in slips else (h, k)
    cut = behind if {"behind", "cut_behind"} & slips else (b, one, q, other)
    scores = pick(slips, (b, h, q, s), turned=(b, h, s, q), one=(b, q, s), itself=(b, h, q, q))
    asked = {"as_asked", "all_asked"} & slips
    found = (b, h, s, k) if asked else behind if "behind" in slips else (b, one, q, other)
    joined = pick(
        slips,
        (b, q, d),
        narrow=(b, q, k),
        apart=(b, h, q, d),
        wide=(b, q, h * d),
        all_asked=(b, s, d),
    )
    return cut, scores, found, joined


def in_whole_numbers(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """Shapes as `torch.Size`, whatever sequences of whole numbers they came in."""
    result = function(*arguments)
    try:
        if result is None:
            return None
        return tuple(torch.Size(map(index, shape)) for shape in result)
    except (TypeError, ValueError, OverflowError):
        raise Unfit("a tuple of shapes, each a tuple of whole numbers,", repr(result)) from None


SHAPES = Exercise(
    name="attention.shapes",
    minutes=5,
    difficulty=1,
    answer=shapes,
    course=(MultiHeadAttention,),
    inputs=lambda: [
        (f"b = {b}, q = {q}, s = {s}, d = {d}, h = {h}", (b, q, s, d, h))
        for b, q, s, d, h in ((1, 3, 5, 8, 2), (3, 7, 5, 64, 4), (2, 4, 9, 6, 1), (5, 1, 6, 30, 5))
    ],
    observe=in_whole_numbers,
    notice="""Notice where s stands: in the scores alone. What comes out has the shape of who
        asks, so a layer can follow a layer.""",
    slipped=_shapes,
    mistakes=table("""
        whole: each head with all d coordinates
            d coordinates are shared out among h heads. How many does each get?
        behind cut_behind: heads behind the letters
            Attention reads "... q k". Which two axes must stand last?
        heads_wide: heads and width exchanged
            h heads, and d // h coordinates in each. Which of the two is the axis of heads?
        turned: rows and columns of the scores exchanged
            Rows ask, columns are asked. How many rows does one head's table have?
        one: one table of scores for all heads
            How many tables of weights does a letter have, if each head looks for itself?
        itself: queries asked, not the memory
            In cross-attention, how many keys are there?
        as_asked all_asked: as many results as keys
            Each query gets one average. Over which axis was summed?
        narrow: one head's width at the end
            h results of k coordinates lie side by side. How many is that?
        apart: heads never joined
            What follows is a layer on (b, q, d). Which axis has to go, and where to?
        wide: d for each head at the end
            Cutting gave no number away and added none. How many are there after joining?
    """),
    parts=("the cut query", "the scores", "what the heads find", "the joined heads"),
)


def leaks(layer: Layer, x: Tensor) -> bool:
    """Change one letter after the other; whatever stands before it must stay."""
    before = layer(x)
    for place in range(1, x.shape[1]):
        changed = x.clone()
        changed[:, place] += torch.randn(x.shape[-1])
        if not torch.allclose(layer(changed)[:, :place], before[:, :place], atol=1e-6):
            return True
    return False


def _leaks(slips: Slips, layer: Layer, x: Tensor) -> bool:
    before, found, length = layer(x), False, x.shape[1]
    if "itself" in slips:
        return not torch.allclose(before, x)
    places = pick(
        slips,
        range(1, length),
        last=[length - 1],
        second=[1],
        not_last=range(1, length - 1),
        late=range(2, length),
        behind=range(length - 1),
    )
    piled = x.clone()
    for place in places:
        changed = pick(slips, x.clone(), alias=x, piled=piled)
        step = torch.randn(x.shape[-1])
        changed[:, place] += pick(slips, step, constant=1.0, longer=changed[:, place])
        after = layer(changed)
        before = layer(x) if "alias" in slips else before
        seen = pick(
            slips,
            slice(place),
            behind=slice(place + 1, None),
            all=slice(None),
            near=slice(place - 1, place),
            first=slice(1),
            far=slice(place - 1),
        )
        seen = slice(place + 1) if "own" in slips else seen
        close = torch.allclose(
            after[:, seen], before[:, seen], 0, 0.05 if "loose" in slips else 1e-6
        )
        found = found or not close
    return not found if "inverted" in slips else found


def _mix(weights: Tensor) -> Layer:
    return lambda x: weights.to(x.dtype) @ x


def _one_sees(place: int, other: int) -> Layer:
    """One letter alone gets another one's vector too; each of these tells two slips apart."""
    weights = torch.eye(6)
    weights[place, other] = 1.0
    return _mix(weights)


def _normed(x: Tensor) -> Tensor:
    """A norm that sees neither a number added to all coordinates of a letter, nor its length."""
    return F.layer_norm(x, x.shape[-1:], eps=1e-12)


def _late(x: Tensor) -> Tensor:
    weights = (x @ x.mT).softmax(dim=-1) * causal_mask(x.shape[1])
    return weights @ x


def _leak_inputs() -> Inputs:
    mask, even = causal_mask(6).double(), torch.full((6, 6), 1 / 6)
    seen = mask / mask.sum(1, keepdim=True)
    layers: dict[str, Layer] = {
        "each letter is doubled": lambda x: 2 * x,
        "each letter stays as it is": lambda x: x.clone(),
        "each gets the letter before it": _mix(torch.ones(6, 6).tril(-1).triu(-1)),
        "each gets the mean of all letters": _mix(even),
        "each gets the mean of the letters so far": _mix(seen),
        "each sees the next letter too": _mix(torch.ones(6, 6).tril(1) / 3),
        "only the first sees the second": _one_sees(0, 1),
        "only the first sees the fifth": _one_sees(0, 4),
        "only the third sees the fourth": _one_sees(2, 3),
        "only the third sees the last": _one_sees(2, 5),
        "masked after the softmax": _late,
        "a hundredth of the mean of all letters": _mix(seen + 0.01 * even),
        "a norm, then the mean of all letters": lambda x: even @ _normed(x),
        "a norm, then the mean so far": lambda x: seen.to(x) @ _normed(x),
    }
    for place, (label, layer) in enumerate(layers.items()):
        yield label, (layer, Draw(140 + place).normal(1, 6 if place else 2, 4))


LEAK = Exercise(
    name="attention.leak",
    minutes=20,
    difficulty=2,
    answer=leaks,
    course=(causal_mask,),
    inputs=_leak_inputs,
    notice="""Notice that a test needs tests: fourteen layers, of which we know the answer. One
        that never failed has not shown that it can.""",
    slipped=_leaks,
    mistakes=table("""
        alias: the old x changed too
            After y = x both names mean one tensor. Which letters did the first run see?
        behind: what stands behind it is compared
            A letter may change what comes after it. Whose vectors must stay?
        own: the changed letter itself is compared
            Its own output may change. Which letters stand before it?
        all: True for every layer
            A letter may change its own output, and what comes after it. Which outputs must stay?
        last: only the last letter is moved
            A leak from letter 2 to letter 1 is a leak. Does your test move letter 2?
        late: letter 2 is never moved
            A leak from letter 2 to letter 1 is a leak. At which place does your loop begin?
        second: only letter 2 is moved
            A leak may come from any later letter. Which ones does your test move?
        not_last: the last letter is never moved
            A leak may come from the last letter alone. At which place does your loop end?
        near first: only one output is compared
            A later letter may leak to any place before it. Which outputs does your test compare?
        far: the neighbour's output is not compared
            Which letters stand before letter 4, and which of them does your slice hold?
        piled: earlier changes are still there
            The letter before was changed in the last round. Has it been put back?
        constant longer: a change that a LayerNorm takes away
            A LayerNorm gives every letter the same mean and the same length. What is left of your
            change behind it?
        loose: a small leak is overlooked
            How much may a letter change that must not change at all?
        inverted: True where nothing leaks
            What does your function say of a layer that only doubles?
        itself: output and input compared
            A layer is there to change its input. Which two outputs must agree?
    """),
    later="What does this layer do that those before it did not?",
)
