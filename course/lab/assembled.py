"""A transformer that is run by two functions, one for each kind of layer: a student's own, or a
whole one with a part switched off.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor

from nmt.attention import MultiHeadAttention, causal_mask
from nmt.data import WordPair
from nmt.decoding import greedy_decode
from nmt.training import TrainingConfig, TrainingState, train
from nmt.transformer import DecoderLayer, EncoderLayer, Transformer, TransformerConfig

EncoderFunction = Callable[[Tensor, EncoderLayer], Tensor]
DecoderFunction = Callable[[Tensor, Tensor, DecoderLayer], Tensor]

# What can be switched off, each with a few words for a reader.
SWITCHES = {
    "mask": "the causal mask of the decoder",
    "residual": "the sum around every part",
    "root": "the division of scores by √k",
    "positions": "all positions",
    "rotary_cross": "positions in cross-attention",
}


def encoder_layer(
    x: Float[Tensor, "b s d"], parts: EncoderLayer, summed: bool = True
) -> Float[Tensor, "b s d"]:
    """Attention, then the MLP; around each  x ← x + part(norm(x)), or without the x."""
    x = summed * x + parts.self_attention(parts.attention_norm(x))  # (b, s, d)
    return summed * x + parts.mlp(parts.mlp_norm(x))  # (b, s, d)


def decoder_layer(
    x: Float[Tensor, "b t d"],
    notes: Float[Tensor, "b s d"],
    parts: DecoderLayer,
    summed: bool = True,
    masked: bool = True,
) -> Float[Tensor, "b t d"]:
    """Causal self-attention, cross-attention to the encoder's `notes`, MLP."""
    mask = causal_mask(x.shape[1], device=x.device) if masked else None
    x = summed * x + parts.self_attention(parts.self_norm(x), mask=mask)  # (b, t, d)
    x = summed * x + parts.cross_attention(parts.cross_norm(x), notes)  # (b, t, d)
    return summed * x + parts.mlp(parts.mlp_norm(x))  # (b, t, d)


@dataclass(frozen=True)
class Written:
    """What `Assembled` remembers between two steps: all it has read and written."""

    notes: Float[Tensor, "b s d"]
    target: Int[Tensor, "b t"]

    def select(self, rows: Int[Tensor, " b"]) -> Written:
        """Keep only some words of the batch."""
        return Written(self.notes[rows], self.target[rows])


class Assembled(Transformer):
    """`nmt.transformer.Transformer` with the same parts and names of weights, whose layers are run
    by two functions. It has no cache: each step reads again all that was written.

    Args:
        config: the architecture; its dropout is 0 where the functions have none.
        encoder: (x, parts) → x, for each encoder layer; x is (b, s, d).
        decoder: (x, notes, parts) → x, for each decoder layer; x is (b, t, d).
    """

    def __init__(
        self,
        config: TransformerConfig,
        encoder: EncoderFunction = encoder_layer,
        decoder: DecoderFunction = decoder_layer,
    ) -> None:
        super().__init__(config)
        self.run_encoder_layer, self.run_decoder_layer = encoder, decoder

    def encode(self, source: Int[Tensor, "b s"], mask: Any = None) -> Float[Tensor, "b s d"]:
        """The encoder's output, layer by layer; `mask` must be None, for nothing is padded here."""
        if mask is not None:
            raise ValueError("an assembled transformer reads words of one length, without padding")
        x = self.embed(source, "encoder")  # (b, s, d)
        for parts in cast(Iterable[EncoderLayer], self.encoder):
            x = self.run_encoder_layer(x, parts)
        return cast(Tensor, self.encoder_norm(x))

    def forward(
        self, source: Int[Tensor, "b s"], target: Int[Tensor, "b t"], source_mask: Any = None
    ) -> Float[Tensor, "b t v"]:
        """Logits of the letter after each target letter."""
        return self._write(self.encode(source, source_mask), target)

    def start(self, source: Int[Tensor, "b s"]) -> Any:
        """Read the source; nothing is written yet."""
        return Written(self.encode(source), source[:, :0])

    def read_on(self, tokens: Int[Tensor, "b t"], cache: Any) -> tuple[Float[Tensor, "b t v"], Any]:
        """Logits of the letter after each of `tokens`, from all letters so far."""
        target = torch.cat((cache.target, tokens), dim=1)
        logits = self._write(cache.notes, target)[:, -tokens.shape[1] :]
        return logits, replace(cache, target=target)

    def _write(
        self, notes: Float[Tensor, "b s d"], target: Int[Tensor, "b t"]
    ) -> Float[Tensor, "b t v"]:
        x = self.embed(target, "decoder")  # (b, t, d)
        for parts in cast(Iterable[DecoderLayer], self.decoder):
            x = self.run_decoder_layer(x, notes, parts)
        return cast(Tensor, self.output(self.decoder_norm(x)))  # (b, t, v)


def without(config: TransformerConfig, switched_off: Collection[str]) -> Assembled:
    """A fresh transformer of `config` without the parts that `switched_off` names.

    Its weights are those of the whole transformer from the same seed of torch's generator, so that
    two runs differ in the part alone.

    Raises:
        ValueError: for a name that is not in `SWITCHES`.
    """
    if unknown := set(switched_off) - set(SWITCHES):
        known = ", ".join(SWITCHES)
        raise ValueError(f"{min(unknown)!r} cannot be switched off; choose from {known}")
    if "positions" in switched_off:
        config = replace(config, positions="none")
    if "rotary_cross" in switched_off:
        config = replace(config, rotary_cross=False)
    masked, summed = "mask" not in switched_off, "residual" not in switched_off
    decoder = partial(decoder_layer, summed=summed, masked=masked)
    model = Assembled(config, partial(encoder_layer, summed=summed), decoder)
    if "root" in switched_off:
        _undo_the_root(model)
    return model


def _undo_the_root(model: Transformer) -> None:
    """Queries become √k times as long, so that dividing by √k gives back query · key."""
    for layer in model.modules():
        if isinstance(layer, MultiHeadAttention):
            root = math.sqrt(layer.to_query.out_features / layer.num_heads)
            layer.to_query.register_forward_hook(
                lambda _module, _inputs, output, root=root: root * output
            )


def train_without(
    config: TransformerConfig,
    training: TrainingConfig,
    switched_off: Collection[str] = (),
    *,
    pairs: Collection[WordPair],
    on_epoch: Callable[[list[dict[str, Any]]], None] | None = None,
) -> list[dict[str, Any]]:
    """Train a transformer without some parts, and measure it alone after each epoch.

    Args:
        config, training: of the whole transformer, and of its run.
        switched_off: names of `SWITCHES`.
        pairs: words to learn from and words held out.
        on_epoch: called after each epoch with the rows so far.

    Returns:
        A row an epoch, as `train` records it, and in it "alone": the share of validation words
        that the model spells right by itself. With a causal mask that is "val_accuracy"; without
        one the right letters before a place are not all that the model has seen.

    Raises:
        KeyboardInterrupt: if the training was interrupted; what it had reached is no result.
    """
    held_out = [pair for pair in pairs if pair.split == "val"]

    def measure(state: TrainingState) -> None:
        row = state.progress.epochs[-1]
        row["alone"] = row["val_accuracy"]
        if "mask" in switched_off:
            answers = greedy_decode(model, [pair.source for pair in held_out])
            right = sum(pair.target == answer for pair, answer in zip(held_out, answers))
            row["alone"] = right / len(held_out)
        if on_epoch:
            on_epoch(state.progress.epochs)

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(training.seed)
        model = without(config, switched_off)
    state = train(model, training, pairs=list(pairs), on_epoch=measure)
    if state.interrupted:
        raise KeyboardInterrupt("the training was interrupted")
    return state.progress.epochs
