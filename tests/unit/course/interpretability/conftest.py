"""The trained transformer, which many tests here look into."""

import pytest

from nmt.checkpoints import load_checkpoint
from nmt.transformer import Transformer


@pytest.fixture(scope="session")
def model() -> Transformer:
    return load_checkpoint("transformer-small").model
