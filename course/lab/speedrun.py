"""The Pig Latin speed run: how many seconds of training, from nothing, until so many of small's
validation words are right?
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import nmt
from course.lab.records import RECORDS
from nmt.checkpoints import build_model, read_config
from nmt.runs import Preset
from nmt.training import TrainingConfig, TrainingState, train

RECORD = RECORDS.parent / "speedrun.json"
_FAST = Preset(
    {"kind": "transformer", "dropout": 0.1},
    {"data": "small", "batch_size": 16, "batching": "random", "weight_decay": 0.2},
)
# A shorter run anneals sooner, a longer one reaches further: each goal has a length of its own.
# Random words, padded, beat batches of one length: fewer of them make an epoch, and none is
# one-sided.
RECIPES = {0.97: _FAST.but(training={"epochs": 16}), 0.99: _FAST.but(training={"epochs": 30})}


def speed_run(
    goal: float, seed: int = 0, on_epoch: Callable[[TrainingState], None] | None = None
) -> dict[str, Any]:
    """Train by the recipe of `goal` until that share of small's validation words is right, and stop
    the clock.

    The clock starts before the words are read and the model is made, and includes measuring after
    each epoch.

    Args:
        goal: a key of `RECIPES`.
        seed: of weights, order and dropout.
        on_epoch: called after each epoch.

    Returns:
        Plain data: goal, seed, reached, seconds (of the clock), epochs, the best word accuracy,
        parameters, and the settings.

    Raises:
        ValueError: if there is no recipe for the goal.
    """
    if goal not in RECIPES:
        raise ValueError(
            f"no recipe for {goal:g}; there are recipes for"
            f" {', '.join(f'{known:g}' for known in RECIPES)}"
        )
    recipe = RECIPES[goal]
    config = read_config(TrainingConfig, {**recipe.training, "seed": seed})
    began = time.perf_counter()
    torch.manual_seed(seed)
    model = build_model(recipe.model)

    def check(state: TrainingState) -> None:
        if on_epoch:
            on_epoch(state)
        if state.progress.best["val_accuracy"] >= goal:
            raise KeyboardInterrupt  # ends the training quietly

    state = train(model, config, on_epoch=check)
    seconds = time.perf_counter() - began
    accuracy = state.progress.best["val_accuracy"]
    return {
        "goal": goal,
        "seed": seed,
        "reached": accuracy >= goal,
        "seconds": round(seconds, 1),
        "epochs": len(state.progress.epochs),
        "val_accuracy": round(accuracy, 6),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "model": dict(recipe.model),
        "training": dict(recipe.training),
    }


def machine() -> dict[str, Any]:
    """What the seconds were measured on, without anything that names the machine."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
        "threads": torch.get_num_threads(),
        "system": platform.system(),
        "versions": {
            "nmt": nmt.__version__,
            "torch": torch.__version__.split("+")[0],
            "python": platform.python_version(),
        },
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
