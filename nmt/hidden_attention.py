"""Mamba's hidden attention: a selective SSM as a matrix, as if letters attended to letters."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from einops import einsum, rearrange
from jaxtyping import Float
from torch import Tensor

from nmt.selective_ssm import SSMTrace


def hidden_attention(ssm: SSMTrace, *, with_skip: bool = False) -> Float[Tensor, "b e l l"]:
    """For each channel the matrix α that a selective SSM multiplies its input by:

        y_t = Σ_{s ≤ t} α_{t,s} x_s + D x_t        α_{t,s} = C_t · (Ā_t ∘ … ∘ Ā_{s+1} ∘ B̄_s)

    The input's way past the state, D x_t, carries nothing from letter to letter and is left out;
    `with_skip` adds D to the diagonal, and then y = αx. Unlike attention weights, α may be
    negative, and its rows sum to anything. In float64, for any rule.

    Where all states of a channel decay alike (A the same in each, as it is where A starts at −1 and
    is not trained), one state does for all: α_{t,s} = (C_t · B_s) κ_{t,s} with κ the matrix of one
    state with B = C = 1. That is n times less work.

    Source: Ali, Zimerman & Wolf 2024, "The Hidden Attention of Mamba Models", arXiv 2403.01590; one
    decay for all states is the case that Dao & Gu 2024 (Mamba-2), arXiv 2405.21060, call structured
    masked attention.
    """
    doubled: dict[str, Any] = {
        name: value.double() for name, value in vars(ssm).items() if isinstance(value, Tensor)
    }
    exact = replace(ssm, **doubled)
    if bool((exact.A[:, :1] == exact.A).all()):
        one = torch.ones_like(exact.B[..., :1])
        alpha = _unrolled(replace(exact, A=exact.A[:, :1], B=one, C=one))
        alpha *= einsum(exact.C, exact.B, "b t n, b s n -> b t s")[:, None]
    else:
        alpha = _unrolled(exact)
    if with_skip:
        alpha.diagonal(dim1=-2, dim2=-1).add_(rearrange(exact.D, "e -> e 1"))
    return alpha


def _unrolled(ssm: SSMTrace) -> Float[Tensor, "b e l l"]:
    """α without the skip, letter by letter."""
    decay, gain = ssm.discretize()
    b, length, e, n = decay.shape
    alpha = decay.new_zeros(b, e, length, length)
    left = decay.new_zeros(b, length, e, n)  # what is left, now, of one unit of each x_s
    for t in range(length):
        left[:, :t] *= decay[:, t, None]
        left[:, t] = gain[:, t]
        alpha[:, :, t, : t + 1] = einsum(left[:, : t + 1], ssm.C[:, t], "b s e n, b n -> b e s")
    return alpha
