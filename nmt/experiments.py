"""Named runs: what to train, as plain data, and how a run leaves its record behind."""

import json
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

import nmt
from nmt.checkpoints import build_model, load_state, save_checkpoint, save_state, write_json
from nmt.data import load_pairs
from nmt.decoding import greedy_decode
from nmt.training import TrainingConfig, TrainingState, measure, train

RECORDS = Path(__file__).resolve().parent.parent / "assets" / "results" / "runs"


@dataclass(frozen=True)
class Preset:
    """A named run: a model's config as plain data, and how to train it."""

    model: dict[str, Any]
    training: dict[str, Any] = field(default_factory=dict)


_MAMBA = {"kind": "mamba", "num_layers": 4, "state_size": 64, "a_start": "minus-one", "a_learned": False}
PRESETS = {
    "small-transformer": Preset(
        {"kind": "transformer", "dropout": 0.2},
        {"data": "small", "epochs": 80, "batch_size": 8, "accumulate": 4, "weight_decay": 0.7},
    ),
    "large-transformer": Preset(
        {"kind": "transformer", "dropout": 0.1},
        {"data": "large", "epochs": 30, "batch_size": 32, "accumulate": 2, "weight_decay": 0.2},
    ),
    "small-mamba": Preset(
        {**_MAMBA, "dropout": 0.15, "inner_dropout": 0.15},
        {"data": "small", "epochs": 40, "batch_size": 8, "accumulate": 4, "weight_decay": 0.5},
    ),
    "large-mamba": Preset(
        {**_MAMBA, "dropout": 0.1, "inner_dropout": 0.05},
        {"data": "large", "epochs": 16, "batch_size": 32, "accumulate": 2, "weight_decay": 0.2},
    ),
}


def run(
    name: str,
    model_data: dict[str, Any],
    config: TrainingConfig,
    out: Path,
    on_epoch: Callable[[TrainingState], None] | None = None,
) -> dict[str, Any] | None:
    """Train one model in the folder `out`, going on where an interrupted run of the same settings stopped.

    After each epoch `out`/state.safetensors holds the run. At the end `out`/model.safetensors and `out`/model.json hold the best
    weights and the record. A finished run is not repeated: its record is returned.

    Args:
        name: what the record calls the run.
        model_data: the model's config as plain data.
        config: how to train.
        out: the run's own folder.
        on_epoch: called after each epoch.

    Returns:
        The record, or None if the run was interrupted.

    Raises:
        CheckpointError: if `out` holds a run with other settings, or a damaged one.
    """
    state_file = out / "state.safetensors"
    torch.manual_seed(config.seed)
    model = build_model(model_data)
    state = load_state(state_file, config, model.config_data()) if state_file.exists() else None

    def after_epoch(state: TrainingState) -> None:
        save_state(state_file, state, config)
        if on_epoch:
            on_epoch(state)

    state = train(state.model if state else model, config, state=state, on_epoch=after_epoch)
    if len(state.progress.epochs) < config.epochs:
        return None
    record = make_record(name, state, config)
    save_checkpoint(out / "model", state.model, record)
    write_json(out / "record.json", record)
    return record


def load_records(name: str, folder: Path = RECORDS) -> list[dict[str, Any]]:
    """The records of one named experiment that came with the course, NAME-seedK.json, in the order of their seeds.

    Args:
        name: such as "positions-rotary".
        folder: where the records lie.

    Raises:
        FileNotFoundError: if there is none of this name.
    """
    records = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob(f"{name}-seed[0-9]*.json")]
    if not records:
        raise FileNotFoundError(f"{folder / name}-seed*.json: no such record; restore it from git")
    return sorted(records, key=lambda record: record["seed"])


def make_record(name: str, state: TrainingState, config: TrainingConfig) -> dict[str, Any]:
    """All that a table or figure needs to know of a finished run, as plain data; losses and accuracies rounded to six digits."""
    model = state.model
    pairs = load_pairs(config.data)
    held_out = [pair for pair in pairs if pair.split == "val"]
    answers = greedy_decode(model, [pair.source for pair in held_out])
    train_loss, train_accuracy = measure(model, [pair for pair in pairs if pair.split == "train"])
    best = {**state.progress.best, "train_loss": train_loss, "train_accuracy": train_accuracy}  # of all training words
    return {
        "name": name,
        "model": model.config_data(),
        "training": asdict(config),
        "seed": config.seed,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "versions": {"nmt": nmt.__version__, "torch": torch.__version__.split("+")[0], "python": platform.python_version()},
        "threads": torch.get_num_threads(),
        "seconds": round(sum(row["seconds"] for row in state.progress.epochs), 1),
        "best": _rounded(best),
        "mistakes": [[p.source, p.target, answer] for p, answer in zip(held_out, answers, strict=True) if answer != p.target],
        "epochs": [_rounded(row) for row in state.progress.epochs],
    }


def _rounded(row: dict[str, Any]) -> dict[str, Any]:
    return {key: round(value, 6) if isinstance(value, float) else value for key, value in row.items()}
