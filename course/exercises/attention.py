"""Exercises of notebook 02: scaled dot-product attention, the causal mask, several heads."""

import math
from typing import Any

import torch
from einops import einsum, rearrange
from torch import Tensor

from course.checking.exercise import Draw, Exercise, Inputs, Slips, pick, table, tensors
from course.exercises.attention_puzzles import LEAK, SHAPES
from course.exercises.rotary import ROTARY
from course.exercises.sinusoids import POSITIONS
from nmt.attention import MultiHeadAttention, causal_mask, scaled_dot_product_attention

Two = tuple[Tensor, Tensor]


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Two:
    """Scores, root, mask, softmax, average."""
    scores = einsum(query, key, "... q k, ... s k -> ... q s") / math.sqrt(query.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    weights = scores.softmax(dim=-1)
    return einsum(weights, value, "... q s, ... s w -> ... q w"), weights


def _attend(slips: Slips, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Two:
    k, s = query.shape[-1], key.shape[-2]
    root = pick(
        slips,
        k**0.5,
        none=1,
        k=k,
        keys=s**0.5,
        times=k**-0.5,
        late=1,
        d=value.shape[-1],
        width=value.shape[-1] ** 0.5,
    )
    scores, hidden = query @ key.mT / root, pick(slips, -math.inf, zero=0.0)
    mask = None if mask is None or "unmasked" in slips else mask ^ ("inverted" in slips)
    if mask is not None and "masked_late" not in slips:
        scores = scores.masked_fill(~mask, hidden)
    if mask is not None and "added" in slips:
        scores = query @ key.mT / root + mask
    weights = scores if "scores" in slips else scores.softmax(pick(slips, -1, queries=-2))
    weights = weights * mask if mask is not None and "masked_late" in slips else weights
    weights = weights / k**0.5 if "late" in slips else weights
    output = weights @ value
    weights = pick(slips, weights, unsoftened=query @ key.mT / root, handed=scores)
    return (weights, output) if "exchanged" in slips else (output, weights)


def _attention_inputs() -> Inputs:
    draw = Draw(20)
    small = tensors([[2, 0, 0, 0], [0, 2, 2, 0]], [[1, 0, 1, 0], [0, 1, 0, 3]], [[1], [3]])
    ragged = draw.uniform(2, 4, 6) < 0.6
    ragged[..., 2] = True
    yield "one word of two letters, no mask", (*small, None)
    yield "the same with a mask", (*small, torch.tensor([[True, False], [True, True]]))
    yield "longer, no mask", (draw.normal(4, 8), draw.normal(6, 8), draw.normal(6, 3), None)
    yield "as many queries as keys", (*(draw.normal(5, 4) for _ in range(3)), None)
    heads = (draw.normal(2, 3, 7, 16) for _ in range(3))
    yield "a batch with heads and a causal mask", (*heads, causal_mask(7))
    words = draw.normal(2, 4, 32), draw.normal(2, 6, 32), draw.normal(2, 6, 5)
    yield "a mask for each word", (*words, ragged)


ATTENTION = Exercise(
    name="attention.scaled-dot-product",
    minutes=15,
    difficulty=2,
    answer=attend,
    course=(scaled_dot_product_attention,),
    inputs=_attention_inputs,
    notice="""Notice that the same lines served one word, a batch, and a batch with heads: the
        dots in einsum let every other axis pass.""",
    slipped=_attend,
    mistakes=table("""
        none: √k forgotten
            How large is a typical score when k is 256, and what does the softmax make of such
            scores?
        k: divided by k, not by √k
            The variance of a score grows like k. How does its typical size grow?
        times: multiplied by √k
            Scores of many coordinates are too large. Does your root make them smaller or larger?
        keys: root of the number of keys
            k is the number of coordinates of a query. Which axis did you take it from?
        d width: divided by the width of the values
            What do the scores know of the values?
        queries: softmax over the queries
            Your weights sum to 1 over the queries. Over which axis should each query's weights sum
            to 1?
        scores: no softmax
            What must a row of weights sum to?
        unsoftened handed: scores handed back as weights
            The averages are right. Which of your tables made them?
        added: mask added as numbers
            True counts as 1 and False as 0. By how much is a forbidden score smaller now?
        masked_late: mask after the softmax
            Do the weights of a masked query still sum to 1? Which letters are in the denominator?
        inverted: mask the wrong way round
            What does True mean in a mask of this course: may attend, or may not?
        zero: forbidden scores set to 0
            e⁰ is 1. Which score becomes a weight of exactly 0?
        unmasked: mask not used
            Which of your lines looks at the mask?
        late: √k after the softmax
            Dividing the weights makes them sum to 1/√k. What should be made smaller, and when?
        exchanged: weights and output exchanged
            Which of the two does the signature name first?
    """),
    parts=("output", "weights"),
    trains=True,
)


def causal(queries: int, keys: int) -> Tensor:
    """Query i stands at key i + keys − queries."""
    query, key = torch.arange(queries)[:, None], torch.arange(keys)[None, :]
    return key <= query + keys - queries


def _causal(slips: Slips, queries: int, keys: int) -> Tensor:
    query, key = torch.arange(queries)[:, None], torch.arange(keys)[None, :]
    shift = pick(slips, keys - queries, left=0, turned_shift=queries - keys)
    last = query + shift + pick(slips, 0, strict=-1, ahead=1)
    mask = key >= last if "upper" in slips else key <= last
    mask = torch.ones_like(mask) if "all" in slips else mask ^ ("forbidden" in slips)
    return mask.T if "turned" in slips else mask


MASK = Exercise(
    name="attention.causal-mask",
    minutes=5,
    difficulty=1,
    answer=causal,
    course=(causal_mask,),
    inputs=lambda: [
        (f"{q} {'query' if q == 1 else 'queries'}, {k} key{'s' * (k > 1)}", (q, k))
        for q, k in ((2, 2), (1, 1), (2, 3), (1, 6), (5, 5), (7, 7), (3, 8))
    ],
    notice="""Notice that with 1 query and 6 keys nothing is masked. Whoever decodes letter by
        letter asks like this, with the newest letter alone.""",
    slipped=_causal,
    mistakes=table("""
        strict: a letter may not see itself
            The first query has nothing left to attend to. May a letter look at itself?
        ahead: one letter of the future
            The first query sees the second key. Which is the last key that it may see?
        upper left+upper: past and future exchanged
            Your first query sees everything, your last only itself. Rows are queries: who comes
            later?
        forbidden forbidden+left: True where it is forbidden
            In this course True means: may attend. What does it mean in your mask?
        left: more keys than queries forgotten
            With more keys than queries, the last query stands at the last key. Where does your last
            query stand?
        turned_shift: shifted to the wrong side
            With 1 query and 6 keys everything may be seen. Does your shift move the edge to the
            right or to the left?
        turned: keys in the rows
            Each row should belong to a query. To whom do yours belong?
        all: nothing is forbidden
            Which pairs look into the future?
    """),
)


def several_heads(
    inputs: Tensor,
    memory: Tensor,
    to_query: Tensor,
    to_key: Tensor,
    to_value: Tensor,
    to_output: Tensor,
    num_heads: int,
) -> Tensor:
    """Cut, attend in each head, join, mix."""
    maps = (inputs, to_query), (memory, to_key), (memory, to_value)
    query, key, value = (rearrange(x @ W.T, "b l (h k) -> b h l k", h=num_heads) for x, W in maps)
    weights = (query @ key.mT / math.sqrt(query.shape[-1])).softmax(dim=-1)
    return rearrange(weights @ value, "b h q k -> b q (h k)") @ to_output.T


def _several_heads(slips: Slips, inputs: Tensor, memory: Tensor, *rest: Any) -> Tensor:
    *maps, heads = rest
    b, _, d = inputs.shape
    heads = 1 if "one" in slips else heads
    maps = [W.mT if f"t_{i}" in slips else W for i, W in zip("qkvo", maps)]
    if "values" in slips:
        maps[1], maps[2] = maps[2], maps[1]
    memory = inputs if "itself" in slips else memory
    inputs, memory = (memory, inputs) if "asked" in slips else (inputs, memory)
    maps[2] = pick(slips, maps[2], bare=torch.eye(d, dtype=inputs.dtype), twice=maps[1])
    heads = d // heads if "narrow" in slips else heads

    def cut(x: Tensor) -> Tensor:
        if "cut_reshaped" in slips:
            return x.reshape(b, heads, -1, d // heads)
        order = pick(slips, "b l (h k) -> b h l k", cut_order="b l (k h) -> b h l k")
        return rearrange(x, order, h=heads)

    query, key, value = (cut(x @ W.T) for x, W in zip((inputs, memory, memory), maps))
    root = pick(slips, query.shape[-1], d=d, none=1) ** pick(slips, 0.5, k=1)
    if "unmoved" in slips:  # heads attend to heads, letter by letter
        query, key, value = (each.transpose(1, 2) for each in (query, key, value))
    found = (query @ key.mT / root).softmax(dim=-1) @ value
    found = found.transpose(1, 2) if "unmoved" in slips else found
    if "join_reshaped" in slips:
        found = found.reshape(b, -1, d)
    else:
        order = pick(slips, "b h q k -> b q (h k)", join_order="b h q k -> b q (k h)")
        found = rearrange(found, order)
    return found if "unmixed" in slips else found @ maps[3].T


def _head_inputs() -> Inputs:
    two, eye, turn = tensors([[[1, 0], [0, 2]]], [[1, 0], [0, 1]], [[0, 1], [2, 0]])
    yield "two letters, two heads", (two, two + 1, eye, 2 * eye, eye, turn, 2)
    shapes = (
        (2, 5, 7, 8, 2, "two heads, from 5 letters to 7"),
        (1, 3, 6, 12, 3, "three heads"),
        (3, 4, 4, 8, 4, "four heads, as many queries as keys"),
        (2, 6, 2, 6, 1, "one head"),
    )
    for seed, (b, q, s, d, heads, label) in enumerate(shapes):
        draw = Draw(30 + seed)
        maps = [draw.normal(d, d) / math.sqrt(d) for _ in range(4)]
        yield label, (draw.normal(b, q, d), draw.normal(b, s, d), *maps, heads)


HEADS = Exercise(
    name="attention.multi-head",
    minutes=20,
    difficulty=3,
    answer=several_heads,
    course=(MultiHeadAttention,),
    inputs=_head_inputs,
    notice="""Notice that the number of parameters does not depend on the number of heads: you
        cut the vectors, you did not add any.""",
    slipped=_several_heads,
    mistakes=table("""
        cut_order+join_order: heads interleaved
            A head should get neighbouring coordinates, (h k). Which of your letters turns fastest,
            h or k?
        join_order cut_order: joined in another order than cut
            By which order did you cut, (h k) or (k h)? By which must the pieces be joined again?
        d: √d instead of √k
            Each head's query has k = d / h coordinates. How many numbers does its dot product add
            up?
        none: √k forgotten
            What keeps the scores of a head from growing with k?
        k: divided by k, not by √k
            The variance of a score grows like k. And its size?
        cut_reshaped join_reshaped cut_reshaped+join_reshaped: letters and heads mixed by a reshape
            Between (b, l, d) and (b, h, l, k) a reshape cuts across letters. Which axis must be
            moved, before or after it?
        unmixed: heads never mixed
            What the heads have found lies side by side. Which map is still unused?
        t_q+t_k+t_v+t_o t_q+t_k+t_v t_o t_q t_k t_v: maps not transposed
            A linear layer computes x Wᵀ: rows of W make outputs. What does x W compute?
        itself: asks itself, not the memory
            Keys and values say what there is to be found. Whose are they?
        values: keys and values exchanged
            Scores compare a query with a key; values are what is averaged. Which map makes which?
        asked: the memory asks
            Who asks, and so makes the queries: the inputs or the memory?
        bare twice: the values' own map not used
            Which of the four maps turns the memory into values?
        narrow: the number of heads taken for their width
            d/h coordinates belong to one head. Which of your axes is h long?
        unmoved: heads attend to heads
            Which axis must stand last but one, so that letters meet letters?
        one: one head only
            Which of your lines uses num_heads?
    """),
    trains=True,
)

EXERCISES = {each.name: each for each in (MASK, LEAK, ATTENTION, POSITIONS, ROTARY, SHAPES, HEADS)}
