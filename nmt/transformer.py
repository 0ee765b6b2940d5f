"""The transformer: an encoder reads the English word, a decoder spells the Pig Latin one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from nmt.attention import MultiHeadAttention, causal_mask
from nmt.decoding import MAX_WORD, Seq2Seq
from nmt.positions import SCHEMES, PositionEmbedding, RotaryPositions

# Far beyond the course's models, yet built in seconds and a few GB.
LARGEST = {
    **dict.fromkeys(("hidden_size", "num_heads"), 1_024),
    **dict.fromkeys(("encoder_layers", "decoder_layers"), 32),
    **dict.fromkeys(("max_length", "vocabulary_size"), 10_000),
}
MOST_MLP = 4_096


def check_sizes(config: Any, largest: Mapping[str, int]) -> None:
    """Raise a ValueError for the first named size n of `config` that is not 1 ≤ n ≤ its largest."""
    for name, most in largest.items():
        value = getattr(config, name)
        if value < 1:
            raise ValueError(f"{name} must be at least 1, not {value}")
        if value > most:
            raise ValueError(f"{name} must be at most {most:,} in this course, not {value:,}")


@dataclass(frozen=True)
class TransformerConfig:
    """Everything that fixes the architecture, as plain data.

    `mlp_size` 0 means 4 × `hidden_size`. `max_length` is the number of positions of a trained
    position table. `rotary_cross` turns queries and keys of cross-attention too. `positions_in`
    names who is told positions: "both", only the "encoder", or only the "decoder".
    """

    hidden_size: int = 64
    num_heads: int = 4
    encoder_layers: int = 2
    decoder_layers: int = 2
    mlp_size: int = 0
    dropout: float = 0.1
    positions: str = "rotary"
    rotary_base: float = 10_000.0
    rotary_cross: bool = False
    positions_in: str = "both"
    max_length: int = 64
    vocabulary_size: int = 29

    def __post_init__(self) -> None:
        check_sizes(self, LARGEST)
        if not 0 <= self.mlp_size <= MOST_MLP:
            raise ValueError(f"mlp_size must be 0 to {MOST_MLP:,}, not {self.mlp_size}")
        if self.hidden_size % self.num_heads:
            sizes = f"num_heads {self.num_heads} does not divide hidden_size {self.hidden_size}"
            raise ValueError(f"{sizes}; choose a divisor")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is a probability below 1, not {self.dropout}")
        if self.positions not in SCHEMES:
            raise ValueError(
                f"unknown position scheme {self.positions!r}; choose one of {', '.join(SCHEMES)}"
            )
        if self.positions_in not in ("both", "encoder", "decoder"):
            raise ValueError(f"positions_in is both, encoder or decoder, not {self.positions_in!r}")
        if self.rotary_cross and self.positions_in != "both":
            raise ValueError("rotary_cross turns both sides: it needs positions_in both")
        if self.positions == "rotary" and (self.hidden_size // self.num_heads) % 2:
            raise ValueError("rotary positions turn pairs: hidden_size / num_heads must be even")
        if self.positions in ("sinusoidal", "learned-from-sinusoidal") and self.hidden_size % 2:
            raise ValueError(f"sinusoids need an even hidden_size, not {self.hidden_size}")
        if self.rotary_base <= 1:
            raise ValueError(f"rotary_base must be above 1, not {self.rotary_base}")

    def told_positions(self, part: str) -> bool:
        """Whether "encoder" or "decoder" is told where a token stands."""
        return self.positions_in in ("both", part)


class MLP(nn.Sequential):
    """Two linear layers with a GELU (Hendrycks & Gimpel 2016) between, at each position alone."""

    def __init__(self, config: TransformerConfig) -> None:
        inner = config.mlp_size or 4 * config.hidden_size
        super().__init__(
            nn.Linear(config.hidden_size, inner), nn.GELU(), nn.Linear(inner, config.hidden_size)
        )


def _attention(config: TransformerConfig, rotary: bool) -> MultiHeadAttention:
    d, h = config.hidden_size, config.num_heads
    turns = RotaryPositions(d // h, config.rotary_base) if rotary else None
    return MultiHeadAttention(d, h, dropout=config.dropout, rotary=turns)


class EncoderLayer(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x)).

    The normalisation stands before each part ("pre-norm"), so that the sum runs from the embedding
    to the output untouched: Xiong et al. 2020, arXiv 2002.04745.
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        rotary = config.positions == "rotary" and config.told_positions("encoder")
        self.self_attention = _attention(config, rotary)
        self.mlp = MLP(config)
        self.attention_norm = nn.LayerNorm(config.hidden_size)
        self.mlp_norm = nn.LayerNorm(config.hidden_size)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self, inputs: Float[Tensor, "b s d"], mask: Bool[Tensor, "b 1 1 s"] | None = None
    ) -> Float[Tensor, "b s d"]:
        """Let each source letter look at all source letters (where `mask` allows), then think."""
        looked_at = self.self_attention(self.attention_norm(inputs), mask=mask)  # (b, s, d)
        inputs = inputs + self.dropout(looked_at)
        return inputs + self.dropout(self.mlp(self.mlp_norm(inputs)))


@dataclass(frozen=True)
class LayerCache:
    """A layer's keys and values, own (of what is written) and the source's; each (b, h, l, k)."""

    own_key: Tensor
    own_value: Tensor
    source_key: Tensor
    source_value: Tensor


@dataclass(frozen=True)
class TransformerCache:
    """What the decoder keeps between steps, and the position of the next letter."""

    layers: tuple[LayerCache, ...]
    position: int

    def select(self, rows: Int[Tensor, " b"]) -> "TransformerCache":
        """Keep only some words of the batch."""
        layers = tuple(
            LayerCache(*(tensor[rows] for tensor in vars(layer).values())) for layer in self.layers
        )
        return replace(self, layers=layers)


class DecoderLayer(nn.Module):
    """x + attention(norm(x)) to what is written, the same to the source, then x + mlp(norm(x)).

    `forward` reads the whole target at once; `step` goes on where a cache ends, with the same
    numbers.
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        rotary = config.positions == "rotary" and config.told_positions("decoder")
        self.self_attention = _attention(config, rotary)
        self.cross_attention = _attention(config, rotary and config.rotary_cross)
        self.mlp = MLP(config)
        self.self_norm = nn.LayerNorm(config.hidden_size)
        self.cross_norm = nn.LayerNorm(config.hidden_size)
        self.mlp_norm = nn.LayerNorm(config.hidden_size)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self,
        inputs: Float[Tensor, "b t d"],
        memory: Float[Tensor, "b s d"],
        source_mask: Bool[Tensor, "b 1 1 s"] | None = None,
    ) -> Float[Tensor, "b t d"]:
        """Let each target letter look at those before it, at the source in `memory`, then think."""
        causal = causal_mask(inputs.shape[1], device=inputs.device)  # (t, t)
        looked_back = self.self_attention(self.self_norm(inputs), mask=causal)  # (b, t, d)
        inputs = inputs + self.dropout(looked_back)
        looked_up = self.cross_attention(self.cross_norm(inputs), memory, source_mask)  # (b, t, d)
        inputs = inputs + self.dropout(looked_up)
        return inputs + self.dropout(self.mlp(self.mlp_norm(inputs)))

    def start(self, memory: Float[Tensor, "b s d"]) -> LayerCache:
        """The source's keys and values, made once, and none yet of the target's."""
        key, value = self.cross_attention.keys_and_values(memory)  # (b, h, s, k) each
        return LayerCache(key[:, :, :0], value[:, :, :0], key, value)

    def step(
        self, inputs: Float[Tensor, "b t d"], cache: LayerCache
    ) -> tuple[Float[Tensor, "b t d"], LayerCache]:
        """`forward` for the letters after those of which `cache` holds keys and values."""
        attention, cross = self.self_attention, self.cross_attention
        length, start = inputs.shape[1], cache.own_key.shape[2]

        # The letters written so far: their keys and values are kept, and those of `inputs` join.
        normed = self.self_norm(inputs)
        key, value = attention.keys_and_values(normed, start)
        key = torch.cat((cache.own_key, key), dim=2)  # (b, h, start + t, k)
        value = torch.cat((cache.own_value, value), dim=2)
        mask = None if length == 1 else causal_mask(length, start + length, inputs.device)
        looked_back = attention.attend(attention.queries(normed, start), key, value, mask)
        inputs = inputs + self.dropout(looked_back)

        # The source: its keys and values never change.
        query = cross.queries(self.cross_norm(inputs), start)  # (b, h, t, k)
        looked_up = cross.attend(query, cache.source_key, cache.source_value)
        inputs = inputs + self.dropout(looked_up)
        outputs = inputs + self.dropout(self.mlp(self.mlp_norm(inputs)))
        return outputs, replace(cache, own_key=key, own_value=value)


class Transformer(Seq2Seq):
    """Encoder and decoder over one alphabet.

    logits_t = W · decoder(target_{≤ t}, encoder(source))_t + bias

    Args:
        config: the architecture.

    Source: Vaswani et al. 2017, §3, with pre-norm, GELU and a choice of positions.
    """

    kind = "transformer"
    reads_padding = True

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        if config.positions.startswith("learned"):  # a target of twice the length must fit
            self.longest_word = min(MAX_WORD, config.max_length // 2)
        self.embedding = nn.Embedding(config.vocabulary_size, config.hidden_size)
        self.positions = PositionEmbedding(config.positions, config.hidden_size, config.max_length)
        self.dropout = nn.Dropout(config.dropout)
        self.encoder = nn.ModuleList(EncoderLayer(config) for _ in range(config.encoder_layers))
        self.decoder = nn.ModuleList(DecoderLayer(config) for _ in range(config.decoder_layers))
        self.encoder_norm = nn.LayerNorm(config.hidden_size)
        self.decoder_norm = nn.LayerNorm(config.hidden_size)
        self.output = nn.Linear(config.hidden_size, config.vocabulary_size)

    def embed(
        self, tokens: Int[Tensor, "b l"], part: str, start: int = 0
    ) -> Float[Tensor, "b l d"]:
        """The vectors with which "encoder" or "decoder" begins: a token's, and its position's."""
        hidden = self.embedding(tokens)  # (b, l, d)
        return self.positions(hidden, start) if self.config.told_positions(part) else hidden

    def encode(
        self, source: Int[Tensor, "b s"], mask: Bool[Tensor, "b 1 1 s"] | None = None
    ) -> Float[Tensor, "b s d"]:
        """The encoder's output: a vector for each source letter that knows about the others."""
        hidden = self.dropout(self.embed(source, "encoder"))  # (b, s, d)
        for layer in self.encoder:
            hidden = layer(hidden, mask)
        return self.encoder_norm(hidden)

    def forward(
        self,
        source: Int[Tensor, "b s"],
        target: Int[Tensor, "b t"],
        source_mask: Bool[Tensor, "b s"] | None = None,
    ) -> Float[Tensor, "b t v"]:
        """Logits of the letter after each target letter, all at once (teacher forcing).

        Words of several lengths may stand together if each is filled up at its end. Filled-up
        targets need no mask: nobody looks ahead, so the logits at the letters themselves don't
        change.

        Args:
            source: letters, then `<EOS>`, then whatever `source_mask` hides.
            target: `<SOS>`, then the letters written so far.
            source_mask: True at letters and `<EOS>`, False where a word was filled up.
        """
        mask = None if source_mask is None else source_mask[:, None, None, :]  # (b, 1, 1, s)
        memory = self.encode(source, mask)  # (b, s, d)
        hidden = self.dropout(self.embed(target, "decoder"))  # (b, t, d)
        for layer in self.decoder:
            hidden = layer(hidden, memory, mask)
        return self.output(self.decoder_norm(hidden))  # (b, t, v)

    def start(self, source: Int[Tensor, "b s"]) -> TransformerCache:
        """Read the source and prepare to write: the first call of step-by-step decoding."""
        memory = self.encode(source)
        layers = cast(Sequence[DecoderLayer], self.decoder)
        return TransformerCache(tuple(layer.start(memory) for layer in layers), 0)

    def read_on(
        self, tokens: Int[Tensor, "b t"], cache: TransformerCache
    ) -> tuple[Float[Tensor, "b t v"], TransformerCache]:
        """Logits after each of `tokens`, which follow what `cache` holds, and the next cache."""
        hidden = self.dropout(self.embed(tokens, "decoder", cache.position))  # (b, t, d)
        layers = []
        for layer, layer_cache in zip(self.decoder, cache.layers, strict=True):
            hidden, layer_cache = cast(DecoderLayer, layer).step(hidden, layer_cache)
            layers.append(layer_cache)
        position = cache.position + tokens.shape[1]
        return self.output(self.decoder_norm(hidden)), TransformerCache(tuple(layers), position)

    def attention_layers(self) -> dict[str, MultiHeadAttention]:
        """Every attention layer by name, such as "decoder.1.cross_attention"."""
        modules = self.named_modules()
        return {name: part for name, part in modules if isinstance(part, MultiHeadAttention)}
