"""Tiny models, and one of them on disk."""

from pathlib import Path

import pytest
from tiny import tiny_mamba, tiny_transformer

from nmt.checkpoints import save_checkpoint
from nmt.mamba import Mamba
from nmt.transformer import Transformer


@pytest.fixture
def transformer() -> Transformer:
    return tiny_transformer(decoder_layers=2)


@pytest.fixture
def mamba() -> Mamba:
    return tiny_mamba()


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file, without its ending, that holds an untrained transformer; it is not to be changed."""
    path = tmp_path_factory.mktemp("checkpoint") / "tiny"
    save_checkpoint(path, tiny_transformer(), {"name": "tiny", "seed": 3})
    return path
