"""The lab report's experiments, in the order of their worth: what is trained first answers most.

`student` in a row is what the student's report says of the same row; those runs were longer, one
each, on splits that changed with every start, so they compare with ours only roughly.
"""

from course.lab.bases import (
    FIVE,
    SHORT_LARGE_MAMBA,
    SHORT_LARGE_TRANSFORMER,
    SHORT_MAMBA,
    SHORT_TRANSFORMER,
)
from course.lab.grid import Experiment, Reported, Row
from course.lab.mamba_rows import (
    A_AND_DELTA,
    DELTA_SCALE,
    DISCRETIZATION,
    KERNEL,
    LEARNING_RATE,
    MAMBA_LAYERS,
    STATE_SIZE,
)
from course.lab.transformer_rows import (
    ACCUMULATION,
    BATCHING,
    HEADS,
    LAYERS,
    POSITIONS,
    SCHEDULE,
    WEIGHT_DECAY,
    WIDTH,
)
from nmt.runs import PRESETS

EIGHT_RUNS = Experiment(
    "eight-runs",
    1,
    "What do model size and data size do to both models?",
    SHORT_TRANSFORMER,
    tuple(
        Row(
            f"{kind}, width {width}, {data}",
            {"hidden_size": width},
            base=base,
            line=f"{kind}, {data}",
            x=width,
        )
        for kind, data, base in (
            ("transformer", "small", SHORT_TRANSFORMER),
            ("Mamba", "small", SHORT_MAMBA),
            ("transformer", "large", SHORT_LARGE_TRANSFORMER),
            ("Mamba", "large", SHORT_LARGE_MAMBA),
        )
        for width in (32, 64)
    ),
    axis="width (numbers a letter)",
)

# Every number of words gets about the same number of batches, so that none stops for want of steps.
# All are measured on all validation words of large, which stay the same.
ALL_WORDS = 17_824
_PASSES = {
    100: (10, 20),
    300: (10, 10),
    1_000: (10, 7),
    3_000: (10, 3),
    9_000: (12, 1),
}  # words: (epochs, passes an epoch)
DATA_SIZE = Experiment(
    "data-size",
    8,
    "How many words does each model need, and where do the curves cross?",
    SHORT_LARGE_TRANSFORMER,
    tuple(
        Row(
            f"{kind}, {words:,} words",
            {},
            {"words": words, "epochs": epochs, "passes": passes},
            base=base,
            line=kind,
            x=words,
        )
        for kind, base in (("transformer", SHORT_LARGE_TRANSFORMER), ("Mamba", SHORT_LARGE_MAMBA))
        for words, (epochs, passes) in _PASSES.items()
    )
    + (
        Row(
            "transformer, all words", base=SHORT_LARGE_TRANSFORMER, line="transformer", x=ALL_WORDS
        ),
        Row("Mamba, all words", base=SHORT_LARGE_MAMBA, line="Mamba", x=ALL_WORDS),
    ),
    axis="training words",
    log=True,
)

BEST = Experiment(
    "best",
    7,
    "What do the best models reach, and where do they still fail?",
    PRESETS["small-transformer"],
    (
        Row("transformer, small", student=Reported(0.025, 0.004, 0.970, 1.000)),
        Row(
            "transformer, large",
            base=PRESETS["large-transformer"],
            student=Reported(0.036, 0.006, 0.964, 1.000),
        ),
        Row(
            "Mamba, small",
            base=PRESETS["small-mamba"],
            student=Reported(0.144, 0.002, 0.870, 0.998),
        ),
        Row(
            "Mamba, large",
            base=PRESETS["large-mamba"],
            student=Reported(0.015, 0.000, 0.983, 0.998),
        ),
    ),
    FIVE,
    axis="model and data",
    on_request=True,
)

EXPERIMENTS = {
    experiment.name: experiment
    for experiment in (
        POSITIONS,
        DISCRETIZATION,
        A_AND_DELTA,
        HEADS,
        WIDTH,
        LAYERS,
        SCHEDULE,
        ACCUMULATION,
        BATCHING,
        WEIGHT_DECAY,
        MAMBA_LAYERS,
        EIGHT_RUNS,
        DATA_SIZE,
        DELTA_SCALE,
        LEARNING_RATE,
        KERNEL,
        STATE_SIZE,
        BEST,
    )
}


def choose(names: list[str]) -> list[Experiment]:
    """The experiments of these names, in the order of their worth; "all" stands for those that are
    not run on request only.

    Raises:
        ValueError: for an unknown name.
    """
    for name in names:
        if name != "all" and name not in EXPERIMENTS:
            raise ValueError(f"no experiment {name!r}; there are all, {', '.join(EXPERIMENTS)}")
    return [
        e for e in EXPERIMENTS.values() if e.name in names or ("all" in names and not e.on_request)
    ]
