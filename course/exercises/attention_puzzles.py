"""Exercises of notebook 02, continued: shapes to predict, a test that catches a leak, rotary
positions.
"""

from collections.abc import Callable
from operator import index
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from course.checking.exercise import Case, Draw, Exercise, Unfit, pick, table
from nmt.attention import MultiHeadAttention, causal_mask
from nmt.positions import RotaryPositions

Slips = frozenset[str]
Layer = Callable[[Tensor], Tensor]
Shape = tuple[int, ...]


def shapes(b: int, q: int, s: int, d: int, h: int) -> tuple[Shape, Shape, Shape, Shape]:
    """Heads are one more axis in front; only the scores know how many are asked."""
    k = d // h
    return (b, h, q, k), (b, h, q, s), (b, h, q, k), (b, q, d)


def _shapes(slips: Slips, b: int, q: int, s: int, d: int, h: int) -> tuple[Shape, ...]:
    k = d if "whole" in slips else d // h
    cut = (b, q, h, k) if "behind" in slips else (b, h, q, k)
    scores = pick(slips, (b, h, q, s), turned=(b, h, s, q), one=(b, q, s), itself=(b, h, q, q))
    asked = {"as_asked", "all_asked"} & slips
    found = (b, h, s, k) if asked else cut
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
    """Shapes as tuples of whole numbers, whatever sequences they came in."""
    result = function(*arguments)
    try:
        return None if result is None else tuple(tuple(map(index, shape)) for shape in result)
    except TypeError:
        raise Unfit("a tuple of shapes, each a tuple of whole numbers,", repr(result)) from None


SHAPES = Exercise(
    name="attention.shapes",
    minutes=5,
    difficulty=1,
    answer=shapes,
    course=(MultiHeadAttention,),
    cases=lambda: [
        Case(f"b = {b}, q = {q}, s = {s}, d = {d}, h = {h}", (b, q, s, d, h))
        for b, q, s, d, h in ((1, 2, 3, 8, 2), (3, 7, 5, 64, 4), (2, 4, 9, 6, 1), (5, 1, 6, 30, 5))
    ],
    observe=in_whole_numbers,
    notice=(
        "Notice where s stands: in the scores alone. What comes out has the shape of who asks, so"
        " a layer can follow a layer."
    ),
    slipped=_shapes,
    mistakes=table("""
        whole: each head with all d coordinates
            d coordinates are shared out among h heads. How many does each get?
        behind: heads behind the letters
            Attention reads "... q k". Which two axes must stand last?
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
    places = pick(slips, range(1, length), last=[length - 1], second=[1], behind=range(length - 1))
    for place in places:
        changed = x if "alias" in slips else x.clone()
        step = torch.randn(x.shape[-1])
        changed[:, place] += torch.ones_like(step) if "constant" in slips else step
        after = layer(changed)
        before = layer(x) if "alias" in slips else before
        seen = pick(slips, slice(place), behind=slice(place + 1, None), all=slice(None))
        seen = slice(place + 1) if "own" in slips else seen
        close = torch.allclose(
            after[:, seen], before[:, seen], 0, 0.05 if "loose" in slips else 1e-6
        )
        found = found or not close
    return not found if "inverted" in slips else found


def _mix(weights: Tensor) -> Layer:
    return lambda x: weights.to(x.dtype) @ x


def _late(x: Tensor) -> Tensor:
    weights = (x @ x.mT).softmax(dim=-1) * causal_mask(x.shape[1])
    return weights @ x


def _leak_cases() -> list[Case]:
    mask, even = causal_mask(6).double(), torch.full((6, 6), 1 / 6)
    seen, first = mask / mask.sum(1, keepdim=True), torch.eye(6)
    first[0, 1] = 1.0
    third = torch.eye(6)
    third[2, 4] = 1.0
    tiny = seen + 0.01 * even
    ahead = torch.ones(6, 6).tril(1) / 3
    before = torch.ones(6, 6).tril(-1).triu(-1)
    layers: list[tuple[str, Layer]] = [
        ("each letter stays as it is", lambda x: x.clone()),
        ("each letter is doubled", lambda x: 2 * x),
        ("each gets the letter before it", _mix(before)),
        ("each gets the mean of all letters", _mix(even)),
        ("each gets the mean of the letters so far", _mix(seen)),
        ("each sees the next letter too", _mix(ahead)),
        ("only the first sees the second", _mix(first)),
        ("only the third sees the fifth", _mix(third)),
        ("masked after the softmax", _late),
        ("a hundredth of the mean of all letters", _mix(tiny)),
        ("a norm, then the mean of all letters", lambda x: even @ F.layer_norm(x, x.shape[-1:])),
        ("a norm, then the mean so far", lambda x: seen.to(x) @ F.layer_norm(x, x.shape[-1:])),
    ]
    return [
        Case(label, (layer, Draw(140 + place).normal(1, 6 if place else 2, 4)))
        for place, (label, layer) in enumerate(layers)
    ]


LEAK = Exercise(
    name="attention.leak",
    minutes=15,
    difficulty=2,
    answer=leaks,
    course=(causal_mask,),
    cases=_leak_cases,
    notice=(
        "Notice that a test needs tests: twelve layers, of which we know the answer. One that never"
        " failed has not shown that it can."
    ),
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
        last: only the last letter is changed
            A leak from letter 2 to letter 1 is a leak. Does your test move letter 2?
        second: only one early letter is changed
            A leak may come from any later letter. Which ones does your test move?
        constant: the same number added to every coordinate
            A LayerNorm takes the mean away. What is left of your change behind it?
        loose: a small leak is overlooked
            How much may a letter change that must not change at all?
        inverted: True where nothing leaks
            What does your function say of a layer that only doubles?
        itself: output and input compared
            A layer is there to change its input. Which two outputs must agree?
    """),
)


def turn(vectors: Tensor, base: float) -> Tensor:
    """Each pair (u, v) is a clock hand, turned by its place times its frequency."""
    length, k = vectors.shape
    theta = base ** (-torch.arange(0, k, 2) / k)  # (k/2): fast hands first
    angle = torch.arange(length)[:, None] * theta
    u, v = vectors[:, 0::2], vectors[:, 1::2]
    turned = u * angle.cos() - v * angle.sin(), u * angle.sin() + v * angle.cos()
    return torch.stack(turned, dim=-1).flatten(1)


def _turn(slips: Slips, vectors: Tensor, base: float) -> Tensor:
    length, k = vectors.shape
    exponent = torch.arange(0, k, 2, dtype=vectors.dtype) / k
    exponent = pick(slips, -exponent, half=-exponent / 2, sign=exponent, alike=0 * exponent)
    place = torch.arange(length)[:, None] + ("from_one" in slips)
    place = torch.ones_like(place) if "no_place" in slips else place
    angle = place * base**exponent * (-1 if "back" in slips else 1)
    u, v = vectors[:, 0::2], vectors[:, 1::2]
    if "halves" in slips or "halves_in" in slips:
        u, v = vectors.chunk(2, dim=1)
    sine, cosine = (
        (angle.cos(), angle.sin()) if "exchanged" in slips else (angle.sin(), angle.cos())
    )
    if "added" in slips:
        return vectors + torch.stack((sine, cosine), -1).flatten(1)
    if "overwritten" in slips:
        u = u * cosine - v * sine
        return torch.stack((u, u * sine + v * cosine), -1).flatten(1)
    second = u * sine + (-v * cosine if "mirror" in slips else v * cosine)
    pair = u * cosine + (v * sine if "plus" in slips else -v * sine), second
    pair = (u * cosine, v * sine) if "stretched" in slips else pair
    return (
        torch.cat(pair, 1)
        if "halves" in slips or "out" in slips
        else torch.stack(pair, -1).flatten(1)
    )


def _turn_cases() -> list[Case]:
    numbers = torch.get_default_dtype()
    small = torch.tensor([[1, 0], [1, 0], [0, 2]], dtype=numbers)
    shapes = ((3, 4, 100.0), (7, 8, 10_000.0), (12, 6, 10.0), (1, 4, 100.0))
    return [
        Case("three places, one pair", (small, 100.0)),
        *(
            Case(f"{n} place{'s' * (n > 1)}, k = {k}", (Draw(150 + n).normal(n, k), base))
            for n, k, base in shapes
        ),
    ]


ROTARY = Exercise(
    name="attention.rotary",
    minutes=15,
    difficulty=2,
    answer=turn,
    course=(RotaryPositions,),
    cases=_turn_cases,
    notice="Notice row 0: a turn by nothing. And no row has changed its length.",
    slipped=_turn,
    mistakes=table("""
        halves: first half with second half
            Some models pair coordinate i with i + k/2. Which two stand beside each other in a
            pair here?
        halves_in out: cut one way, put together another
            By which rule were the pairs taken out? By which must they go back?
        back: turned backwards
            (1, 0) at place 1 becomes (cos θ, sin θ). What is the sign of your second number?
        plus mirror: a mirror, not a turn
            A turn keeps lengths and sides. Which of the four products has a minus?
        exchanged: sine and cosine exchanged
            At place 0 nothing turns. What is cos 0, and what sin 0?
        half: exponent too small by half
            θ_i = base^(−2i/k). Is your i the number of the pair, or half of it?
        sign: multiplied instead of divided
            Later pairs turn more slowly. Does base to your exponent grow or shrink?
        overwritten: the new u in the place of the old
            Both results are made of the old u and v. Which u does your second line read?
        no_place: turned alike at every place
            Which of your lines knows where a row stands?
        alike: all pairs at one speed
            Which letter of θ_i says which pair it is?
        from_one: places counted from 1
            By how much does the first letter turn?
        added: added, not turned
            Does the length of a vector stay, if something is added to it?
        stretched: each coordinate by itself
            In a turn both coordinates of a pair come into both results. How many products is that?
    """),
    trains=True,
)
