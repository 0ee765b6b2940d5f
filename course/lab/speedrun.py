"""The Pig Latin speed run: how many seconds of training, from nothing, until so many of small's
validation words are right?
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch

import nmt
from course.lab.records import RECORDS, compact_json
from nmt.checkpoints import build_model, read_config, write_whole
from nmt.runs import Preset
from nmt.training import TrainingConfig, TrainingState, train

RECORD = RECORDS.parent / "speedrun.json"
# Each batch a step, and a quarter of the usual MLP, for speed; rotary positions that turn faster,
# and across as well, as in the short runs of notebook 03.
_FAST = Preset(
    {"kind": "transformer", "mlp_size": 64, "rotary_cross": True, "rotary_base": 100.0},
    {"data": "small", "batch_size": 32, "weight_decay": 0.5},
)
# A shorter run anneals sooner, a longer one reaches further: each goal has a length of its own.
RECIPES = {
    0.97: _FAST.but({"dropout": 0.05}, {"epochs": 18, "learning_rate": 0.008}),
    0.99: _FAST.but({"dropout": 0.1}, {"epochs": 36, "learning_rate": 0.005}),
}


def speed_run(goal: float, seed: int = 0) -> dict[str, Any]:
    """Train by the recipe of `goal` until that share of small's validation words is right, and stop
    the clock.

    The clock starts before the words are read and the model is made, and includes measuring after
    each epoch.

    Args:
        goal: a key of `RECIPES`.
        seed: of weights, order and dropout.

    Returns:
        Plain data: goal, seed, reached, seconds (of the clock), epochs, the last word accuracy,
        parameters, and the settings.

    Raises:
        ValueError: if there is no recipe for the goal.
        KeyboardInterrupt: if the training was interrupted.
    """
    recipe = _recipe(goal)
    config = read_config(TrainingConfig, {**recipe.training, "seed": seed})
    began = time.perf_counter()
    torch.manual_seed(seed)
    model = build_model(recipe.model)

    def reached(state: TrainingState) -> bool:
        return bool(state.progress.epochs[-1]["val_accuracy"] >= goal)

    state = train(model, config, on_epoch=reached)
    seconds = time.perf_counter() - began
    if state.interrupted:
        raise KeyboardInterrupt
    return {
        "goal": goal,
        "seed": seed,
        "reached": reached(state),
        "seconds": round(seconds, 2),
        "epochs": len(state.progress.epochs),
        "val_accuracy": round(state.progress.epochs[-1]["val_accuracy"], 6),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "model": dict(recipe.model),
        "training": dict(recipe.training),
    }


def _recipe(goal: float) -> Preset:
    if goal not in RECIPES:
        known = ", ".join(f"{one:g}" for one in RECIPES)
        raise ValueError(f"no recipe for {goal:g}; there are recipes for {known}")
    return RECIPES[goal]


def speed_runs(
    goals: Iterable[float], seeds: Iterable[int], out: Path, tell: Callable[[dict[str, Any]], None]
) -> None:
    """Every goal with every seed, and their record in `out`.

    Until all are done, finished runs are kept beside it, in NAME.part.json, and `out` stays as it
    was. An interrupted record goes on with the next run, on the same machine.

    Args:
        goals, seeds: what to run.
        out: the record.
        tell: called with each finished run.

    Raises:
        ValueError: before the first run, if there is no recipe for a goal.
        KeyboardInterrupt: if a run was interrupted.
    """
    recipes, here, part = {g: _recipe(g) for g in goals}, machine(), out.with_suffix(".part.json")
    if out.is_dir():
        raise IsADirectoryError(f"{out}: a folder, but the record is a file")
    kept = json.loads(part.read_text(encoding="utf-8")) if part.exists() else {}
    runs = kept["runs"] if kept.get("machine") == here else {}
    _keep(part, here, runs)  # a folder that can't be written is said before the first run
    wanted = {f"{goal:g}, seed {seed}": (goal, seed) for goal in recipes for seed in seeds}
    for name, (goal, seed) in wanted.items():
        settings = {"model": recipes[goal].model, "training": recipes[goal].training}
        if settings.items() <= runs.get(name, {}).items():
            continue
        runs[name] = speed_run(goal, seed)
        tell(runs[name])
        _keep(part, here, runs)
    _keep(out, here, {name: runs[name] for name in wanted})
    part.unlink(missing_ok=True)


def _keep(path: Path, where: dict[str, Any], runs: dict[str, Any]) -> None:
    write_whole(path, compact_json({"machine": where, "runs": runs}, levels=2).encode())


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
