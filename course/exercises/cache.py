"""An exercise of notebook 03: attention of one new letter, with a cache of keys and values."""

import torch
from torch import Tensor

from course.checking.exercise import Case, Draw, Exercise, Slips, pick, table
from nmt.attention import MultiHeadAttention

Cache = tuple[Tensor, Tensor]


def remember(query: Tensor, key: Tensor, value: Tensor, cache: Cache) -> tuple[Tensor, Cache]:
    """The new letter's key and value go behind the old ones; then it looks at all of them."""
    keys = torch.cat((cache[0], key), dim=1)  # (b, t + 1, k)
    values = torch.cat((cache[1], value), dim=1)
    weights = (query @ keys.mT / query.shape[-1] ** 0.5).softmax(dim=-1)  # (b, 1, t + 1)
    return weights @ values, (keys, values)


def _remember(
    slips: Slips, query: Tensor, key: Tensor, value: Tensor, cache: Cache
) -> tuple[Tensor, Cache]:
    old_keys, old_values = cache
    keys, values = torch.cat((old_keys, key), dim=1), torch.cat((old_values, value), dim=1)
    if "front" in slips:
        keys, values = torch.cat((key, old_keys), dim=1), torch.cat((value, old_values), dim=1)
    seen = pick(
        slips,
        (keys, values),
        before=cache,
        alone=(key, value),
        asking=(torch.cat((old_keys, query), dim=1), values),
        oldest=(keys[:, :1], values[:, :1]),
        added=(old_keys + key, old_values + value),
    )
    k, t = query.shape[-1], seen[0].shape[1]
    root = pick(slips, k**0.5, none=1, k=k, keys=t**0.5, width=value.shape[-1] ** 0.5)
    scores = query @ seen[0].mT / root
    weights = scores if "scores" in slips else scores.softmax(dim=1 if "axis" in slips else -1)
    kept = pick(
        slips,
        (keys, values),
        old=cache,
        new=(key, value),
        asked=(old_keys, values),
        queries=(torch.cat((old_keys, query), dim=1), values),
    )
    kept = seen if {"added", "asking"} & slips else kept
    kept = kept[::-1] if "turned" in slips else kept
    return weights @ seen[1] + (value if "road" in slips else 0), kept


def _cache_cases() -> list[Case]:
    numbers = torch.get_default_dtype()
    rows = [[[2, 0, 0, 0]]], [[[0, 1, 0, 0]]], [[[1, 3]]]
    query, key, value = (torch.tensor(row, dtype=numbers) for row in rows)
    old = torch.tensor([[[1, 0, 0, 0]]], dtype=numbers), torch.tensor([[[5, 1]]], dtype=numbers)
    cases = [Case("a second letter", (query, key, value, old))]
    for seed, (b, t, k, w) in enumerate(((1, 3, 8, 8), (3, 5, 16, 4), (2, 0, 4, 6))):
        draw = Draw(180 + seed)
        new = draw.normal(b, 1, k), draw.normal(b, 1, k), draw.normal(b, 1, w)
        cases.append(
            Case(f"{t} letters before", (*new, (draw.normal(b, t, k), draw.normal(b, t, w))))
        )
    return cases


CACHE = Exercise(
    name="transformer.cache",
    minutes=10,
    difficulty=2,
    answer=remember,
    course=(MultiHeadAttention,),
    cases=_cache_cases,
    notice=(
        "Notice that no mask was needed: what is still to be written is not in the cache. And that"
        " the cache is all that grows with the word."
    ),
    slipped=_remember,
    mistakes=table("""
        before: the new letter does not see itself
            Was its own key in the cache when it looked?
        oldest: only the oldest letter is seen
            With one query and many keys, at which key does the mask think the query stands?
        alone: the cache is not read
            How many keys can the new letter look at?
        keys width: root of another number
            k is the number of coordinates of a query. Which axis did you take it from?
        old: nothing is remembered
            Your output is right. What will the next letter find in the cache?
        new: all but the new letter forgotten
            The next letter looks at all letters so far. Which ones does your cache still hold?
        asked: keys forgotten, values kept
            Key and value of a letter belong together. Which of the two did you keep?
        queries asking: queries kept, not keys
            Do old letters ask again, or are they asked?
        added: added to the old letters
            + adds numbers. How many letters are in the cache afterwards?
        road: its own value added on top
            The road around attention is the layer's. What does attention itself give?
        front: the new letter in front
            The output is the same, but where is the newest letter expected next time?
        none: √k forgotten
            How large is a typical score when k is 256?
        k: divided by k, not by √k
            The variance of a score grows like k. How does its typical size grow?
        scores: no softmax
            What must the weights of the new letter sum to?
        axis: softmax over the queries
            There is one query. Over what should its weights sum to 1?
        turned: keys and values exchanged in the cache
            In which order did you get the two?
    """),
    parts=("the output", "the cache"),
)
