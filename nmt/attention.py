"""Attention: each query asks every key how well it matches, and averages the values by that."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from einops import einsum, rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn

from nmt.positions import RotaryPositions

PatternHook = Callable[[Tensor], Tensor]


def causal_mask(
    queries: int, keys: int | None = None, device: torch.device | str | None = None
) -> Bool[Tensor, "q k"]:
    """Who may attend to whom when nobody may look ahead: True where key position ≤ query position.

    With more keys than queries the last query stands at the last key, as it does when decoding with
    a cache.

    Raises:
        ValueError: with fewer keys than queries, for the first queries would have nothing to attend
            to.
    """
    keys = queries if keys is None else keys
    if keys < queries:
        raise ValueError(
            f"{keys} keys for {queries} queries: each query needs at least the key at its own"
            " position"
        )
    return torch.ones(queries, keys, dtype=torch.bool, device=device).tril(diagonal=keys - queries)


def check_mask(mask: Tensor) -> None:
    """Raise a ValueError for a mask that is not boolean, or that leaves a query without any key."""
    if mask.dtype != torch.bool:
        raise ValueError(
            f"a mask is boolean (True = may attend), but this one is {mask.dtype}; make it so, for"
            " example with mask.bool()"
        )
    if not bool(mask.any(dim=-1).all()):
        raise ValueError(
            "the mask leaves a query without any key to attend to; allow each query at least one"
        )


def attention_weights(
    query: Float[Tensor, "... q k"],
    key: Float[Tensor, "... s k"],
    mask: Bool[Tensor, "..."] | None = None,
) -> Float[Tensor, "... q s"]:
    """How much each query takes from each key:  softmax over s of  query_q · key_s / √k.

    Args:
        query: one vector of size k for each of q queries.
        key: one vector of size k for each of s keys.
        mask: True where a query may attend; it broadcasts to (..., q, s). None allows everything.

    Returns:
        Weights between 0 and 1; each query's weights sum to 1.

    Raises:
        ValueError: if the mask is not boolean, or leaves some query nothing to attend to: its
            softmax would be 0/0.

    Source: Vaswani et al. 2017, §3.2.1, equation 1.
    """
    scores = einsum(query, key, "... q k, ... s k -> ... q s") / math.sqrt(query.shape[-1])
    if mask is not None:
        check_mask(mask)
        scores = scores.masked_fill(~mask, -math.inf)  # e^−∞ = 0: no weight at all
    return scores.softmax(dim=-1)


def scaled_dot_product_attention(
    query: Float[Tensor, "... q k"],
    key: Float[Tensor, "... s k"],
    value: Float[Tensor, "... s w"],
    mask: Bool[Tensor, "..."] | None = None,
) -> tuple[Float[Tensor, "... q w"], Float[Tensor, "... q s"]]:
    """Attention as in the paper:  output_q = Σ_s weights_{q,s} · value_s.

    Args:
        query, key, mask: as in `attention_weights`.
        value: what each key has to give, a vector of size w.

    Returns:
        The averages, and the weights that made them.

    Source: Vaswani et al. 2017, §3.2.1, equation 1.
    """
    weights = attention_weights(query, key, mask)
    return einsum(weights, value, "... q s, ... s w -> ... q w"), weights


class MultiHeadAttention(nn.Module):
    """Several attentions side by side, each on its own k = d / h coordinates.

    query, key, value = X W_Q, M W_K, M W_V, cut into h heads; each head attends; the heads' outputs
    are joined and mixed by W_O. X holds the vectors that ask, M (the memory) those that are asked:
    the same for self-attention, the encoder's for cross-attention.

    Args:
        hidden_size: d.
        num_heads: h, a divisor of d.
        dropout: the probability that a weight is dropped in training.
        rotary: turns queries and keys by their positions first, if given.

    `pattern_hook`, if set, receives the weights (b, h, q, s) before dropout and returns those to
    use instead: for looking, and for intervening.

    Raises:
        ValueError: if `num_heads` does not divide `hidden_size`.

    Source: Vaswani et al. 2017, §3.2.2.
    """

    def __init__(
        self,
        hidden_size: int,
        num_heads: int,
        *,
        dropout: float = 0.0,
        rotary: RotaryPositions | None = None,
    ) -> None:
        super().__init__()
        if num_heads < 1 or hidden_size % num_heads:
            raise ValueError(
                f"{num_heads} heads do not divide a hidden size of {hidden_size}; choose a divisor"
            )
        self.num_heads, self.dropout, self.rotary = num_heads, dropout, rotary
        self.to_query = nn.Linear(hidden_size, hidden_size, bias=False)
        self.to_key_value = nn.Linear(hidden_size, 2 * hidden_size, bias=False)
        self.to_output = nn.Linear(hidden_size, hidden_size, bias=False)
        self.pattern_hook: PatternHook | None = None

    def forward(
        self,
        inputs: Float[Tensor, "b q d"],
        memory: Float[Tensor, "b s d"] | None = None,
        mask: Bool[Tensor, "..."] | None = None,
        *,
        return_weights: bool = False,
    ) -> Float[Tensor, "b q d"] | tuple[Float[Tensor, "b q d"], Float[Tensor, "b h q s"]]:
        """Attend from `inputs` to `memory` (None: to `inputs`); the weights too, if asked for.

        Raises:
            ValueError: for a mask that `attention_weights` would refuse.
        """
        query = self.queries(inputs)  # (b, h, q, k)
        key, value = self.keys_and_values(inputs if memory is None else memory)  # (b, h, s, k) each
        if not return_weights:
            return self.attend(query, key, value, mask)
        heads, weights = self.weigh(query, key, value, mask)  # (b, h, q, k), (b, h, q, s)
        return self.join(heads), weights

    def weigh(
        self,
        query: Float[Tensor, "b h q k"],
        key: Float[Tensor, "b h s k"],
        value: Float[Tensor, "b h s k"],
        mask: Bool[Tensor, "..."] | None = None,
    ) -> tuple[Float[Tensor, "b h q k"], Float[Tensor, "b h q s"]]:
        """The formula: each head's averages, and the weights that made them."""
        weights = attention_weights(query, key, mask)  # (b, h, q, s)
        if self.pattern_hook is not None:
            weights = self.pattern_hook(weights)
        dropped = F.dropout(weights, self.dropout, self.training)
        return einsum(dropped, value, "b h q s, b h s k -> b h q k"), weights

    def weigh_fast(
        self,
        query: Float[Tensor, "b h q k"],
        key: Float[Tensor, "b h s k"],
        value: Float[Tensor, "b h s k"],
        mask: Bool[Tensor, "..."] | None = None,
    ) -> Float[Tensor, "b h q k"]:
        """The same averages from one call of the library, which never stores the weights."""
        if mask is not None:
            check_mask(mask)
        dropout = self.dropout if self.training else 0.0
        return F.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=dropout)

    def attend(
        self,
        query: Float[Tensor, "b h q k"],
        key: Float[Tensor, "b h s k"],
        value: Float[Tensor, "b h s k"],
        mask: Bool[Tensor, "..."] | None = None,
    ) -> Float[Tensor, "b q d"]:
        """The layer's output: by the formula if somebody watches, else the fast way."""
        if self.pattern_hook is None:
            return self.join(self.weigh_fast(query, key, value, mask))
        return self.join(self.weigh(query, key, value, mask)[0])

    def queries(self, inputs: Float[Tensor, "b q d"], start: int = 0) -> Float[Tensor, "b h q k"]:
        """What `inputs` ask for, cut into heads; the first of them stands at position `start`."""
        query = rearrange(self.to_query(inputs), "b q (h k) -> b h q k", h=self.num_heads)
        return query if self.rotary is None else self.rotary(query, start)

    def keys_and_values(
        self, memory: Float[Tensor, "b s d"], start: int = 0
    ) -> tuple[Float[Tensor, "b h s k"], Float[Tensor, "b h s k"]]:
        """What the memory offers, cut into heads; when decoding, made once and kept."""
        key, value = rearrange(
            self.to_key_value(memory), "b s (two h k) -> two b h s k", two=2, h=self.num_heads
        )
        return (key if self.rotary is None else self.rotary(key, start)), value

    def join(self, heads: Float[Tensor, "b h q k"]) -> Float[Tensor, "b q d"]:
        """The heads' averages side by side again, mixed by W_O."""
        return self.to_output(rearrange(heads, "b h q k -> b q (h k)"))
