"""The experiments on the transformer: positions, heads, width, layers, and how to train it."""

from course.lab.bases import FIVE, SHORT_TRANSFORMER, STUDENTS_BASE
from course.lab.grid import Experiment, Reported, Row

POSITIONS = Experiment(
    "positions",
    2,
    "What does the transformer lose without positions, and which way of telling them is best?",
    SHORT_TRANSFORMER,
    (
        Row("none", {"positions": "none"}, student=Reported(0.232, 0.114, 0.576, 0.858)),
        Row("sinusoidal", {"positions": "sinusoidal"}, student=STUDENTS_BASE),
        Row("learned", {"positions": "learned"}),
        Row(
            "learned-from-sinusoidal",
            {"positions": "learned-from-sinusoidal"},
            student=Reported(0.033, 0.004, 0.962, 1.000),
        ),
        Row("rotary", {"positions": "rotary"}),
    ),
    FIVE,
    axis="positions",
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
        Row(
            f"{layers} + {layers} layers",
            {"encoder_layers": layers, "decoder_layers": layers},
            x=layers,
            student=student,
        )
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
        Row(
            schedule,
            {},
            {"schedule": schedule, "plateau_patience": 1 if schedule == "plateau" else 5},
        )
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
    tuple(
        Row(f"{number} batch{'es' * (number > 1)}", {}, {"accumulate": number}, x=number)
        for number in (1, 2, 5)
    ),
    axis="batches added up for a step",
)
BATCHING = Experiment(
    "batching",
    4,
    "Does the bias of batches of one length matter, and does adding them up cure it?",
    SHORT_TRANSFORMER,
    tuple(
        Row(
            f"{name}, {number} added up",
            {},
            {"batching": batching, "accumulate": number},
            line=name,
            x=number,
        )
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
    tuple(
        Row(f"weight decay {decay:g}", {}, {"weight_decay": decay}, x=decay)
        for decay in (0.0, 0.01, 0.1, 0.7, 2.0)
    ),
    axis="weight decay",
)
