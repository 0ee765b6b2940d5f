"""Mamba: a decoder-only model that reads and writes in one pass, with a memory of fixed size.

It sees one sequence, `source <EOS> <SOS> target`. What it knows of the source when it begins to
write is what its states have kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from nmt.decoding import Seq2Seq
from nmt.selective_ssm import MambaConfig as MambaConfig  # others find it here
from nmt.selective_ssm import SelectiveSSM


class CausalConvolution(nn.Module):
    """Each channel mixes its last k letters:  y_t = bias + Σ_j weight_j ∘ x_{t−k+1+j}, 0 ≤ j < k.

    Written as k shifted additions, which is several times faster here than the library's
    convolution with one channel a group.

    Args:
        channels: e.
        kernel_size: k letters.

    Source: Gu & Dao 2023, §3.4, figure 3; the idea of a short convolution before the recurrence: Fu
    et al. 2022, arXiv 2212.14052 (H3).
    """

    def __init__(self, channels: int, kernel_size: int) -> None:
        super().__init__()
        bound = kernel_size**-0.5
        self.weight = nn.Parameter(torch.empty(kernel_size, channels).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(channels).uniform_(-bound, bound))

    def forward(
        self, x: Float[Tensor, "b l e"], window: Float[Tensor, "b w e"]
    ) -> tuple[Float[Tensor, "b l e"], Float[Tensor, "b w e"]]:
        """The mixed letters, and the last k − 1 of x; `window` holds the k − 1 before x."""
        length = x.shape[1]
        seen = torch.cat((window, x), dim=1)  # (b, k − 1 + l, e)
        output: Tensor = self.bias  # (e), and from the first addition on (b, l, e)
        for shift, weight in enumerate(self.weight):  # (e), k times
            output = torch.addcmul(output, seen[:, shift : shift + length], weight)
        return output, seen[:, length:]  # (b, l, e), (b, k − 1, e)


@dataclass(frozen=True)
class BlockCache:
    """A block's memory: k − 1 inputs of its convolution (b, k − 1, e), and its state (b, e, n)."""

    window: Tensor
    state: Tensor


@dataclass(frozen=True)
class MambaCache:
    """What the model remembers between two letters, and the position of the next letter."""

    blocks: tuple[BlockCache, ...]
    position: int

    def select(self, rows: Int[Tensor, " b"]) -> "MambaCache":
        """Keep only some words of the batch."""
        return MambaCache(
            tuple(BlockCache(block.window[rows], block.state[rows]) for block in self.blocks),
            self.position,
        )


class MambaBlock(nn.Module):
    """inputs + narrow(ssm(silu(convolution(x))) ∘ silu(gate)) with x, gate = widen(norm(inputs)).

    The convolution mixes neighbouring letters, the SSM carries what is needed later, and the gate
    decides for each letter and channel how much of it comes through. The norm divides by the root
    mean square: Zhang & Sennrich 2019 (RMSNorm).

    Source: Gu & Dao 2023, §3.4, figure 3.
    """

    def __init__(self, config: MambaConfig) -> None:
        super().__init__()
        d, e = config.hidden_size, config.expanded_size
        self.config = config
        self.norm = nn.RMSNorm(d, eps=1e-5)
        self.widen = nn.Linear(d, 2 * e if config.gate else e, bias=config.bias)
        self.convolution = CausalConvolution(e, config.kernel_size)
        self.ssm = SelectiveSSM(config)
        self.narrow = nn.Linear(e, d, bias=config.bias)
        self.dropout = nn.Dropout(config.dropout)
        self.inner_dropout = nn.Dropout(config.inner_dropout)

    def start(self, batch: int) -> BlockCache:
        """Nothing read yet: a window and a state of zeros."""
        e, weight = self.config.expanded_size, self.narrow.weight
        return BlockCache(
            weight.new_zeros(batch, self.config.kernel_size - 1, e),
            weight.new_zeros(batch, e, self.config.state_size),
        )

    def forward(
        self, inputs: Float[Tensor, "b l d"], cache: BlockCache, start: int = 0
    ) -> tuple[Float[Tensor, "b l d"], BlockCache]:
        """Read letters, the first at position `start`, after those that `cache` remembers."""
        widened = self.widen(self.norm(inputs))  # (b, l, 2e), or (b, l, e) without a gate
        x, *gate = widened.split(self.config.expanded_size, dim=-1)  # (b, l, e) each
        x, window = self.convolution(x, cache.window)  # (b, l, e), (b, k − 1, e)
        output, state = self.ssm(F.silu(x), cache.state, start)  # (b, l, e), (b, e, n)
        if gate:
            output = output * F.silu(gate[0])  # (b, l, e)
        output = self.narrow(self.inner_dropout(output))  # (b, l, d)
        return inputs + self.dropout(output), BlockCache(window, state)


class Mamba(Seq2Seq):
    """A stack of Mamba blocks over `source <EOS> <SOS> target`.

    logits_t = W · norm(blocks(source, target_{≤ t}))_t + bias

    Args:
        config: the architecture.

    Source: Gu & Dao 2023, §3.4.
    """

    kind = "mamba"

    def __init__(self, config: MambaConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocabulary_size, config.hidden_size)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(MambaBlock(config) for _ in range(config.num_layers))
        self.norm = nn.RMSNorm(config.hidden_size, eps=1e-5)
        self.output = nn.Linear(config.hidden_size, config.vocabulary_size)

    def forward(
        self, source: Int[Tensor, "b s"], target: Int[Tensor, "b t"]
    ) -> Float[Tensor, "b t v"]:
        """Logits of the letter after each target letter, all at once (teacher forcing).

        Args:
            source: letters, then `<EOS>`.
            target: `<SOS>`, then the letters written so far.
        """
        sequence = torch.cat((source, target), dim=1)  # (b, s + t)
        hidden, _ = self._read(sequence, self._nothing_read(len(source)))  # (b, s + t, d)
        return self.output(self.norm(hidden[:, source.shape[1] :]))  # (b, t, v)

    def start(self, source: Int[Tensor, "b s"]) -> MambaCache:
        """Read the source: the first call of step-by-step decoding."""
        return self._read(source, self._nothing_read(len(source)))[1]

    def read_on(
        self, tokens: Int[Tensor, "b l"], cache: MambaCache
    ) -> tuple[Float[Tensor, "b l v"], MambaCache]:
        """Logits after each of `tokens`, which follow what `cache` holds, and the next cache."""
        hidden, cache = self._read(tokens, cache)  # (b, l, d)
        return self.output(self.norm(hidden)), cache  # (b, l, v)

    def _nothing_read(self, batch: int) -> MambaCache:
        blocks = cast(Sequence[MambaBlock], self.blocks)
        return MambaCache(tuple(block.start(batch) for block in blocks), 0)

    def _read(
        self, tokens: Int[Tensor, "b l"], cache: MambaCache
    ) -> tuple[Float[Tensor, "b l d"], MambaCache]:
        hidden = self.dropout(self.embedding(tokens))  # (b, l, d), and so after each block
        blocks = []
        for block, block_cache in zip(self.blocks, cache.blocks, strict=True):
            hidden, block_cache = block(hidden, block_cache, cache.position)
            blocks.append(block_cache)
        return hidden, MambaCache(tuple(blocks), cache.position + tokens.shape[1])

    def ssm_layers(self) -> dict[str, SelectiveSSM]:
        """Every selective SSM by name, such as "blocks.1.ssm": what a trace can record."""
        modules = self.named_modules()
        return {name: part for name, part in modules if isinstance(part, SelectiveSSM)}
