"""What each frequency of rotary positions is good for: what a model loses when it stands still."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from nmt.data import WordPair
from nmt.evaluation import measure
from nmt.positions import RotaryPositions
from nmt.trace import TransformerTrace, trace
from nmt.transformer import Transformer


@dataclass(frozen=True)
class FrequencyEffect:
    """One pair of coordinates of every head: what changes when it no longer turns with the
    position.

    `wavelength` is in letters a turn. `moved` is the mean share of a self-attention row's weight
    that goes elsewhere, `accuracy` what is left of the word accuracy.
    """

    pair: int
    wavelength: float
    moved: float
    accuracy: float


def wavelengths(model: Transformer) -> list[float]:
    """Letters for a full turn, pair by pair: 2π/θ_i."""
    return [2 * math.pi / float(frequency) for frequency in _turning(model)[0].frequencies]


@contextmanager
def standing_still(model: Transformer, pair: int) -> Iterator[None]:
    """Inside the block, pair `pair` of every head's queries and keys keeps its numbers but is not
    turned: θ_pair = 0.
    """
    turning = _turning(model)
    before = [rotary.frequencies for rotary in turning]
    try:
        for rotary in turning:
            rotary.frequencies = rotary.frequencies.clone()
            rotary.frequencies[pair] = 0
        yield
    finally:
        for rotary, frequencies in zip(turning, before):
            rotary.frequencies = frequencies


def frequency_effects(model: Transformer, pairs: Sequence[WordPair]) -> list[FrequencyEffect]:
    """Stop one frequency after another, and measure on `pairs`, with the right letters given.

    `moved` is ½ Σ_s |weight_s − weight′_s|, averaged over rows, heads and layers of encoder and
    decoder self-attention, and over every fifth word, for weights take longer than answers.
    """
    words = [pair.source for pair in pairs[::5]]
    turning = trace(model, words, truth=True)
    effects = []
    for pair, wavelength in enumerate(wavelengths(model)):
        with standing_still(model, pair):
            _, accuracy = measure(model, pairs)
            moved = _mean_move(turning, trace(model, words, truth=True))
        effects.append(FrequencyEffect(pair, wavelength, moved, accuracy))
    return effects


def _mean_move(before: Sequence[TransformerTrace], after: Sequence[TransformerTrace]) -> float:
    moves = [
        (was.attention(kind) - now.attention(kind)).abs().sum(dim=-1).flatten() / 2
        for was, now in zip(before, after)
        for kind in ("encoder", "decoder")
    ]
    return float(torch.cat(moves).mean())


def _turning(model: Transformer) -> list[RotaryPositions]:
    return [module for module in model.modules() if isinstance(module, RotaryPositions)]
