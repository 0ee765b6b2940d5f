"""What is lost when Mamba is made to forget: states that lose, at one token, all that is older."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from nmt.batches import LengthBuckets
from nmt.data import VOCABULARY, WordPair
from nmt.decoding import evaluating
from nmt.interventions import replace_choices
from nmt.mamba import Mamba, MambaCache
from nmt.selective_ssm import SSMTrace


def accuracy_without_the_past(
    model: Mamba,
    pairs: Sequence[WordPair],
    token: str = "<EOS>",
    layers: Sequence[int] | None = None,
    *,
    after: bool = False,
    resample: bool = False,
) -> float:
    """Word accuracy when states lose, at each `token` of the source, what was written before it.

        before it is read:  h ← h′
        after it is read:   h ← h − Ā (h_before − h′),   h′ = 0, or another word's state

    Emptied *before* `token` is read, nothing older can be passed on by it either. *After*, it has
    been read with the whole memory, and what the layer wrote there stays: the form that tests
    whether the word is packed at `token`. The convolution still hands on the last k − 1 tokens, and
    layers that are not named still remember.

    Args:
        pairs: at least one word pair.
        token: `<EOS>`, the dash or a letter.
        layers: their numbers, from 0; None takes all.
        after: take the past out behind `token` instead of before it.
        resample: put the memory of another word of the same lengths in its place, instead of
            nothing: a state such as the model knows. Words without such a partner are not counted.
    """
    names = list(model.ssm_layers())
    chosen = list(range(len(names))) if layers is None else list(layers)
    right, asked = 0, 0
    with evaluating(model):
        for batch in LengthBuckets(pairs, 512, shuffle=False).epoch(0):
            if resample and len(batch.source) < 2:
                continue
            batch = batch.to(next(model.parameters()).device)
            cache = _read_without_past(model, batch.source, token, chosen, after, resample)
            logits, _ = model.read_on(batch.target[:, :-1], cache)
            right += int((logits.argmax(dim=-1) == batch.target[:, 1:]).all(dim=1).sum())
            asked += len(batch.source)
    return right / asked


def _read_without_past(
    model: Mamba, source: Int[Tensor, "b s"], token: str, layers: Sequence[int],
    after: bool, resample: bool,
) -> MambaCache:  # fmt: skip
    """The source read token by token; at `token` the states of `layers` lose their past."""
    decays: list[Tensor] = []

    def keep(choice: SSMTrace) -> SSMTrace:
        decays.append(choice.decay[:, 0])
        return choice

    loses = source == VOCABULARY.tokens.index(token)
    begin = max(1, int(loses.any(dim=0).long().argmax()))  # nothing to forget before the first
    cache = model.start(source[:, :begin])
    with replace_choices(model, dict.fromkeys(model.ssm_layers(), keep)):
        for place in range(begin, source.shape[1]):
            past = [block.state for block in cache.blocks]
            other = [state.roll(1, 0) if resample else torch.zeros_like(state) for state in past]
            rows = loses[:, place, None, None]
            if not after:
                cache = _with_states(cache, rows, layers, other)
            decays.clear()
            _, cache = model.step(source[:, place], cache)
            if after:
                left = [
                    block.state - decay * (own - new)
                    for block, decay, own, new in zip(cache.blocks, decays, past, other)
                ]
                cache = _with_states(cache, rows, layers, left)
    return cache


def _with_states(
    cache: MambaCache, rows: Bool[Tensor, "b 1 1"], layers: Sequence[int], states: Sequence[Tensor]
) -> MambaCache:
    """The same cache; the chosen words and layers have other states."""
    blocks = [
        replace(block, state=torch.where(rows, state, block.state)) if layer in layers else block
        for layer, (block, state) in enumerate(zip(cache.blocks, states))
    ]
    return replace(cache, blocks=tuple(blocks))
