"""The experiments on Mamba: discretisation, A and Δ, and its sizes."""

from typing import Any

from course.lab.bases import FIVE, FIXED, MINUS_ONE, SHORT_MAMBA, STUDENTS_MAMBA, THREE
from course.lab.grid import Experiment, Reported, Row

DISCRETIZATION = Experiment(
    "discretization",
    5,
    "Which rule makes the best recurrence of Mamba's differential equation, when the scan is"
    " correct?",
    SHORT_MAMBA,
    (
        Row("mixed", student=STUDENTS_MAMBA),
        Row(
            "zero-order hold",
            {"discretization": "zoh"},
            student=Reported(0.252, 0.004, 0.638, 0.998),
        ),
        Row("bilinear", {"discretization": "bilinear"}),
        Row("backward Euler", {"discretization": "backward_euler"}),
        Row(
            "bilinear, factors taken for logarithms",
            {"discretization": "bilinear", "scan": "wrong-factors-as-logs"},
            student=Reported(0.175, 0.002, 0.833, 0.998),
        ),
        Row("mixed, A = −1", MINUS_ONE, student=Reported(0.107, 0.002, 0.818, 0.997)),
        Row(
            "zero-order hold, A = −1",
            {"discretization": "zoh", **MINUS_ONE},
            seeds=THREE,
            student=Reported(0.142, 0.001, 0.808, 0.998),
        ),
        Row("bilinear, A = −1", {"discretization": "bilinear", **MINUS_ONE}, seeds=THREE),
        Row(
            "backward Euler, A = −1", {"discretization": "backward_euler", **MINUS_ONE}, seeds=THREE
        ),
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

# "Δ a position code" stands in the report without a number. We read it as: Δ_t = softplus(W code(t)
# + b) with the sinusoidal code of the position t in the place of the letter, so that the step size
# knows where the model is but not what it reads.
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
        Row(
            f"{a}, {delta}",
            {**settings, "delta": source},
            line=delta,
            student=_STUDENTS_A_AND_DELTA.get((a, delta)),
        )
        for delta, source in _DELTA.items()
        for a, settings in _A.items()
    ),
    axis="A and Δ",
)

MAMBA_LAYERS = Experiment(
    "mamba-layers",
    6,
    "How many layers, and how wide, must Mamba be?",
    SHORT_MAMBA,
    (
        Row(
            "width 32, 2 layers", {"hidden_size": 32}, student=Reported(0.153, 0.011, 0.844, 0.996)
        ),
        Row("width 64, 1 layer", {"num_layers": 1}, student=Reported(0.167, 0.004, 0.867, 0.997)),
        Row("width 64, 2 layers", student=STUDENTS_MAMBA),
        Row("width 64, 4 layers", {"num_layers": 4}),
    ),
    axis="size of the model",
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
    tuple(
        Row(f"learning rate {rate:g}", {}, {"learning_rate": rate}, x=rate)
        for rate in (3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
    ),
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
