"""Presets, and one run in a folder of its own: go on where it stopped, leave weights and record."""

import json
import math
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import torch

import nmt
from nmt.checkpoints import build_model, load_state, save_checkpoint, save_state
from nmt.data import WordPair, load_pairs, training_words
from nmt.decoding import Seq2Seq, greedy_decode
from nmt.evaluation import measure
from nmt.files import write_json
from nmt.training import TrainingConfig, TrainingState, start_training, train

Settings = dict[str, Any]  # a config as plain data


@dataclass(frozen=True)
class Preset:
    """A named run: a model's config as plain data, and how to train it."""

    model: Settings
    training: Settings = field(default_factory=dict)

    def but(self, model: Settings | None = None, training: Settings | None = None) -> "Preset":
        """The same with some settings changed."""
        return Preset({**self.model, **(model or {})}, {**self.training, **(training or {})})


# No gate: notebook 06, section 9, found that it is not missed. Its cost goes into more blocks.
_FIXED_A = {"a_start": "minus-one", "a_learned": False}
_MAMBA = {"kind": "mamba", "num_layers": 6, **_FIXED_A, "gate": False}
PRESETS = {
    "small-transformer": Preset(
        {"kind": "transformer", "dropout": 0.2},
        {"data": "small", "epochs": 120, "batch_size": 8, "accumulate": 4, "weight_decay": 0.7},
    ),
    "large-transformer": Preset(
        {"kind": "transformer", "dropout": 0.1},
        {"data": "large", "epochs": 40, "batch_size": 32, "accumulate": 2, "weight_decay": 0.2},
    ),
    "small-mamba": Preset(
        {**_MAMBA, "state_size": 64, "dropout": 0.15, "inner_dropout": 0.15},
        {"data": "small", "epochs": 45, "batch_size": 8, "accumulate": 4, "weight_decay": 0.5},
    ),
    "large-mamba": Preset(
        {**_MAMBA, "state_size": 32, "dropout": 0.1, "inner_dropout": 0.1},
        {"data": "large", "epochs": 25, "batch_size": 32, "accumulate": 1, "weight_decay": 0.3},
    ),
}


def run(
    name: str,
    model_data: dict[str, Any],
    config: TrainingConfig,
    out: Path,
    on_epoch: Callable[[TrainingState], None] | None = None,
) -> dict[str, Any] | None:
    """Train one model in the folder `out`, going on where an interrupted run stopped.

    After each epoch `out`/state.safetensors holds the run. At the end `out`/model.safetensors holds
    the last weights and the record, and `out`/record.json the record alone. A finished run is not
    repeated: its record is returned.

    Args:
        name: what the record calls the run.
        model_data: the model's config as plain data.
        on_epoch: called after each epoch.

    Returns the record, or None if the run was interrupted. Raises `CheckpointError` if `out` holds
    a run with other settings, or a damaged one.
    """
    state_file = out / "state.safetensors"
    torch.manual_seed(config.seed)
    model = build_model(model_data)
    state = load_state(state_file, config, model.config_data()) if state_file.exists() else None

    record_file = out / "record.json"
    if state and len(state.progress.epochs) >= config.epochs and record_file.exists():
        return json.loads(record_file.read_text(encoding="utf-8"))

    def after_epoch(state: TrainingState) -> None:
        save_state(state_file, state, config)
        if on_epoch:
            on_epoch(state)

    state = train(state.model if state else model, config, state=state, on_epoch=after_epoch)
    if state.interrupted:
        return None
    return _leave(out, state, make_record(name, state, config))


def _leave(out: Path, state: TrainingState, record: dict[str, Any]) -> dict[str, Any]:
    save_checkpoint(out / "model", state.model, record)
    write_json(out / "record.json", record)
    return record


def record_divergence(
    name: str, model_data: dict[str, Any], config: TrainingConfig, out: Path, reason: str
) -> dict[str, Any]:
    """The record of a run in `out` that diverged: what its last epoch reached, and why it ended.

    A run that diverged in its first epoch counts as it was before it: epoch 0.
    """
    torch.manual_seed(config.seed)
    model = build_model(model_data)
    state_file = out / "state.safetensors"
    if state_file.exists():
        state = load_state(state_file, config, model.config_data())
    else:
        state = start_training(model, config)
    return _leave(out, state, {**make_record(name, state, config), "diverged": reason})


def make_record(name: str, state: TrainingState, config: TrainingConfig) -> dict[str, Any]:
    """All that a table or figure needs to know of a finished run, as plain data of six digits.

    "last" is what the last epoch reached, its training figures over all training words; no epoch is
    chosen. "wide" is the same for `choosing_words`, if there are any. Mistakes are those on the
    validation words of the run's data set. `cpu_seconds` is the processor's time for training (of
    all threads together), `seconds` the clock's; "latency" is in processor milliseconds a word.
    """
    model = state.model
    held_out = load_pairs(config.data, "val")
    answers = greedy_decode(model, [pair.source for pair in held_out])
    learned = training_words(load_pairs(config.data, "train"), config.words)
    rows, asked = state.progress.epochs, zip(held_out, answers, strict=True)
    versions = {"nmt": nmt.__version__, "torch": torch.__version__.split("+")[0]}
    wide = {}
    if choosing := choosing_words(config):
        wide = {"wide": {"words": len(choosing), **_rounded(_figures("val", model, choosing))}}
    return {
        "name": name,
        "model": model.config_data(),
        "training": asdict(config),
        "seed": config.seed,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "versions": {**versions, "python": platform.python_version()},
        "threads": torch.get_num_threads(),
        "seconds": round(sum(row["seconds"] for row in rows), 1),
        "cpu_seconds": round(sum(row.get("cpu_seconds", row["seconds"]) for row in rows), 1),
        "latency": _latency(model, [pair.source for pair in held_out]),
        "steps": state.progress.steps,
        "words_seen": len(learned) * config.passes * len(rows),
        "words": len(held_out),
        "last": _rounded(
            {
                "epoch": len(rows),
                **_figures("val", model, held_out),
                **_figures("train", model, learned),
            }
        ),
        **wide,
        "mistakes": [[p.source, p.target, said] for p, said in asked if said != p.target],
        "epochs": [_rounded(row) for row in rows],
    }


def reported(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """The figures of a run: those of its last epoch.

    Records from before that rule know only their best epoch's, chosen on the very words that are
    reported; there these are returned.
    """
    return record["last"] if "last" in record else record["best"]


def choosing_words(config: TrainingConfig) -> Sequence[WordPair]:
    """Words that may choose a recipe: no table reports them, and the run did not learn from them.

    After a run on small, `wide_words`; after one on a part of large, the training words left out;
    after one on all of large there are none.
    """
    if config.data == "small":
        return wide_words()
    words = load_pairs(config.data, "train")
    learned = set(training_words(words, config.words))
    return [pair for pair in words if pair not in learned]


@cache
def wide_words() -> tuple[WordPair, ...]:
    """1,726 words that choose a recipe, so that small's 323 validation words choose nothing.

    They are the validation words of large that small does not hold, of four letters or more and
    with a vowel: the others are abbreviations, such as "msgstr", whose kind small never shows. A
    word's split is the same in both sets, so none of them is a training or a test word of small.
    """
    small = {pair.source for pair in load_pairs("small")}
    return tuple(
        pair
        for pair in load_pairs("large", "val")
        if pair.source not in small and len(pair.source) > 3 and set(pair.source) & set("aeiou")
    )


def _figures(split: str, model: Seq2Seq, pairs: Sequence[WordPair]) -> dict[str, Any]:
    loss, accuracy = measure(model, pairs)
    return {f"{split}_loss": loss, f"{split}_accuracy": accuracy}


def _latency(model: Seq2Seq, words: Sequence[str]) -> dict[str, float]:
    """Processor milliseconds a word for spelling 16 words one by one, and 256 in one batch."""
    found = {}
    for size, batches in ((1, [[word] for word in words[:16]]), (256, [words[:256]])):
        began = time.process_time()
        for batch in batches:
            greedy_decode(model, batch)
        spent = time.process_time() - began
        found[str(size)] = round(1000 * spent / sum(map(len, batches)), 3)
    return found


def _rounded(row: dict[str, Any]) -> dict[str, Any]:
    """Six digits behind the point; None for what is no number, which JSON can't hold."""
    rounded = dict(row)
    for key, value in row.items():
        if isinstance(value, float):
            rounded[key] = round(value, 6) if math.isfinite(value) else None
    return rounded
