"""Activation patching in the decoder: what a head or a feed-forward layer writes, at the one place
where two words want different letters (see `course.interpretability.patching`).
"""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from course.interpretability.ablation import recorded, teacher_batches
from course.interpretability.patching import CHUNK, Pair
from nmt.batches import rows_alike
from nmt.data import VOCABULARY
from nmt.decoding import evaluating
from nmt.pig_latin import align
from nmt.transformer import Transformer

# A part: the module, whether its input or its output is patched, and which coordinates.
Part = tuple[str, bool, slice]


def decoder_parts(model: Transformer) -> dict[str, Part]:
    """By name: self-attention of each decoder layer, its cross-attention as a whole and head by
    head, its feed-forward layer.
    """
    parts: dict[str, Part] = {}
    size = model.config.hidden_size // model.config.num_heads
    for layer in range(model.config.decoder_layers):
        for kind in ("self", "cross"):
            module = f"decoder.{layer}.{kind}_attention.to_output"
            parts[f"{kind} {layer}"] = module, True, slice(None)
            if kind == "cross":
                for head in range(model.config.num_heads):
                    own = slice(head * size, (head + 1) * size)
                    parts[f"cross {layer}, head {head}"] = module, True, own
        parts[f"feed-forward {layer}"] = f"decoder.{layer}.mlp", False, slice(None)
    return parts


def patch_decoder(model: Transformer, pairs: Sequence[Pair]) -> dict[str, Float[Tensor, " pairs"]]:
    """For each part of the decoder and each pair, how far the letter goes from that of `word` to
    that of `other`, if the part writes there what it writes for `other`.

        moved = (d_patched − d_word) / (d_other − d_word)
        d = logit of the letter of `other` − logit of the letter of `word`

    What follows the part works on with what it wrote: a total effect, so shares need not add up.

    Args:
        pairs: of `course.interpretability.patching.minimal_pairs`.
    """
    parts = decoder_parts(model)
    moved = {name: torch.zeros(len(pairs)) for name in parts}
    shapes = [(len(pair.word), len(align(pair.word))) for pair in pairs]
    with evaluating(model):
        for rows in rows_alike(shapes, CHUNK):
            chosen = [pairs[row] for row in rows]
            for name, values in _patch(model, chosen, parts).items():
                moved[name][rows] = values
    return moved


def _patch(
    model: Transformer, pairs: Sequence[Pair], parts: dict[str, Part]
) -> dict[str, Float[Tensor, " b"]]:
    """Pairs of one shape."""
    ((_, source, target),) = teacher_batches([pair.word for pair in pairs])
    ((_, theirs, _),) = teacher_batches([pair.other for pair in pairs])
    at = torch.arange(len(pairs)), torch.tensor([align(p.word).index(p.place) for p in pairs])
    letters = [VOCABULARY.encode(p.word[p.place] + p.other[p.place]) for p in pairs]
    mine, wanted = torch.tensor(letters).T

    def distance(source: Tensor) -> Tensor:
        logits = model(source, target[:, :-1])[at]  # (b, v)
        return (logits.gather(1, wanted[:, None]) - logits.gather(1, mine[:, None]))[:, 0]

    with recorded(model, [module for module, _, _ in parts.values()]) as seen:
        after = distance(theirs)
    before, moved = distance(source), {}
    for name, part in parts.items():
        ((read, written),) = seen[part[0]]
        with ExitStack() as stack:
            stack.callback(_put(model, part, read if part[1] else written, at).remove)
            moved[name] = (distance(source) - before) / (after - before)
    return moved


def _put(model: Transformer, part: Part, values: Tensor, at: tuple[Tensor, Tensor]) -> Any:
    name, reads, columns = part

    def mixed(own: Tensor) -> Tensor:
        own = own.clone()  # (b, t, d)
        rows = own[at]
        rows[:, columns] = values[at][:, columns]
        own[at] = rows
        return own

    module = model.get_submodule(name)
    if reads:
        return module.register_forward_pre_hook(lambda _module, inputs: (mixed(inputs[0]),))
    return module.register_forward_hook(lambda _module, _inputs, output: mixed(output))
