"""What is each head for? Roles, the score of each head for each, and whether seeds agree."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from course.interpretability.alignment import Patterns, Score, score_looks, true_places
from nmt.pig_latin import align
from nmt.trace import KINDS, Trace

# For each query the key that a head of this role looks at; None where the role says nothing.
Role = Callable[[Trace], list[int | None]]
STRONG, WEAK = 0.5, 0.3  # mean weights from which a role is called a head's work, or its leaning


def previous_letter_score(pattern: Float[Tensor, "*batch q q"]) -> Float[Tensor, "*batch"]:
    """How much each token looks at the one before it, on average:  1/(q − 1) Σ_{i ≥ 1} w_{i, i−1}.

    Args:
        pattern: the weights of one or more self-attention heads.

    Returns:
        A number between 0 and 1 for each head.

    Raises:
        ValueError: for a single token, which has none before it, or a pattern that is not square.
    """
    if pattern.shape[-1] != pattern.shape[-2]:
        raise ValueError(
            f"tokens look at the same tokens in self-attention; a pattern of {pattern.shape[-2]} by"
            f" {pattern.shape[-1]} is not"
        )
    if pattern.shape[-1] < 2:
        raise ValueError("a single token has none before it; give two tokens or more")
    return pattern.diagonal(offset=-1, dim1=-2, dim2=-1).mean(dim=-1)


def _beside(offset: int) -> Role:
    """Look `offset` tokens to the right, in self-attention."""

    def role(trace: Trace) -> list[int | None]:
        length = len(trace.source)
        return [query + offset if 0 <= query + offset < length else None for query in range(length)]

    return role


def _back(offset: int) -> Role:
    """Look `offset` tokens back at what was written."""
    return lambda trace: [
        query - offset if query >= offset else None for query in range(len(trace.target))
    ]


def _fixed(place: Callable[[Trace], int], cross: bool = False) -> Role:
    """All look at one token, asked of those for which it is not themselves, nor a neighbour, nor
    what they copy.
    """

    def role(trace: Trace) -> list[int | None]:
        key = place(trace)
        if cross:
            truth = [*align(trace.word), None]
            return [key if true != key else None for true in truth]
        return [key if abs(query - key) > 1 else None for query in range(len(trace.source))]

    return role


def first_vowel(word: str) -> int:
    """The place of the letter that the rule writes first: the first vowel, where there is one."""
    return next(place for place in align(word) if place is not None)


def _to_first_vowel(trace: Trace) -> list[int | None]:
    """At `<SOS>`, for words that do not begin with the letter that is written first."""
    place = first_vowel(trace.word)
    return [place if place else None]


def _when_nothing_is_copied(trace: Trace) -> list[int | None]:
    return [len(trace.word) if place is None else None for place in [*align(trace.word), None]]


# Traces must hold the true answers, for cross-attention's roles ask `align` which letter is copied.
ROLES: Mapping[str, Mapping[str, Role]] = {
    "encoder": {
        "previous letter": _beside(-1),
        "itself": _beside(0),
        "next letter": _beside(1),
        "begin of word": _fixed(lambda trace: 0),
        "first vowel": _fixed(lambda trace: first_vowel(trace.word)),
        "end of word": _fixed(lambda trace: len(trace.word)),
    },
    "decoder": {
        "previous letter": _back(1),
        "itself": _back(0),
        "two back": _back(2),
        "begin (<SOS>)": lambda trace: [
            0 if query > 1 else None for query in range(len(trace.target))
        ],
    },
    "cross": {
        "copied letter": lambda trace: true_places(trace.word),
        "one before it": lambda trace: true_places(trace.word, -1),
        "one behind it": lambda trace: true_places(trace.word, 1),
        "first vowel, at <SOS>": _to_first_vowel,
        "first vowel, later": _fixed(lambda trace: first_vowel(trace.word), cross=True),
        "begin of word": _fixed(lambda trace: 0, cross=True),
        "<EOS>, nothing to copy": _when_nothing_is_copied,
    },
}
OF_ONE_WORD = {  # what a reading of one word says; roles of single queries say too little about it
    "previous letter": "looks at the letter before",
    "itself": "looks at the letter itself",
    "next letter": "looks at the letter behind",
    "two back": "looks two letters back",
    "begin of word": "looks at the first letter",
    "begin (<SOS>)": "looks at <SOS>",
    "first vowel": "looks at the first vowel",
    "end of word": "looks at <EOS>",
    "copied letter": "looks at the letter that is copied",
    "one before it": "looks one letter before the one that is copied",
    "one behind it": "looks one letter behind the one that is copied",
    "first vowel, later": "looks at the first vowel all the time",
}


def score_heads(traces: Sequence[Trace], kind: str) -> dict[str, Score]:
    """For each role of this kind of attention the scores of all heads, with the chance level.

    Args:
        traces: of a transformer, with the truth.
        kind: "encoder", "decoder" or "cross".

    Raises:
        ValueError: for an unknown kind.
    """
    roles = _roles(kind)
    patterns = [trace.attention(kind) for trace in traces]
    return {
        name: score_looks(patterns, [role(trace) for trace in traces], causal=kind == "decoder")
        for name, role in roles.items()
    }


def _roles(kind: str) -> Mapping[str, Role]:
    if kind not in ROLES:
        raise ValueError(f"unknown kind of attention {kind!r}; choose one of {', '.join(KINDS)}")
    return ROLES[kind]


def describe_head(trace: Trace, kind: str, layer: int, head: int) -> str:
    """Say in words what one head does with one word, such as "looks at the letter before (93 %)".

    The role with the largest mean weight names the head, if that is at least a half; from 0.3 on it
    is called a leaning; below, the head is called diffuse, with the mean of its largest weights.

    Args:
        trace: of a transformer; for cross-attention with the right answer.
    """
    roles = _roles(kind)
    weights = trace.attention(kind)
    scores: dict[str, float] = {}
    for name, role in roles.items():
        asked = [
            (query, key)
            for query, key in enumerate(role(trace))
            if key is not None and 0 <= key < weights.shape[-1]
        ]
        if name in OF_ONE_WORD and asked:
            at, to = torch.tensor(asked).T
            scores[name] = weights[layer, head, at, to].mean().item()
    name = max(scores, key=scores.__getitem__)
    if scores[name] >= WEAK:
        leaning = "" if scores[name] >= STRONG else "leans: "
        return f"{leaning}{OF_ONE_WORD[name]} ({scores[name]:.0%})"
    largest = weights[layer, head].amax(dim=-1).mean()
    return f"diffuse (its largest weight is {largest:.0%} on average)"


def describe_heads(trace: Trace, kind: str) -> str:
    """`describe_head` for every head of one kind, a line each."""
    layers, heads = trace.attention(kind).shape[:2]
    return "\n".join(
        f"{kind} layer {layer} head {head}: {describe_head(trace, kind, layer, head)}"
        for layer in range(layers)
        for head in range(heads)
    )


def overlap(first: Patterns, second: Patterns) -> Float[Tensor, "layers h h"]:
    """How alike two models' heads look, layer by layer, head by head: the share of weight that two
    heads give to the same keys.

        overlap_{ij} = mean over queries of Σ_s min(w^i_{q,s}, w^j_{q,s})

    1: the same pattern; 0: no key in common.

    Args:
        first, second: for the same words, the weights of each model; the layers and heads of
            `first` stand in rows.
    """
    shared = [
        torch.minimum(one[:, :, None], other[:, None]).double().sum(dim=(-2, -1))
        for one, other in zip(first, second, strict=True)
    ]
    return sum(shared, torch.tensor(0.0)) / sum(one.shape[-2] for one in first)


@dataclass(frozen=True, eq=False)
class Matching:
    """The heads of a second model in the order of the first model's: `order[layer][head]`, and how
    alike they look, layer by layer.

    `matched`: mean overlap of the matched heads; `random`: that of all pairings, so what matching
    at random would give.
    """

    order: list[list[int]]
    matched: list[float]
    random: list[float]


def match_heads(first: Patterns, second: Patterns) -> Matching:
    """Pair the heads of two models within each layer so that they look alike, and say how alike.

    Pairs are chosen on every other word and measured on the rest, so that a pairing is not praised
    for noise that it was chosen for.

    Source of the pairing: the linear sum assignment, by `scipy.optimize.linear_sum_assignment`.
    """
    from scipy.optimize import linear_sum_assignment  # late: most of a second

    chosen_on = overlap(first[::2], second[::2]).numpy()
    measured_on = overlap(first[1::2], second[1::2]).numpy()
    order = [linear_sum_assignment(layer, maximize=True)[1].tolist() for layer in chosen_on]
    heads = np.arange(chosen_on.shape[1])
    matched = [float(layer[heads, own].mean()) for layer, own in zip(measured_on, order)]
    return Matching(order, matched, [float(layer.mean()) for layer in measured_on])
