"""An exercise of notebook 02: rotary positions."""

import torch
from torch import Tensor

from course.checking.exercise import Draw, Exercise, Inputs, Slips, pick, table, tensors
from nmt.positions import RotaryPositions


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
    exponent = pick(
        slips,
        -exponent,
        half=-exponent / 2,
        double=-2 * exponent,
        sign=exponent,
        alike=0 * exponent,
    )
    base = 10_000.0 if "fixed" in slips else base
    place = torch.arange(length)[:, None] + ("from_one" in slips)
    place = torch.ones_like(place) if "no_place" in slips else place
    angle = place * base**exponent * pick(slips, 1, back=-1, degrees=torch.pi / 180)
    u, v = vectors[:, 0::2], vectors[:, 1::2]
    if "halves" in slips or "halves_in" in slips:
        u, v = vectors.chunk(2, dim=1)
    sine, cosine = angle.sin(), angle.cos()
    sine, cosine = (cosine, sine) if "exchanged" in slips else (sine, cosine)
    if "added" in slips:
        return vectors + torch.stack((sine, cosine), -1).flatten(1)
    if "overwritten" in slips:
        u = u * cosine - v * sine
        return torch.stack((u, u * sine + v * cosine), -1).flatten(1)
    second = u * sine + (-v * cosine if "mirror" in slips else v * cosine)
    pair = u * cosine + (v * sine if "plus" in slips else -v * sine), second
    pair = (u * cosine, v * sine) if "stretched" in slips else pair
    if {"halves", "out"} & slips:
        return torch.cat(pair, 1)
    return torch.stack(pair, -1).flatten(1)


def _turn_inputs() -> Inputs:
    yield "three places, one pair", (*tensors([[1, 0], [1, 0], [0, 2]]), 100.0)
    for n, k, base in ((3, 4, 100.0), (7, 8, 10_000.0), (12, 6, 10.0), (1, 4, 100.0)):
        yield f"{n} place{'s' * (n > 1)}, k = {k}", (Draw(150 + n).normal(n, k), base)


ROTARY = Exercise(
    name="attention.rotary",
    minutes=15,
    difficulty=2,
    answer=turn,
    course=(RotaryPositions,),
    inputs=_turn_inputs,
    notice="Notice row 0: a turn by nothing. And no row has changed its length.",
    slipped=_turn,
    mistakes=table("""
        halves: first half with second half
            Some models pair coordinate i with i + k/2. Which two stand beside each other in a pair
            here?
        halves_in out: cut one way, put together another
            By which rule were the pairs taken out? By which must they go back?
        back: turned backwards
            (1, 0) at place 1 becomes (cos θ, sin θ). What is the sign of your second number?
        plus mirror: a mirror, not a turn
            A turn keeps lengths and sides. Which of the four products has a minus?
        exchanged: sine and cosine exchanged
            At place 0 nothing turns. What is cos 0, and what sin 0?
        fixed: 10000 written in
            Which of the arguments do you not use?
        half: exponent too small by half
            θ_i = base^(−2i/k). What stands above k in your exponent for the second pair: 1, 2 or 4?
        double: exponent twice too large
            θ_i = base^(−2i/k). What stands above k in your exponent for the second pair: 1, 2 or 4?
        sign: multiplied instead of divided
            Later pairs turn more slowly. Does base to your exponent grow or shrink?
        overwritten: the new u in the place of the old
            Both results are made of the old u and v. Which u does your second line read?
        degrees: degrees taken for radians
            torch's sine wants radians, and a place times θ is an angle in radians. Which line makes
            something else of it?
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
