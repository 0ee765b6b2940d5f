"""The best settings known for each model and data set, as plain data: what `python -m nmt train NAME` starts from."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Preset:
    """A named run: a model's config as plain data, and how to train it."""

    model: dict[str, Any]
    training: dict[str, Any] = field(default_factory=dict)

    def but(self, model: dict[str, Any] | None = None, training: dict[str, Any] | None = None) -> "Preset":
        """The same with some settings changed."""
        return Preset({**self.model, **(model or {})}, {**self.training, **(training or {})})


# No gate: notebook 06, section 9, found that it is not missed here. What it would cost goes into more blocks.
_MAMBA = {"kind": "mamba", "num_layers": 6, "a_start": "minus-one", "a_learned": False, "gate": False}
PRESETS = {
    "small-transformer": Preset(
        {"kind": "transformer", "dropout": 0.2},
        {"data": "small", "epochs": 120, "batch_size": 8, "accumulate": 4, "weight_decay": 0.7},
    ),
    "large-transformer": Preset(
        {"kind": "transformer", "dropout": 0.1},
        {"data": "large", "epochs": 40, "batch_size": 32, "accumulate": 2, "weight_decay": 0.2},
    ),
    "small-mamba": Preset(
        {**_MAMBA, "state_size": 64, "dropout": 0.15, "inner_dropout": 0.15},
        {"data": "small", "epochs": 45, "batch_size": 8, "accumulate": 4, "weight_decay": 0.5},
    ),
    "large-mamba": Preset(
        {**_MAMBA, "state_size": 32, "dropout": 0.1, "inner_dropout": 0.1},
        {"data": "large", "epochs": 25, "batch_size": 32, "accumulate": 1, "weight_decay": 0.3},
    ),
}
