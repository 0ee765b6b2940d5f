"""One run: train a model in a folder of its own, go on where it stopped, and leave weights and record there."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from nmt.checkpoints import build_model, load_state, save_checkpoint, save_state, write_json
from nmt.data import load_pairs
from nmt.experiments.records import make_record
from nmt.training import TrainingConfig, TrainingState, measure, start_training, train


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

    if state and len(state.progress.epochs) >= config.epochs and (out / "record.json").exists():
        return json.loads((out / "record.json").read_text(encoding="utf-8"))

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


def record_divergence(name: str, model_data: dict[str, Any], config: TrainingConfig, out: Path, reason: str) -> dict[str, Any]:
    """The record of a run in `out` whose loss is no number any more: what its best epoch reached, and why it ended ("diverged").

    A run that diverged in its first epoch counts as it was before it: epoch 0.
    """
    torch.manual_seed(config.seed)
    model = build_model(model_data)
    state_file = out / "state.safetensors"
    state = load_state(state_file, config, model.config_data()) if state_file.exists() else start_training(model, config)
    if state.best_weights:
        state.model.load_state_dict(state.best_weights)
    else:
        loss, accuracy = measure(state.model, load_pairs(config.data, "val"))
        state.progress.best = {"epoch": 0, "val_loss": loss, "val_accuracy": accuracy}
    record = {**make_record(name, state, config), "diverged": reason}
    save_checkpoint(out / "model", state.model, record)
    write_json(out / "record.json", record)
    return record
