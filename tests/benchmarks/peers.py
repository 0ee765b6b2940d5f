"""What the course's code is measured against: other people's models, dressed for the same task and
with the same sizes.
"""

from __future__ import annotations

from collections.abc import Callable

import mambapy.mamba
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nmt.mamba import Mamba, MambaConfig
from nmt.positions import sinusoidal_table
from nmt.transformer import Transformer, TransformerConfig

LETTERS = 29


class PeerMamba(nn.Module):
    """`mambapy` between an embedding and an output layer; `parallel` chooses its tree scan or its
    loop over [:, t].
    """

    def __init__(self, parallel: bool) -> None:
        super().__init__()
        self.embedding = nn.Embedding(LETTERS, 64)
        self.blocks = mambapy.mamba.Mamba(
            mambapy.mamba.MambaConfig(d_model=64, n_layers=2, d_state=16, pscan=parallel)
        )
        self.norm = nn.RMSNorm(64)
        self.output = nn.Linear(64, LETTERS)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        hidden = self.blocks(self.embedding(torch.cat((source, target), dim=1)))
        return self.output(self.norm(hidden[:, source.shape[1] :]))


class PeerTransformer(nn.Module):
    """`nn.Transformer` with embeddings, sinusoidal positions and an output layer."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(LETTERS, 64)
        self.transformer = nn.Transformer(
            64, 4, 2, 2, dim_feedforward=256, dropout=0.1, batch_first=True, norm_first=True
        )
        self.output = nn.Linear(64, LETTERS)
        self.positions: Tensor
        self.register_buffer("positions", sinusoidal_table(64, 64))
        self.mask: Tensor
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(64))

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        t = target.shape[1]
        source_vectors, target_vectors = (
            self.embedding(ids) + self.positions[: ids.shape[1]] for ids in (source, target)
        )
        return self.output(
            self.transformer(
                source_vectors, target_vectors, tgt_mask=self.mask[:t, :t], tgt_is_causal=True
            )
        )


MAMBAS: dict[str, Callable[[], nn.Module]] = {
    "nmt Mamba": lambda: Mamba(
        MambaConfig(hidden_size=64, num_layers=2, state_size=16, dropout=0.0)
    ),
    "mambapy, parallel scan": lambda: PeerMamba(parallel=True),
    "textbook loop (mambapy, [:, t])": lambda: PeerMamba(parallel=False),
}
TRANSFORMERS: dict[str, Callable[[], nn.Module]] = {
    "nmt Transformer": lambda: Transformer(TransformerConfig()),
    "nn.Transformer": PeerTransformer,
}


def training_step(
    model: nn.Module, batch: int, source: int, target: int, fused: bool = True
) -> Callable[[], None]:
    """One step of training on random letters: forward, cross-entropy, backward, AdamW."""
    ids = torch.randint(0, LETTERS, (3, batch, max(source, target)))
    source_ids, target_ids, labels = ids[0, :, :source], ids[1, :, :target], ids[2, :, :target]
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=fused)

    def step() -> None:
        optimizer.zero_grad()
        F.cross_entropy(model(source_ids, target_ids).flatten(0, 1), labels.flatten()).backward()
        optimizer.step()

    return step
