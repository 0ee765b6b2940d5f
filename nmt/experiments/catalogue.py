"""The lab report's experiments, in the order of their worth: what is trained first answers most.

All but the best models start from one of four bases, smaller and shorter than the best models, so that all of it can be repeated in a
night on two cores: numbers compare within an experiment, not with the best models. `student` is what the student's report says of the
same row; those runs were longer, one each, on splits that changed with every start, so they compare with ours only roughly.
"""

from typing import Any

from nmt.experiments.grid import Experiment, Reported, Row
from nmt.experiments.presets import PRESETS, Preset

SHORT_TRANSFORMER = PRESETS["small-transformer"].but(training={"epochs": 20, "batch_size": 32, "accumulate": 2})
SHORT_MAMBA = Preset(
    {"kind": "mamba", "num_layers": 2, "state_size": 16, "kernel_size": 4},
    {"data": "small", "epochs": 15, "batch_size": 16, "accumulate": 2, "learning_rate": 1e-2, "weight_decay": 0.1},
)
# Large has seven times as many words: fewer passes, larger batches, less weight decay and dropout.
SHORT_LARGE_TRANSFORMER = Preset(
    {"kind": "transformer", "dropout": 0.1}, {"data": "large", "epochs": 7, "batch_size": 32, "accumulate": 2, "weight_decay": 0.2}
)
SHORT_LARGE_MAMBA = Preset(
    SHORT_MAMBA.model,
    {"data": "large", "epochs": 6, "batch_size": 32, "accumulate": 1, "learning_rate": 1e-2, "weight_decay": 0.1},
)
THREE = (0, 1, 2)
FIVE = (*THREE, 3, 4)  # where two rows are compared in words
MINUS_ONE = {"a_start": "minus-one"}
FIXED = {"a_learned": False}
STUDENTS_BASE = Reported(0.043, 0.050, 0.909, 0.957)
STUDENTS_MAMBA = Reported(0.237, 0.003, 0.654, 0.996)

POSITIONS = Experiment(
    "positions",
    2,
    "What does the transformer lose without positions, and which way of telling them is best?",
    SHORT_TRANSFORMER,
    (
        Row("none", {"positions": "none"}, student=Reported(0.232, 0.114, 0.576, 0.858)),
        Row("sinusoidal", {"positions": "sinusoidal"}, student=STUDENTS_BASE),
        Row("learned", {"positions": "learned"}),
        Row("learned-from-sinusoidal", {"positions": "learned-from-sinusoidal"}, student=Reported(0.033, 0.004, 0.962, 1.000)),
        Row("rotary", {"positions": "rotary"}),
    ),
    FIVE,
    axis="positions",
)

DISCRETIZATION = Experiment(
    "discretization",
    5,
    "Which rule makes the best recurrence of Mamba's differential equation, when the scan is correct?",
    SHORT_MAMBA,
    (
        Row("mixed", student=STUDENTS_MAMBA),
        Row("zero-order hold", {"discretization": "zoh"}, student=Reported(0.252, 0.004, 0.638, 0.998)),
        Row("bilinear", {"discretization": "bilinear"}),
        Row("backward Euler", {"discretization": "backward_euler"}),
        Row(
            "bilinear, factors taken for logarithms",
            {"discretization": "bilinear", "scan": "wrong-factors-as-logs"},
            student=Reported(0.175, 0.002, 0.833, 0.998),
        ),
        Row("mixed, A = −1", MINUS_ONE, student=Reported(0.107, 0.002, 0.818, 0.997)),
        Row("zero-order hold, A = −1", {"discretization": "zoh", **MINUS_ONE}, seeds=THREE, student=Reported(0.142, 0.001, 0.808, 0.998)),
        Row("bilinear, A = −1", {"discretization": "bilinear", **MINUS_ONE}, seeds=THREE),
        Row("backward Euler, A = −1", {"discretization": "backward_euler", **MINUS_ONE}, seeds=THREE),
        Row(
            "bilinear, factors taken for logarithms, A = −1",
            {"discretization": "bilinear", "scan": "wrong-factors-as-logs", **MINUS_ONE},
            seeds=THREE,
            student=Reported(0.119, 0.002, 0.873, 0.998),
        ),
    ),
    FIVE,
    axis="discretisation rule",
)

# "Δ a position code" stands in the report without a number. We read it as: Δ_t = softplus(W code(t) + b) with the sinusoidal code of the
# position t in the place of the letter, so that the step size knows where the model is but not what it reads.
_A: dict[str, dict[str, Any]] = {
    "A learned from −1 … −n": {},
    "A fixed at −1 … −n": FIXED,
    "A learned from −1": MINUS_ONE,
    "A fixed at −1": {**MINUS_ONE, **FIXED},
}
_DELTA = {"Δ from the input": "input", "Δ constant": "constant", "Δ a position code": "position"}
_STUDENTS_A_AND_DELTA = {
    ("A learned from −1 … −n", "Δ from the input"): STUDENTS_MAMBA,
    ("A learned from −1", "Δ from the input"): Reported(0.107, 0.002, 0.818, 0.997),
    ("A fixed at −1", "Δ from the input"): Reported(0.168, 0.003, 0.833, 0.997),
    ("A learned from −1", "Δ constant"): Reported(0.157, 0.002, 0.839, 0.997),
}
A_AND_DELTA = Experiment(
    "a-and-delta",
    6,
    "Must A be learned, and must Δ depend on the letter?",
    SHORT_MAMBA,
    tuple(
        Row(f"{a}, {delta}", {**settings, "delta": source}, line=delta, student=_STUDENTS_A_AND_DELTA.get((a, delta)))
        for delta, source in _DELTA.items()
        for a, settings in _A.items()
    ),
    axis="A and Δ",
)

HEADS = Experiment(
    "heads",
    3,
    "Into how many heads should 64 coordinates be cut?",
    SHORT_TRANSFORMER,
    tuple(
        Row(f"{heads} head{'s' * (heads > 1)}", {"num_heads": heads}, x=heads, student=student)
        for heads, student in (
            (1, None),
            (2, None),
            (4, STUDENTS_BASE),
            (8, Reported(0.059, 0.034, 0.912, 0.971)),
            (16, Reported(0.070, 0.049, 0.853, 0.970)),
        )
    ),
    FIVE,
    axis="heads of 64 / heads coordinates each",
    log=True,
)
WIDTH = Experiment(
    "width",
    3,
    "How wide must the transformer be?",
    SHORT_TRANSFORMER,
    tuple(
        Row(f"width {width}", {"hidden_size": width}, x=width, student=student)
        for width, student in (
            (8, None),
            (16, None),
            (32, Reported(0.106, 0.137, 0.779, 0.923)),
            (64, STUDENTS_BASE),
            (128, None),
        )
    ),
    axis="width (numbers a letter)",
    log=True,
)
LAYERS = Experiment(
    "layers",
    3,
    "Do more layers help, or overfit?",
    SHORT_TRANSFORMER,
    tuple(
        Row(f"{layers} + {layers} layers", {"encoder_layers": layers, "decoder_layers": layers}, x=layers, student=student)
        for layers, student in (
            (1, Reported(0.086, 0.071, 0.842, 0.935)),
            (2, STUDENTS_BASE),
            (4, Reported(0.120, 0.016, 0.812, 0.984)),
            (8, None),
        )
    ),
    axis="layers in the encoder, and as many in the decoder",
    log=True,
)

SCHEDULE = Experiment(
    "schedule",
    4,
    "How should the learning rate fall?",
    SHORT_TRANSFORMER,
    tuple(
        Row(schedule, {}, {"schedule": schedule, "plateau_patience": 1 if schedule == "plateau" else 5})
        for schedule in ("constant", "plateau", "cosine")
    ),
    FIVE,
    axis="schedule of the learning rate",
)
ACCUMULATION = Experiment(
    "accumulation",
    4,
    "Does adding up the gradients of several batches help?",
    SHORT_TRANSFORMER,
    tuple(Row(f"{number} batch{'es' * (number > 1)}", {}, {"accumulate": number}, x=number) for number in (1, 2, 5)),
    axis="batches added up for a step",
)
BATCHING = Experiment(
    "batching",
    4,
    "Does the bias of batches of one length matter, and does adding them up cure it?",
    SHORT_TRANSFORMER,
    tuple(
        Row(f"{name}, {number} added up", {}, {"batching": batching, "accumulate": number}, line=name, x=number)
        for batching, name in (("length", "one length"), ("random", "random lengths, padded"))
        for number in (1, 2, 5)
    ),
    FIVE,
    axis="batches added up for a step",
)
WEIGHT_DECAY = Experiment(
    "weight-decay",
    4,
    "How much should weights decay?",
    SHORT_TRANSFORMER,
    tuple(Row(f"weight decay {decay:g}", {}, {"weight_decay": decay}, x=decay) for decay in (0.0, 0.01, 0.1, 0.7, 2.0)),
    axis="weight decay",
)

MAMBA_LAYERS = Experiment(
    "mamba-layers",
    6,
    "How many layers, and how wide, must Mamba be?",
    SHORT_MAMBA,
    (
        Row("width 32, 2 layers", {"hidden_size": 32}, student=Reported(0.153, 0.011, 0.844, 0.996)),
        Row("width 64, 1 layer", {"num_layers": 1}, student=Reported(0.167, 0.004, 0.867, 0.997)),
        Row("width 64, 2 layers", student=STUDENTS_MAMBA),
        Row("width 64, 4 layers", {"num_layers": 4}),
    ),
    axis="size of the model",
)
EIGHT_RUNS = Experiment(
    "eight-runs",
    1,
    "What do model size and data size do to both models?",
    SHORT_TRANSFORMER,
    tuple(
        Row(f"{kind}, width {width}, {data}", {"hidden_size": width}, base=base, line=f"{kind}, {data}", x=width)
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

# Every number of words gets about the same number of batches, so that none stops for want of steps. All are measured on all validation
# words of large, which stay the same.
ALL_WORDS = 17_824
_PASSES = {100: (10, 20), 300: (10, 10), 1_000: (10, 7), 3_000: (10, 3), 9_000: (12, 1)}  # words: (epochs, passes an epoch)
DATA_SIZE = Experiment(
    "data-size",
    8,
    "How many words does each model need, and where do the curves cross?",
    SHORT_LARGE_TRANSFORMER,
    tuple(
        Row(f"{kind}, {words:,} words", {}, {"words": words, "epochs": epochs, "passes": passes}, base=base, line=kind, x=words)
        for kind, base in (("transformer", SHORT_LARGE_TRANSFORMER), ("Mamba", SHORT_LARGE_MAMBA))
        for words, (epochs, passes) in _PASSES.items()
    )
    + (
        Row("transformer, all words", base=SHORT_LARGE_TRANSFORMER, line="transformer", x=ALL_WORDS),
        Row("Mamba, all words", base=SHORT_LARGE_MAMBA, line="Mamba", x=ALL_WORDS),
    ),
    axis="training words",
    log=True,
)

DELTA_SCALE = Experiment(
    "delta-scale",
    6,
    "Does Mamba become stable only when Δ is divided by the root of the width?",
    SHORT_MAMBA,
    (Row("Δ as it is"), Row("Δ / √128", {"delta_scaled": True})),
    FIVE,
    axis="Δ",
)
LEARNING_RATE = Experiment(
    "learning-rate",
    6,
    "Which learning rate suits Mamba?",
    SHORT_MAMBA,
    tuple(Row(f"learning rate {rate:g}", {}, {"learning_rate": rate}, x=rate) for rate in (3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)),
    axis="learning rate",
    log=True,
)
KERNEL = Experiment(
    "kernel",
    6,
    "How many letters should Mamba's convolution see?",
    SHORT_MAMBA,
    tuple(Row(f"kernel {size}", {"kernel_size": size}, x=size) for size in (2, 4, 8, 16)),
    axis="letters under the convolution",
    log=True,
)
STATE_SIZE = Experiment(
    "state-size",
    6,
    "How many numbers must each channel of Mamba remember?",
    SHORT_MAMBA,
    tuple(Row(f"state size {size}", {"state_size": size}, x=size) for size in (1, 4, 16, 64)),
    axis="numbers a channel remembers",
    log=True,
)

BEST = Experiment(
    "best",
    7,
    "What do the best models reach, and where do they still fail?",
    PRESETS["small-transformer"],
    (
        Row("transformer, small", student=Reported(0.025, 0.004, 0.970, 1.000)),
        Row("transformer, large", base=PRESETS["large-transformer"], student=Reported(0.036, 0.006, 0.964, 1.000)),
        Row("Mamba, small", base=PRESETS["small-mamba"], student=Reported(0.144, 0.002, 0.870, 0.998)),
        Row("Mamba, large", base=PRESETS["large-mamba"], student=Reported(0.015, 0.000, 0.983, 0.998)),
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
    """The experiments of these names, in the order of their worth; "all" stands for those that are not run on request only.

    Raises:
        ValueError: for an unknown name.
    """
    for name in names:
        if name != "all" and name not in EXPERIMENTS:
            raise ValueError(f"no experiment {name!r}; there are all, {', '.join(EXPERIMENTS)}")
    return [e for e in EXPERIMENTS.values() if e.name in names or ("all" in names and not e.on_request)]
