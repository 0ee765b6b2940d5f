"""Mamba's hidden attention: the matrix that a selective SSM applies to its input, as if each letter attended to those before it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from einops import einsum, rearrange
from jaxtyping import Float
from torch import Tensor

from nmt.selective_ssm import SSMTrace


def hidden_attention(ssm: SSMTrace, *, with_skip: bool = False) -> Float[Tensor, "b e l l"]:
    """The matrix α that a selective SSM multiplies its input by, unrolled from the recurrence, for each channel:

        y_t = Σ_{s ≤ t} α_{t,s} x_s + D x_t        α_{t,s} = C_t · (Ā_t ∘ … ∘ Ā_{s+1} ∘ B̄_s)

    The input's way past the state, D x_t, carries nothing from letter to letter and is left out; `with_skip` adds D to the diagonal,
    and then y = αx. Unlike attention weights, α may be negative, and its rows sum to anything. In float64, for any rule.

    Source: Ali et al. 2024, arXiv 2403.01590, the section "Hidden Attention Matrices".
    """
    doubled: dict[str, Any] = {name: value.double() for name, value in vars(ssm).items() if isinstance(value, Tensor)}
    exact = replace(ssm, **doubled)
    decay, gain = exact.discretize()
    b, length, e, n = decay.shape
    alpha = decay.new_zeros(b, e, length, length)
    left = decay.new_zeros(b, length, e, n)  # what is left, now, of one unit of each x_s
    for t in range(length):
        left[:, :t] *= decay[:, t, None]
        left[:, t] = gain[:, t]
        alpha[:, :, t, : t + 1] = einsum(left[:, : t + 1], exact.C[:, t], "b s e n, b n -> b e s")
    if with_skip:
        alpha.diagonal(dim1=-2, dim2=-1).add_(rearrange(exact.D, "e -> e 1"))
    return alpha
