"""Activation patching: give one word the vectors of another, and see where in the model a letter is
kept.

Two words that differ in one letter, brown and crown, are spelled alike but for that letter. While
the model spells *brown*, one vector (one layer, one position) is replaced by the vector from
*crown*. If it now writes c, the letter was in that vector.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from course.interpretability.ablation import recorded, teacher_batches
from nmt.batches import rows_alike
from nmt.data import VOCABULARY
from nmt.decoding import evaluating
from nmt.interventions import replace_patterns, replace_vectors
from nmt.pig_latin import align
from nmt.transformer import Transformer

CHUNK = 40  # pairs patched side by side


@dataclass(frozen=True)
class Pair:
    """Two words that differ at one `place` only, spelled in the same order: brown and crown."""

    word: str
    other: str
    place: int


@dataclass(frozen=True, eq=False)
class Patched:
    """What patching did to one pair, for each layer (rows) and source position (columns, `<EOS>`
    last).

    `letter`: how far the answer went from the letter of `word` to that of `other`, 0 to 1, where
    that letter is written. `finding`: how much cross-attention in the last layer the next letter
    lost, when the model had to find it after the changed letter; None where the next letter written
    is not the next one of the word. In units of attention weight, mean over heads.
    """

    pair: Pair
    layers: tuple[str, ...]
    letter: Float[Tensor, "layers s"]
    finding: Float[Tensor, "layers s"] | None


def minimal_pairs(words: Sequence[str], others: Sequence[str] | None = None) -> list[Pair]:
    """Pairs of a word and another of `others` (or of `words`, each once) that differ in one letter
    and are spelled in one order.
    """
    by_gap: dict[tuple[int, str, str], list[str]] = defaultdict(list)
    for word in others if others is not None else words:
        for place in range(len(word)):
            by_gap[place, word[:place], word[place + 1 :]].append(word)
    pairs = []
    for word in words:
        for place in range(len(word)):
            for other in by_gap[place, word[:place], word[place + 1 :]]:
                if (other != word if others is not None else other > word) and align(
                    other
                ) == align(word):
                    pairs.append(Pair(word, other, place))
    return pairs


def patch_pairs(model: Transformer, pairs: Sequence[Pair]) -> list[Patched]:
    """Patch every layer and position of the encoder, one at a time, in every pair.

        letter = (d_patched − d_word) / (d_other − d_word)
        d = logit of the letter of `other` − logit of the letter of `word`

    Args:
        pairs: of `minimal_pairs`.

    Source: Meng et al. 2022, arXiv 2202.05262, §2.1; in both directions and as a share: Wang et al.
    2022, arXiv 2211.00593, §3.
    """
    found: dict[int, Patched] = {}
    shapes = [(len(pair.word), len(align(pair.word))) for pair in pairs]
    with evaluating(model):
        for rows in rows_alike(shapes, CHUNK):
            found.update(zip(rows, _patch(model, [pairs[row] for row in rows])))
    return [found[row] for row in range(len(pairs))]


def _patch(model: Transformer, pairs: Sequence[Pair]) -> list[Patched]:
    """Pairs of one shape. Each word is repeated once for each position that is patched."""
    layers = ("embedding", *(f"encoder.{layer}" for layer in range(model.config.encoder_layers)))
    ((_, source, target),) = teacher_batches([pair.word for pair in pairs])
    ((_, theirs, _),) = teacher_batches([pair.other for pair in pairs])
    target, positions = target[:, :-1], source.shape[1]
    clean, clean_cross = _run(model, source, target)
    with recorded(model, layers) as seen:
        wished, _ = _run(model, theirs, target)
    rows = torch.arange(len(pairs)).repeat_interleave(positions)
    columns = torch.arange(positions).repeat(len(pairs))
    patched = []
    for layer in layers:

        def put(own: Tensor, new: Tensor = seen[layer][0][1]) -> Tensor:
            own = own.clone()
            own[torch.arange(len(rows)), columns] = new[rows, columns]
            return own

        logits, cross = _run(model, source[rows], target[rows], {layer: _first_call(put)})
        patched.append((logits.unflatten(0, (-1, positions)), cross.unflatten(0, (-1, positions))))
    results = []
    for number, pair in enumerate(pairs):
        order = align(pair.word)
        query, key = order.index(pair.place), pair.place + 1  # where the letter and the next stand
        mine, other = VOCABULARY.encode(pair.word[pair.place] + pair.other[pair.place])
        before, after = (
            (logits[number, query, other] - logits[number, query, mine]).item()
            for logits in (clean, wished)
        )
        moved = [
            logits[number, :, query, other] - logits[number, :, query, mine]
            for logits, _ in patched
        ]
        letter = (torch.stack(moved) - before) / (after - before)
        finding = None
        if query + 1 < len(order) and order[query + 1] == key:
            looks = [cross[number, :, query + 1, key] for _, cross in patched]
            finding = clean_cross[number, query + 1, key] - torch.stack(looks)
        results.append(Patched(pair, layers, letter, finding))
    return results


def _first_call(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Change the first call only: one module embeds the source, and then the target."""
    calls: list[int] = []

    def once(vectors: Tensor) -> Tensor:
        calls.append(1)
        return function(vectors) if len(calls) == 1 else vectors

    return once


def _run(
    model: Transformer,
    source: Tensor,
    target: Tensor,
    change: Mapping[str, Callable[[Tensor], Tensor]] = {},
) -> tuple[Float[Tensor, "b t v"], Float[Tensor, "b t s"]]:
    """Logits, and the last layer's cross-attention (mean over heads), with changed vectors."""
    cross: list[Tensor] = []
    last = f"decoder.{model.config.decoder_layers - 1}.cross_attention"

    def look(weights: Tensor) -> Tensor:
        cross.append(weights.mean(dim=1))
        return weights

    with replace_vectors(model, change), replace_patterns(model, {last: look}):
        logits = model(source, target)
    return logits, cross[0]


def around_the_letter(
    patched: Sequence[Patched], offsets: Sequence[int], what: str = "letter"
) -> Float[Tensor, "layers offsets"]:
    """The mean effect over many pairs, by distance from the letter in which they differ. Positions
    outside a word are left out.

    Args:
        patched: of `patch_pairs`.
        offsets: 0 is the letter itself, 1 the position behind it.
        what: "letter" or "finding".
    """
    columns = []
    for offset in offsets:
        values = [
            table[:, one.pair.place + offset]
            for one in patched
            if (table := getattr(one, what)) is not None
            and 0 <= one.pair.place + offset < table.shape[1]
        ]
        columns.append(torch.stack(values).mean(dim=0))
    return torch.stack(columns, dim=1)
