"""An experiment as plain data: a question, a base, what varies, the seeds; and the list of runs
that it asks for.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from course.lab.records import settings_key
from nmt.checkpoints import read_config, read_model_config
from nmt.runs import Preset
from nmt.training import TrainingConfig

FIRST_SEEDS = 3  # seeds from this one on are trained last, when every row has its first ones


@dataclass(frozen=True)
class Reported:
    """What the student's report says of the same row: losses in nats per character, accuracies over
    words, from one run each.
    """

    val_loss: float
    train_loss: float
    val_accuracy: float
    train_accuracy: float


@dataclass(frozen=True)
class Row:
    """One row of an experiment's table: what differs from the experiment's base.

    `base` stands in for the experiment's, `seeds` for its seeds, where a row needs its own. `x` is
    the row's place on the axis of the figure where what varies is a number; `line` names the curve
    that it belongs to. `student` is the same row in the student's report. `name` is that of its
    runs, where it is not made from the label; `ships` names the checkpoints that its first seeds
    leave in assets/checkpoints/. `recipe` is the size whose recipe the base already has.
    """

    label: str
    model: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    base: Preset | None = None
    seeds: tuple[int, ...] = ()
    x: float | None = None
    line: str = ""
    student: Reported | None = None
    name: str = ""
    ships: tuple[str, ...] = ()
    recipe: str = ""


@dataclass(frozen=True)
class Run:
    """One training run: its name, the complete config of its model, and how to train it."""

    name: str
    model: Mapping[str, Any]
    training: TrainingConfig

    @property
    def seed(self) -> int:
        """The seed, which is no part of the settings."""
        return self.training.seed

    @cached_property
    def settings(self) -> str:
        """What it shares with the other seeds of the same row, and with no other run."""
        return settings_key(self.model, asdict(self.training))

    @property
    def key(self) -> tuple[str, int]:
        """What its record is found by."""
        return self.settings, self.seed

    @property
    def folder(self) -> str:
        """The name of the folder in which it trains: no two runs share one."""
        return f"{self.name}-seed{self.seed}-{self.settings}"


@dataclass(frozen=True)
class Experiment:
    """A question and the rows that answer it. `number` is the experiment's in the lab report;
    `axis` says what varies, with its unit.

    `log` puts the axis on a logarithmic scale. `on_request` leaves the experiment out of `run all`:
    its runs are long. `aside` leaves it out of the report. `long` says that it belongs to the sweep
    that is trained to the end; `waiting` names rows whose recipe is not chosen yet.
    """

    name: str
    question: str
    base: Preset
    rows: tuple[Row, ...]
    number: int = 0
    seeds: tuple[int, ...] = (0, 1, 2)
    axis: str = ""
    log: bool = False
    on_request: bool = False
    aside: bool = False
    long: bool = False
    waiting: tuple[str, ...] = ()

    def runs(self, row: Row) -> list[Run]:
        """The runs of one row, in the order of their seeds.

        Raises:
            ValueError: if the row's settings make no model, or no training.
        """
        settings = (row.base or self.base).but(dict(row.model), dict(row.training))
        model = {"kind": settings.model["kind"], **asdict(read_model_config(settings.model))}
        seeds = row.seeds or self.seeds
        label = slug(row.label)
        name = row.name or (label if self.name in label else f"{self.name}-{label}")
        return [
            Run(name, model, read_config(TrainingConfig, {**settings.training, "seed": seed}))
            for seed in seeds
        ]


def slug(label: str) -> str:
    """A label as part of a file name: small letters, digits and single dashes."""
    return re.sub(
        r"[^a-z0-9.]+", "-", label.replace("−", "minus-").replace("Δ", "delta").lower()
    ).strip("-")


def runs_of(experiments: Iterable[Experiment]) -> list[Run]:
    """Every run that the experiments ask for, each once, in the order in which to train: the first
    seeds of all, then the others.

    A run that two experiments share goes by its name in the first.
    """
    wanted: dict[tuple[str, int], tuple[tuple[bool, int, int, int], Run]] = {}
    for place, experiment in enumerate(experiments):
        for number, row in enumerate(experiment.rows):
            for run in experiment.runs(row):
                turn = (run.seed >= FIRST_SEEDS, place, run.seed, number)
                wanted.setdefault(run.key, (turn, run))
    return [run for _, run in sorted(wanted.values(), key=lambda entry: entry[0])]
