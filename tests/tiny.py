"""Small untrained models, the same at every call: what is tested of them holds for any model."""

import torch

from nmt.mamba import Mamba, MambaConfig
from nmt.transformer import Transformer, TransformerConfig


def tiny_transformer(seed: int = 0, **options) -> Transformer:  # type: ignore[no-untyped-def]
    """One layer a side and two heads, unless `options` of the configuration say otherwise."""
    torch.manual_seed(seed)
    sizes = {"hidden_size": 16, "num_heads": 2, "encoder_layers": 1, "decoder_layers": 1}
    return Transformer(TransformerConfig(**sizes | {"mlp_size": 16} | options)).eval()


def tiny_mamba(seed: int = 0, **options) -> Mamba:  # type: ignore[no-untyped-def]
    """Two layers of eight coordinates, unless `options` of the configuration say otherwise."""
    torch.manual_seed(seed)
    sizes = {"hidden_size": 8, "num_layers": 2, "state_size": 3}
    return Mamba(MambaConfig(**sizes | options)).eval()
