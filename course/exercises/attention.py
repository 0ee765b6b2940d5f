"""Exercises of notebook 02: scaled dot-product attention, the causal mask, several heads."""

from __future__ import annotations

import math
from typing import Any

import torch
from einops import einsum, rearrange
from torch import Tensor

from course.checking.exercise import Case, Draw, Exercise
from nmt.attention import (
    MultiHeadAttention,
    attention_weights,
    causal_mask,
    scaled_dot_product_attention,
)

Two = tuple[Tensor, Tensor]


def _attention_cases() -> list[Case]:
    draw = Draw(20)
    cases = [
        Case("one word, no mask", (draw.normal(4, 8), draw.normal(6, 8), draw.normal(6, 3), None))
    ]
    cases.append(
        Case(
            "as many queries as keys",
            (draw.normal(5, 4), draw.normal(5, 4), draw.normal(5, 4), None),
        )
    )
    cases.append(
        Case(
            "a batch with heads and a causal mask",
            (*(draw.normal(2, 3, 7, 16) for _ in range(3)), causal_mask(7)),
        )
    )
    ragged = draw.uniform(2, 4, 6) < 0.6
    ragged[..., 2] = True
    cases.append(
        Case(
            "a mask for each word",
            (draw.normal(2, 4, 32), draw.normal(2, 6, 32), draw.normal(2, 6, 5), ragged),
        )
    )
    return cases


ATTENTION = Exercise(
    name="attention.scaled-dot-product",
    minutes=15,
    difficulty=2,
    reference=scaled_dot_product_attention,
    solution=(attention_weights, scaled_dot_product_attention),
    cases=_attention_cases,
    notice=(
        "Notice that the same lines served one word, a batch, and a batch with heads: the dots in"
        " einsum let every other axis pass."
    ),
    parts=("output", "weights"),
    trains=True,
)


def _scores(query: Tensor, key: Tensor) -> Tensor:
    return einsum(query, key, "... q k, ... s k -> ... q s")


def _finish(scores: Tensor, value: Tensor, mask: Tensor | None, dim: int = -1) -> Two:
    weights = (scores if mask is None else scores.masked_fill(~mask, -math.inf)).softmax(dim=dim)
    return weights @ value, weights


@ATTENTION.mutant(
    "√k forgotten",
    "How large is a typical score when k is 256, and what does the softmax make of such scores?",
)
def _no_root(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Two:
    return _finish(_scores(query, key), value, mask)


@ATTENTION.mutant(
    "divided by k, not by √k",
    "The variance of a score grows like k. How does its typical size grow?",
)
def _no_square_root(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Two:
    return _finish(_scores(query, key) / query.shape[-1], value, mask)


@ATTENTION.mutant(
    "root of the number of keys",
    "k is the number of coordinates of a query. Which axis did you take it from?",
)
def _wrong_k(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Two:
    return _finish(_scores(query, key) / math.sqrt(key.shape[-2]), value, mask)


@ATTENTION.mutant(
    "softmax over the queries",
    "Your weights sum to 1 over the queries. Over which axis should each query's weights sum to 1?",
)
def _over_queries(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Two:
    return _finish(_scores(query, key) / math.sqrt(query.shape[-1]), value, mask, dim=-2)


@ATTENTION.mutant(
    "mask after the softmax",
    "Do the weights of a masked query still sum to 1? Which letters are in the denominator?",
)
def _mask_late(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Two:
    weights = (_scores(query, key) / math.sqrt(query.shape[-1])).softmax(dim=-1)
    weights = weights if mask is None else weights * mask
    return weights @ value, weights


@ATTENTION.mutant(
    "mask the wrong way round",
    "What does True mean in a mask of this course: may attend, or may not?",
)
def _mask_inverted(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Two:
    return _finish(
        _scores(query, key) / math.sqrt(query.shape[-1]), value, None if mask is None else ~mask
    )


@ATTENTION.mutant(
    "forbidden scores set to 0", "e⁰ is 1. Which score becomes a weight of exactly 0?"
)
def _mask_zero(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Two:
    scores = _scores(query, key) / math.sqrt(query.shape[-1])
    return _finish(scores if mask is None else scores.masked_fill(~mask, 0.0), value, None)


@ATTENTION.mutant("mask not used", "Which of your lines looks at the mask?")
def _mask_ignored(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Two:
    return _finish(_scores(query, key) / math.sqrt(query.shape[-1]), value, None)


@ATTENTION.mutant(
    "√k after the softmax",
    "Dividing the weights makes them sum to 1/√k. What should be made smaller, and when?",
)
def _root_late(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Two:
    _, weights = _finish(_scores(query, key), value, mask)
    weights = weights / math.sqrt(query.shape[-1])
    return weights @ value, weights


@ATTENTION.mutant("weights and output exchanged", "Which of the two does the signature name first?")
def _exchanged(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Two:
    output, weights = scaled_dot_product_attention(query, key, value, mask)
    return weights, output


MASK = Exercise(
    name="attention.causal-mask",
    minutes=5,
    difficulty=1,
    reference=causal_mask,
    solution=(causal_mask,),
    cases=lambda: [
        Case(f"{q} queries, {k} keys", (q, k)) for q, k in ((5, 5), (1, 1), (7, 7), (1, 6), (3, 8))
    ],
    notice=(
        "Notice the last two inputs: with 1 query and 6 keys nothing is masked. Decoding with a"
        " cache asks like this, letter by letter."
    ),
    parts=(),
)


def _table(queries: int, keys: int) -> Two:
    return torch.arange(queries)[:, None], torch.arange(keys)[None, :]


@MASK.mutant(
    "a letter may not see itself",
    "The first query has nothing left to attend to. May a letter look at itself?",
)
def _strict(queries: int, keys: int) -> Tensor:
    query, key = _table(queries, keys)
    return key < query + keys - queries


@MASK.mutant(
    "one letter of the future",
    "The first query sees the second key. Which is the last key that it may see?",
)
def _one_ahead(queries: int, keys: int) -> Tensor:
    query, key = _table(queries, keys)
    return key <= query + keys - queries + 1


@MASK.mutant(
    "past and future exchanged",
    "Your first query sees everything, your last only itself. Rows are queries: who comes later?",
)
def _upper(queries: int, keys: int) -> Tensor:
    query, key = _table(queries, keys)
    return key >= query + keys - queries


@MASK.mutant(
    "True where it is forbidden",
    "In this course True means: may attend. What does it mean in your mask?",
)
def _forbidden(queries: int, keys: int) -> Tensor:
    return ~causal_mask(queries, keys)


@MASK.mutant(
    "cache forgotten",
    "With more keys than queries, the last query stands at the last key. Where does your last query"
    " stand?",
)
def _from_the_left(queries: int, keys: int) -> Tensor:
    query, key = _table(queries, keys)
    return key <= query


@MASK.mutant("keys in the rows", "Each row should belong to a query. To whom do your rows belong?")
def _turned(queries: int, keys: int) -> Tensor:
    return causal_mask(queries, keys).T


@MASK.mutant("nothing is forbidden", "Which pairs look into the future?")
def _all(queries: int, keys: int) -> Tensor:
    return torch.ones(queries, keys, dtype=torch.bool)


def _multi_head_reference(
    inputs: Tensor,
    memory: Tensor,
    to_query: Tensor,
    to_key: Tensor,
    to_value: Tensor,
    to_output: Tensor,
    num_heads: int,
) -> Tensor:
    layer = MultiHeadAttention(inputs.shape[-1], num_heads).to(inputs.dtype)
    weights = {
        "to_query.weight": to_query,
        "to_key_value.weight": torch.cat((to_key, to_value)),
        "to_output.weight": to_output,
    }
    return torch.func.functional_call(layer, weights, (inputs, memory))


def _head_cases() -> list[Case]:
    cases = []
    for seed, (b, q, s, d, heads, label) in enumerate(
        [
            (2, 5, 7, 8, 2, "two heads, from 5 letters to 7"),
            (1, 3, 6, 12, 3, "three heads"),
            (3, 4, 4, 8, 4, "four heads, as many queries as keys"),
            (2, 6, 2, 6, 1, "one head"),
        ]
    ):
        draw = Draw(30 + seed)
        maps = (draw.normal(d, d) / math.sqrt(d) for _ in range(4))
        cases.append(Case(label, (draw.normal(b, q, d), draw.normal(b, s, d), *maps, heads)))
    return cases


HEADS = Exercise(
    name="attention.multi-head",
    minutes=20,
    difficulty=3,
    reference=_multi_head_reference,
    solution=(MultiHeadAttention,),
    cases=_head_cases,
    notice=(
        "Notice that the number of parameters does not depend on the number of heads: you cut the"
        " vectors, you did not add any."
    ),
    trains=True,
)


def _multi_head(
    inputs: Tensor,
    memory: Tensor,
    to_query: Tensor,
    to_key: Tensor,
    to_value: Tensor,
    to_output: Tensor,
    num_heads: int,
    *,
    cut: str = "b l (h k) -> b h l k",
    join: str = "b h q k -> b q (h k)",
    size: int = 0,
) -> Tensor:
    query, key, value = (
        rearrange(each, cut, h=num_heads)
        for each in (inputs @ to_query.T, memory @ to_key.T, memory @ to_value.T)
    )
    weights = (_scores(query, key) / math.sqrt(size or query.shape[-1])).softmax(dim=-1)
    return rearrange(weights @ value, join) @ to_output.T


@HEADS.mutant(
    "heads interleaved",
    "A head should get neighbouring coordinates, (h k). Which of your letters turns fastest, h"
    " or k?",
)
def _interleaved(*arguments: Any) -> Tensor:
    return _multi_head(*arguments, cut="b l (k h) -> b h l k", join="b h q k -> b q (k h)")


@HEADS.mutant(
    "joined in another order than cut",
    "You cut by (h k). By which order must the pieces be joined again?",
)
def _joined_otherwise(*arguments: Any) -> Tensor:
    return _multi_head(*arguments, join="b h q k -> b q (k h)")


@HEADS.mutant(
    "√d instead of √k",
    "Each head's query has k = d / h coordinates. How many numbers does its dot product add up?",
)
def _whole_root(*arguments: Any) -> Tensor:
    return _multi_head(*arguments, size=arguments[0].shape[-1])


@HEADS.mutant(
    "letters and heads mixed by a reshape",
    "A reshape to (b, h, l, k) cuts across letters. Which axis must be moved before it?",
)
def _reshaped(
    inputs: Tensor,
    memory: Tensor,
    to_query: Tensor,
    to_key: Tensor,
    to_value: Tensor,
    to_output: Tensor,
    num_heads: int,
) -> Tensor:
    b, _, d = inputs.shape
    query, key, value = (
        each.reshape(b, num_heads, -1, d // num_heads)
        for each in (inputs @ to_query.T, memory @ to_key.T, memory @ to_value.T)
    )
    weights = (_scores(query, key) / math.sqrt(d // num_heads)).softmax(dim=-1)
    return (weights @ value).reshape(b, -1, d) @ to_output.T


@HEADS.mutant(
    "heads never mixed", "What the heads have found lies side by side. Which map is still unused?"
)
def _no_output_map(
    inputs: Tensor,
    memory: Tensor,
    to_query: Tensor,
    to_key: Tensor,
    to_value: Tensor,
    to_output: Tensor,
    num_heads: int,
) -> Tensor:
    return _multi_head(
        inputs,
        memory,
        to_query,
        to_key,
        to_value,
        torch.eye(inputs.shape[-1], dtype=inputs.dtype),
        num_heads,
    )


@HEADS.mutant(
    "maps not transposed",
    "A linear layer computes x Wᵀ: rows of W make outputs. What does x W compute?",
)
def _not_transposed(
    inputs: Tensor,
    memory: Tensor,
    to_query: Tensor,
    to_key: Tensor,
    to_value: Tensor,
    to_output: Tensor,
    num_heads: int,
) -> Tensor:
    return _multi_head(inputs, memory, to_query.T, to_key.T, to_value.T, to_output.T, num_heads)


@HEADS.mutant(
    "asks itself, not the memory", "Keys and values say what there is to be found. Whose are they?"
)
def _self(inputs: Tensor, memory: Tensor, *rest: Any) -> Tensor:
    return _multi_head(inputs, inputs, *rest)


@HEADS.mutant(
    "keys and values exchanged",
    "Scores compare a query with a key; values are what is averaged. Which map makes which?",
)
def _key_for_value(
    inputs: Tensor,
    memory: Tensor,
    to_query: Tensor,
    to_key: Tensor,
    to_value: Tensor,
    to_output: Tensor,
    num_heads: int,
) -> Tensor:
    return _multi_head(inputs, memory, to_query, to_value, to_key, to_output, num_heads)


EXERCISES = {each.name: each for each in (ATTENTION, MASK, HEADS)}
