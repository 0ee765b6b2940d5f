"""Where is a letter? Five answers, from "nowhere" to rotating queries and keys.

Attention alone sees a bag of letters: shuffle its inputs and its outputs are shuffled alike. A
position scheme breaks that symmetry.
"""

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

SCHEMES = ("none", "sinusoidal", "learned", "learned-from-sinusoidal", "rotary")


def sinusoidal_table(length: int, hidden_size: int, base: float = 10_000.0) -> Float[Tensor, "l d"]:
    """The fixed position vectors of the first transformer.

    For position p and pair i:

        table[p, 2i] = sin(p / base^(2i/d))        table[p, 2i+1] = cos(p / base^(2i/d))

    Args:
        length: number of positions, in letters.
        hidden_size: d, an even number.
        base: the longest wavelength is about 2π·base letters.

    Returns:
        One row of size d for each position.

    Raises:
        ValueError: if `hidden_size` is odd, for sines and cosines come in pairs.

    Source: Vaswani et al. 2017, "Attention Is All You Need", §3.5.
    """
    if hidden_size % 2:
        raise ValueError(f"sines and cosines come in pairs: an even hidden_size, not {hidden_size}")
    position = torch.arange(length, dtype=torch.float32)
    angle = position[:, None] * pair_frequencies(hidden_size, base)  # (l, d/2)
    return rearrange([angle.sin(), angle.cos()], "two l i -> l (i two)")


def pair_frequencies(size: int, base: float = 10_000.0) -> Float[Tensor, " i"]:
    """One frequency a pair of coordinates, θ_i = base^(−2i/size), in radians a letter."""
    return base ** (-torch.arange(0, size, 2, dtype=torch.float32) / size)


class PositionEmbedding(nn.Module):
    """Adds a vector for its position to each letter's embedding: x_p + table[p].

    The table is absent ("none", "rotary"), fixed ("sinusoidal"), trained from small random numbers
    ("learned"), or trained from the sinusoids ("learned-from-sinusoidal").

    Args:
        scheme: one of `SCHEMES`.
        hidden_size: d.
        max_length: the number of positions that a trained table has; the other schemes know no
            limit.

    Raises:
        ValueError: for an unknown scheme, or sinusoids for an odd `hidden_size`.
    """

    table: Tensor

    def __init__(self, scheme: str, hidden_size: int, max_length: int) -> None:
        super().__init__()
        if scheme not in SCHEMES:
            schemes = ", ".join(SCHEMES)
            raise ValueError(f"unknown position scheme {scheme!r}; choose one of {schemes}")
        self.scheme, self.hidden_size = scheme, hidden_size
        if scheme == "learned":
            self.table = nn.Parameter(0.02 * torch.randn(max_length, hidden_size))
        elif scheme == "learned-from-sinusoidal":
            self.table = nn.Parameter(sinusoidal_table(max_length, hidden_size))
        elif scheme == "sinusoidal":
            self.register_buffer(
                "table", sinusoidal_table(max_length, hidden_size), persistent=False
            )

    def forward(self, inputs: Float[Tensor, "b l d"], start: int = 0) -> Float[Tensor, "b l d"]:
        """Add the vectors of positions `start`, `start` + 1, … to `inputs`.

        Raises:
            ValueError: if a trained table has no row for the last position.
        """
        if self.scheme in ("none", "rotary"):
            return inputs
        end = start + inputs.shape[1]
        if end > len(self.table) and self.scheme == "sinusoidal":
            self.table = sinusoidal_table(2 * end, self.hidden_size).to(self.table)
        if end > len(self.table):
            trained = f"the {len(self.table)} positions that were trained"
            raise ValueError(f"position {end - 1} is beyond {trained}; use shorter words")
        return inputs + self.table[start:end]


class RotaryPositions(nn.Module):
    """Turns each pair of a query's or key's coordinates by an angle that grows with the position.

    Pair i at position p is rotated by p·θ_i with θ_i = base^(−2i/k). The dot product of a query at
    p and a key at q then depends on p only through the distance p − q, so "the letter before" looks
    the same everywhere in the word.

    Args:
        head_size: k, an even number.
        base: the longest wavelength is about 2π·base letters.

    Raises:
        ValueError: if `head_size` is odd.

    Source: Su et al. 2021, "RoFormer", arXiv 2104.09864, §3.2, equation 34.
    """

    frequencies: Tensor

    def __init__(self, head_size: int, base: float = 10_000.0) -> None:
        super().__init__()
        if head_size % 2:
            raise ValueError(
                f"rotary positions turn pairs: head size must be even, not {head_size}"
            )
        self.register_buffer("frequencies", pair_frequencies(head_size, base), persistent=False)

    def forward(
        self, vectors: Float[Tensor, "b h l k"], start: int = 0
    ) -> Float[Tensor, "b h l k"]:
        """Rotate `vectors`, whose first stands at position `start`."""
        exact = vectors if vectors.dtype.itemsize >= 4 else vectors.float()  # no complex halves
        position = torch.arange(
            start, start + exact.shape[2], dtype=exact.dtype, device=exact.device
        )
        angle = position[:, None] * self.frequencies.to(exact.dtype)  # (l, k/2)
        turn = torch.polar(torch.ones_like(angle), angle)  # e^(i·angle), (l, k/2)
        pairs = rearrange(exact, "b h l (i two) -> b h l i two", two=2)
        turned = torch.view_as_complex(pairs) * turn  # (u, v) as u + iv, (b, h, l, k/2)
        return torch.view_as_real(turned).flatten(-2).to(vectors.dtype)  # (b, h, l, k)
