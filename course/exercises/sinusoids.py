"""An exercise of notebook 02: the table of sinusoidal positions."""

import torch
from torch import Tensor

from course.checking.exercise import Exercise, Slips, pick, table
from nmt.positions import sinusoidal_table


def position_table(length: int, hidden_size: int, base: float) -> Tensor:
    """Places times frequencies; sines in the even columns, cosines in the odd ones."""
    frequencies = base ** (-torch.arange(0, hidden_size, 2) / hidden_size)
    angles = torch.arange(length)[:, None] * frequencies
    return torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(-2)


def _position_table(slips: Slips, length: int, hidden_size: int, base: float) -> Tensor:
    base = 10_000.0 if "fixed_base" in slips else base
    even = torch.arange(0, hidden_size, 2)
    right = (even, even)
    first, second = pick(
        slips,
        right,
        coordinate=(even, even + 1),
        half=(even / 2, even / 2),
        twice=(2 * even,) * 2,
        number=(2 * even, 2 * even + 2),
    )
    size = hidden_size - 2 if "last" in slips and hidden_size > 2 else hidden_size
    sign = 1 if "multiplied" in slips else -1
    places = torch.arange(length)[:, None] + ("from_one" in slips)
    sine, cosine = (places * base ** (sign * each / size) for each in (first, second))
    if "degrees" in slips:
        sine, cosine = sine.deg2rad(), cosine.deg2rad()
    columns = [sine.sin(), cosine.sin() if "sines" in slips else cosine.cos()]
    columns = columns[::-1] if "cosine_first" in slips else columns
    return torch.cat(columns, -1) if "halves" in slips else torch.stack(columns, -1).flatten(-2)


POSITIONS = Exercise(
    name="attention.sinusoidal-positions",
    minutes=15,
    difficulty=2,
    answer=position_table,
    course=(sinusoidal_table,),
    inputs=lambda: [
        (f"{length} places, d = {size}, base {base:g}", (length, size, base))
        for length, size, base in (
            (2, 4, 1e2),
            (1, 2, 1e4),
            (6, 8, 1e4),
            (17, 4, 70.0),
            (12, 16, 30.0),
        )
    ],
    notice="""Notice the row of place 0: zeros and ones, whatever the base. All clock hands
        start together.""",
    slipped=_position_table,
    mistakes=table("""
        halves: sines first, then cosines
            A pair of neighbouring coordinates is one clock hand. Where do its sine and its cosine
            stand?
        cosine_first: sine and cosine exchanged
            Coordinate 0 of place 0 is sin 0. What is it in your table?
        from_one: places counted from 1
            Which place has the first letter of a word?
        half: exponent too small by half
            i counts pairs, so the last pair has i = d/2 − 1. What is then 2i/d, and what do you
            have?
        twice: exponent twice as large
            Is your i the number of the pair, or already that of the coordinate?
        coordinate number: each coordinate its own frequency
            A sine and its cosine must turn together. Do coordinates 2 and 3 share a frequency in
            your table?
        sines: no cosine
            What stands beside each sine, so that the two are a clock hand?
        degrees: degrees, not radians
            torch.sin takes radians. What turned the angles into degrees?
        multiplied: multiplied instead of divided
            The first hand is the quickest. Do yours get slower or quicker from left to right?
        fixed_base: base not used
            Which of your lines uses the argument base?
        last: divided by d − 2
            By what is 2i divided in the exponent?
    """),
)
