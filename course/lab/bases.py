"""Where the lab report's experiments start from, and what the student's report says of its own two
bases.

All but the best models start from one of four bases, smaller and shorter than the best models, so
that all of it can be repeated in a night on two cores: numbers compare within an experiment, not
with the best models.
"""

from typing import Any

from course.lab.grid import Reported
from nmt.runs import Preset

SHORT_TRANSFORMER = Preset(
    {"kind": "transformer", "dropout": 0.2},
    {"data": "small", "epochs": 20, "batch_size": 32, "accumulate": 2, "weight_decay": 0.7},
)
SHORT_MAMBA = Preset(
    {"kind": "mamba", "num_layers": 2, "state_size": 16, "kernel_size": 4},
    {
        "data": "small",
        "epochs": 15,
        "batch_size": 16,
        "accumulate": 2,
        "learning_rate": 1e-2,
        "weight_decay": 0.1,
    },
)
# Large has seven times as many words: fewer passes, larger batches, less weight decay and dropout.
SHORT_LARGE_TRANSFORMER = Preset(
    {"kind": "transformer", "dropout": 0.1},
    {"data": "large", "epochs": 7, "batch_size": 32, "accumulate": 2, "weight_decay": 0.2},
)
SHORT_LARGE_MAMBA = Preset(
    SHORT_MAMBA.model,
    {
        "data": "large",
        "epochs": 6,
        "batch_size": 32,
        "accumulate": 1,
        "learning_rate": 1e-2,
        "weight_decay": 0.1,
    },
)
THREE = (0, 1, 2)
FIVE = (*THREE, 3, 4)  # where two rows are compared in words
MINUS_ONE: dict[str, Any] = {"a_start": "minus-one"}
FIXED: dict[str, Any] = {"a_learned": False}
STUDENTS_BASE = Reported(0.043, 0.050, 0.909, 0.957)
STUDENTS_MAMBA = Reported(0.237, 0.003, 0.654, 0.996)
