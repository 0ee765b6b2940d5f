"""How long Mamba's states remember: what is left of each letter, where states forget, and what is
lost when they are made to lose, at one token, all that is older.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from nmt.batches import LengthBuckets
from nmt.data import VOCABULARY, WordPair
from nmt.decoding import evaluating
from nmt.interventions import replace_choices
from nmt.mamba import Mamba, MambaCache
from nmt.selective_ssm import SSMTrace
from nmt.trace import MambaTrace

STEPS = 4  # tokens: the one asked about and three after it; every answer has as many after <EOS>


def letter_weights(trace: MambaTrace, at: int | None = None) -> Float[Tensor, "layers l e"]:
    """What is left, at place `at`, of what each letter wrote into each channel: the mean of |w_t|
    over the channel's states.

        w_t = |Ā_{t+1} · … · Ā_at|,  0 for t > at;  with an exponential rule
        w_t = exp(−Σ_{t < τ ≤ at} Δ_τ |A|)

    Args:
        at: a place in the sequence, from 0; None takes the last.
    """
    clock, rates = _clock(trace)
    length = clock.shape[1] - 1
    at = length - 1 if at is None else at
    weights = torch.zeros_like(trace.delta)
    weights[:, : at + 1] = _left(clock[:, at + 1, None] - clock[:, 1 : at + 2], rates)
    return weights


def sorted_channels(trace: MambaTrace) -> list[list[int]]:
    """For each layer its channels, by what is left of the first token at the end; least first."""
    return letter_weights(trace)[:, 0].argsort(dim=1, stable=True).tolist()


@dataclass(frozen=True, eq=False)
class Survival:
    """How much of what stood in a channel is left `steps` tokens later: where they begin with a
    given token, and elsewhere.

    Means over windows and a channel's states; `windows` counts those that begin with the token.
    """

    token: str
    steps: int
    windows: int
    at_token: Float[Tensor, "layers e"] = field(repr=False)
    elsewhere: Float[Tensor, "layers e"] = field(repr=False)

    @property
    def reset(self) -> list[float]:
        """For each layer the share of channels that keep less than half as much as elsewhere."""
        return (self.at_token < 0.5 * self.elsewhere).double().mean(dim=1).tolist()


@dataclass(frozen=True, eq=False)
class MemoryStatistics:
    """What the states of a model keep, over many words.

    `half_life`: letters until half is left of a state, at its mean rate, ln 2 / mean(−ln |Ā|).
    `left`: what is left of the source's letters when the last letter of the answer has been read,
    the mean over letters, then over words.
    """

    half_life: Float[Tensor, "layers e n"] = field(repr=False)
    left: Float[Tensor, "layers e"] = field(repr=False)
    survival: Mapping[str, Survival]

    @property
    def vanished(self) -> list[float]:
        """For each layer the share of channels that keep less than a twentieth of the letters."""
        return (self.left < 0.05).double().mean(dim=1).tolist()


def measure_memory(
    traces: Sequence[MambaTrace], tokens: Sequence[str] = ("<EOS>", "-"), steps: int = STEPS
) -> MemoryStatistics:
    """Add up over many words where states forget and what they keep.

    A window is `steps` tokens in a row; a state keeps |Ā| of the first times … times |Ā| of the
    last. Windows "at" a token begin with it, in the source. Windows elsewhere hold it nowhere.

    Args:
        traces: at least one.
        tokens: `<EOS>`, the dash or letters.
        steps: how long a window is, at least 1.
    """
    nothing = torch.zeros(())
    rate, length, left = nothing, 0, nothing
    sums = {token: [nothing, nothing] for token in tokens}  # at the token, elsewhere
    counts = {token: [0, 0] for token in tokens}
    for trace in traces:
        clock, rates = _clock(trace)
        rate, length = rate + clock[:, -1:] * rates, length + clock.shape[1] - 1
        left = left + _left(clock[:, -1:] - clock[:, 1 : len(trace.source)], rates).mean(dim=1)
        kept = _left(clock[:, steps:] - clock[:, :-steps], rates)  # (layers, windows, e)
        read = trace.source + trace.target
        for token in tokens:
            for which, chosen in enumerate(_windows(read, token, steps, len(trace.source))):
                sums[token][which] = sums[token][which] + kept[:, chosen].sum(dim=1)
                counts[token][which] += len(chosen)
    states = next(iter(traces[0].ssm.values())).A.shape[1]
    half_life = math.log(2) / -(rate[:, 0].double() / length)
    survival = {}
    for token in tokens:
        means = [total.double() / count for total, count in zip(sums[token], counts[token])]
        survival[token] = Survival(token, steps, counts[token][0], *means)
    half_life = half_life.expand(*half_life.shape[:2], states)
    return MemoryStatistics(half_life, left.double() / len(traces), survival)


def _windows(
    read: Sequence[str], token: str, steps: int, source: int
) -> tuple[list[int], list[int]]:
    """Where windows of `steps` tokens begin: with the token, in the source; and without it."""
    places = range(len(read) - steps + 1)
    at = [place for place in places if place < source and read[place] == token]
    return at, [place for place in places if token not in read[place : place + steps]]


def _clock(
    trace: MambaTrace,
) -> tuple[Float[Tensor, "layers t e m"], Float[Tensor, "layers 1 e n"]]:
    """A clock and rates, so that of what stood in a state at place s, exp(rates · (clock at t −
    clock at s)) is left at place t.

    Row t of the clock, from 0 to l, is the sum over all tokens before t. With an exponential rule
    the clock adds up Δ, one for each channel (m = 1), and the rates are A, once where all states of
    a channel share it. With another it adds up ln |Ā| of each state, at rate 1.
    """
    layers = list(trace.ssm.values())
    if all(layer.discretization in ("mixed", "zoh") for layer in layers):
        rates = torch.stack([layer.A for layer in layers])[:, None]
        rates = rates[..., :1] if bool((rates == rates[..., :1]).all()) else rates
        ticks = trace.delta[..., None]
    else:
        ticks = torch.stack([layer.decay[0].abs().clamp(min=1e-30).log() for layer in layers])
        rates = torch.ones_like(ticks[:, :1])
    return torch.cat((torch.zeros_like(ticks[:, :1]), ticks.cumsum(dim=1)), dim=1), rates


def _left(
    passed: Float[Tensor, "layers t e m"], rates: Float[Tensor, "layers 1 e n"]
) -> Float[Tensor, "layers t e"]:
    """What is left of a channel, the mean over its states, after `passed` on its clock."""
    return (passed * rates).exp().mean(dim=-1)


def shares_before_the_end(trace: MambaTrace) -> dict[str, list[float]]:
    """While the answer is written: how much of what a layer can read was written before `<EOS>`,
    layer by layer.

    Shares among all tokens read so far, averaged over the tokens of the answer. "even": if each
    counted alike. "decay": by what is left of each in the states, all channels added. "hidden
    attention": by |α|, which also asks what B wrote and C reads.
    """
    letters, length = len(trace.word), len(trace.source)
    clock, rates = _clock(trace)
    clock = clock[:, 1:]  # after each token
    places = range(length, clock.shape[1])
    decay = []
    for place in places:
        left = _left(clock[:, place, None] - clock[:, : place + 1], rates)
        weights = left.sum(dim=2)  # (layers, tokens)
        decay.append(weights[:, :letters].sum(dim=1) / weights.sum(dim=1))
    even = sum(letters / (place + 1) for place in places) / len(places)
    hidden = trace.attention("cross", 1)[:, 0, :, :letters].sum(dim=-1).mean(dim=-1)
    return {
        "even": [even] * len(clock),
        "decay": torch.stack(decay).mean(dim=0).tolist(),
        "hidden attention": hidden.tolist(),
    }


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
