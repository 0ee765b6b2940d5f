"""How long Mamba's states remember: what is left of each letter, and where states forget."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

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
