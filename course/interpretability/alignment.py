"""Does attention fall on the letter that is copied? Every copied letter has one known source, so a
map can be scored.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from nmt.batches import rows_alike
from nmt.hidden_attention import hidden_attention
from nmt.pig_latin import RULE_CLASSES, align, rule_class
from nmt.selective_ssm import SSMTrace
from nmt.trace import MambaTrace, Trace

# For each query of a word the key that it should look at; None where nothing is asked.
Places = Sequence[int | None]
# For each word who looks at whom: queries by keys.
Patterns = Sequence[Float[Tensor, "layers h _ _"]]
_class_of = lru_cache(maxsize=30_000)(rule_class)  # asked again for each of many measurements
SIDE_BY_SIDE = 16  # words whose hidden attention is computed together


@dataclass(frozen=True, eq=False)
class Score:
    """How well each head looks at the places that were named, over all words.

    `share`: of the queries, those whose largest weight lies on the named key. `weight`: what the
    named key gets on average. `chance`: what both would be if every key a query may look at were
    alike. `queries`: how many were asked.
    """

    share: Float[Tensor, "layers h"]
    weight: Float[Tensor, "layers h"]
    chance: float
    queries: int

    def best(self) -> tuple[int, int]:
        """Layer and number of the head with the largest mean weight on the named keys."""
        layer, head = divmod(int(self.weight.argmax()), self.weight.shape[1])
        return layer, head


def score_looks(patterns: Patterns, places: Sequence[Places], *, causal: bool = False) -> Score:
    """Score each head: how often and how strongly does it look where it should?

        share  = mean over queries of [argmax_s w_{q,s} = place_q]
        weight = mean over queries of w_{q, place_q}

    Args:
        patterns: for each word the weights of all layers and heads.
        places: for each word and query the key to look at; None leaves the query out. A key outside
            the word counts as missed.
        causal: whether query q may see only the keys 0 … q, which decides `chance`.
    """
    share = weight = torch.zeros(patterns[0].shape[:2] if patterns else (0, 0), dtype=torch.float64)
    chance, queries = 0.0, 0
    for pattern, wanted in zip(patterns, places, strict=True):
        keys = pattern.shape[-1]
        asked = [(query, key) for query, key in enumerate(wanted) if key is not None]
        queries += len(asked)
        inside = [(query, key) for query, key in asked if 0 <= key < keys]
        chance += sum(1 / (min(query + 1, keys) if causal else keys) for query, _ in inside)
        if inside:
            at, to = torch.tensor(inside).T
            share = share + (pattern[:, :, at].argmax(dim=-1) == to).sum(dim=-1)
            weight = weight + pattern[:, :, at, to].double().sum(dim=-1)
    return Score(share / queries, weight / queries, chance / queries, queries)


def cross_patterns(traces: Sequence[Trace]) -> list[Float[Tensor, "_ _ _ _"]]:
    """For each word who, of the letters written, looks at whom of those read, from either model.

    Of a transformer the cross-attention of every head. Of Mamba the hidden attention of each layer,
    all channels together (one "head"): Σ_c |α_{c,t,s}| over the source, divided by the same sum
    over everything read so far, as in `MambaTrace.attention(…, groups=1)`.
    """
    found: list[Any] = [None] * len(traces)
    shapes = [(type(one).__name__, len(one.source), len(one.target)) for one in traces]
    for rows in rows_alike(shapes, SIDE_BY_SIDE):
        alike = [traces[row] for row in rows]
        for row, pattern in zip(rows, _cross_patterns(alike)):
            found[row] = pattern
    return found


def _cross_patterns(alike: Sequence[Trace]) -> Iterable[Float[Tensor, "_ _ _ _"]]:
    """`cross_patterns` of traces of one model and shape."""
    states = [one.ssm for one in alike if isinstance(one, MambaTrace)]
    if not states:
        return [one.attention("cross") for one in alike]
    layers = [_strength([one[name] for one in states]) for name in states[0]]
    strength, length = torch.stack(layers, dim=1), len(alike[0].source)
    whole = strength.sum(dim=-1, keepdim=True).clamp(min=torch.finfo(strength.dtype).tiny)
    return (strength / whole)[:, :, None, length:, :length]


def _strength(words: Sequence[SSMTrace]) -> Float[Tensor, "b l l"]:
    """Σ_c |α_c| of one layer, for words of one length."""
    joined: dict[str, Any] = {
        name: torch.cat([getattr(word, name) for word in words])
        for name in ("x", "delta", "B", "C")
    }
    return hidden_attention(replace(words[0], **joined)).abs().sum(dim=1)


def true_places(word: str, shift: int = 0) -> list[int | None]:
    """For each letter of the answer the source letter that it copies, or the letter `shift` places
    behind that one.

    Queries that copy nothing, such as those of "ay", have None.
    """
    return [None if place is None else place + shift for place in align(word)]


def shuffled_places(word: str, seed: int = 0) -> list[int | None]:
    """A control: the true places of the word, dealt out to its copied letters at random."""
    truth = align(word)
    copied = [place for place in truth if place is not None]
    random.Random(f"{word}, {seed}").shuffle(copied)
    return [None if place is None else copied.pop() for place in truth]


def alignment_score(patterns: Patterns, words: Sequence[str], shift: int = 0) -> Score:
    """The alignment accuracy of every head: how often its largest weight is on the true source of
    the letter that is written.

    Args:
        patterns: of `cross_patterns`, for traces with the truth (`trace(model, words,
            truth=True)`).
        words: the same words.
        shift: score as if heads had to look so many letters further right: information may have
            moved there.
    """
    return score_looks(patterns, [true_places(word, shift) for word in words])


def places_without_reading(known: Sequence[str], words: Sequence[str]) -> list[list[int | None]]:
    """Where a head would look that knows the word's length and how much is written, but no letter:
    the usual place among `known` words.

    None where nothing is copied; the letter with the same number where no known word is as long.
    """
    usual: dict[tuple[int, int], Counter[int]] = defaultdict(Counter)
    for word in known:
        for query, place in enumerate(align(word)):
            if place is not None:
                usual[len(word), query][place] += 1

    def guess(length: int, query: int) -> int:
        counts = usual[length, query]
        return max(counts, key=counts.__getitem__, default=query)

    def asked(word: str) -> list[int | None]:
        truth = enumerate(align(word))
        return [None if true is None else guess(len(word), query) for query, true in truth]

    return [asked(word) for word in words]


def agreement(places: Sequence[Places], words: Sequence[str]) -> float:
    """The share of copied letters for which `places` names the true source."""
    pairs = [
        (got, true)
        for word, row in zip(words, places)
        for got, true in zip(row, align(word))
        if true is not None
    ]
    return sum(got == true for got, true in pairs) / len(pairs)


def rows_by_rule_class(words: Sequence[str]) -> dict[str, list[int]]:
    """The rows of the words of each rule class, in the order of `RULE_CLASSES`, without classes
    that have none.
    """
    rows: dict[str, list[int]] = {name: [] for name in RULE_CLASSES}
    for row, word in enumerate(words):
        rows[_class_of(word)].append(row)
    return {name: own for name, own in rows.items() if own}
