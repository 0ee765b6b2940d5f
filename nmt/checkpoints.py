"""Models and runs on disk: safetensors for the numbers, JSON for the words, each file whole or not
there at all. No pickle.
"""

import hashlib
import json
import reprlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from nmt import ROOT
from nmt.files import as_json, write_together, write_whole
from nmt.files import write_json as write_json  # others find it here
from nmt.mamba import Mamba, MambaConfig
from nmt.training import Progress, TrainingConfig, TrainingState, start_training
from nmt.transformer import Transformer, TransformerConfig

FORMAT = "nmt-1"  # changes when older files can no longer be read
SHIPPED = ROOT / "assets" / "checkpoints"
KINDS: dict[str, tuple[type[nn.Module], type]] = {
    "transformer": (Transformer, TransformerConfig),
    "mamba": (Mamba, MambaConfig),
}


class CheckpointError(ValueError):
    """A checkpoint that can't be used; the message names the file and the reason."""


@dataclass(frozen=True)
class Checkpoint:
    """A trained model, in evaluation mode, and the record of the run that made it."""

    model: Any  # Transformer or Mamba: whatever needs only what both offer
    record: dict[str, Any]


def build_model(data: Mapping[str, Any]) -> Any:
    """A model with fresh weights from its config as plain data, the reverse of `config_data()`.

    Raises:
        ValueError: for an unknown kind, an unknown key, or a value of the wrong type or size.
    """
    kind = data.get("kind")
    if kind not in KINDS:
        raise ValueError(f"unknown kind of model {kind!r}; choose one of {', '.join(KINDS)}")
    model_class, config_class = KINDS[kind]
    return model_class(
        read_config(config_class, {key: value for key, value in data.items() if key != "kind"})
    )


def read_config(config_class: type, data: Mapping[str, Any]) -> Any:
    """A config dataclass from plain data, every key and type checked.

    Raises:
        ValueError: naming the key, and what was expected.
    """
    types = {item.name: type(item.default) for item in fields(config_class)}
    checked: dict[str, Any] = {}
    for key, value in data.items():
        if key not in types:
            raise ValueError(
                f"unknown key {key!r}; {config_class.__name__} has {', '.join(sorted(types))}"
            )
        if types[key] is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if type(value) is not types[key]:
            raise ValueError(f"{key} must be of type {types[key].__name__}, but is {value!r}")
        checked[key] = value
    return config_class(**checked)


def save_checkpoint(path: str | Path, model: Any, record: Mapping[str, Any]) -> None:
    """Save a model as `path`.safetensors (weights and config) and its record as `path`.json, which
    holds the first file's checksum.

    Args:
        path: with or without the ending .safetensors.
        model: a model of the course.
        record: plain data about the run that made it.
    """
    stem = _stem(path)
    weights = _pack(model.state_dict(), {"model": model.config_data()})
    record_text = as_json({**record, "weights_sha256": hashlib.sha256(weights).hexdigest()})
    write_together(
        {
            stem.with_name(stem.name + ".safetensors"): weights,
            stem.with_name(stem.name + ".json"): record_text,
        }
    )


def load_checkpoint(path: str | Path) -> Checkpoint:
    """Load a model with its record.

    Args:
        path: a file, with or without its ending, or the name of a checkpoint that comes with the
            course ("transformer-small").

    Raises:
        CheckpointError: naming the file and what is wrong: missing, truncated, of another format,
            weights and record not of one run.
    """
    stem = _found(path)
    weights, record_file = (
        stem.with_name(stem.name + ".safetensors"),
        stem.with_name(stem.name + ".json"),
    )
    tensors, metadata = _read_tensors(weights)
    try:
        record = json.loads(record_file.read_text(encoding="utf-8"))
        checksum = record.pop("weights_sha256")
    except FileNotFoundError:
        raise CheckpointError(
            f"{record_file}: no such file; a checkpoint is a .safetensors and a .json file side by"
            " side"
        ) from None
    except OSError as error:
        raise CheckpointError(f"{record_file}: can't be read ({error.strerror})") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise CheckpointError(f"{record_file}: not the record of a checkpoint") from None
    if checksum != hashlib.sha256(weights.read_bytes()).hexdigest():
        raise CheckpointError(
            f"{record_file}: belongs to other weights than {weights.name}; take both files from"
            " one run"
        )
    model = _read_model(weights, metadata, tensors)
    return Checkpoint(model.eval(), record)


def fingerprint(path: str | Path) -> str:
    """Twelve hexadecimal digits of a checkpoint's weights: what a record of measurements names them
    by. `path` as in `load_checkpoint`.

    Raises:
        CheckpointError: if there is no such file.
    """
    stem = _found(path)
    try:
        return hashlib.sha256(stem.with_name(stem.name + ".safetensors").read_bytes()).hexdigest()[
            :12
        ]
    except FileNotFoundError:
        raise CheckpointError(f"{stem}.safetensors: no such file") from None


def save_state(path: Path, state: TrainingState, config: TrainingConfig) -> None:
    """Save all that a run needs to go on after the last finished epoch, in one file."""
    tensors = {f"model/{name}": tensor for name, tensor in state.model.state_dict().items()}
    tensors |= {f"best/{name}": tensor for name, tensor in state.best_weights.items()}
    for index, moments in state.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{index}/{name}": tensor for name, tensor in moments.items()}
    tensors["random_state"] = state.random_state
    metadata = {
        "model": state.model.config_data(),
        "training": asdict(config),
        "progress": asdict(state.progress),
    }
    write_whole(path, _pack(tensors, metadata))


def load_state(path: Path, config: TrainingConfig, model_data: Mapping[str, Any]) -> TrainingState:
    """Read a run as `save_state` left it, to go on with the same settings.

    Raises:
        CheckpointError: if the file can't be read, or holds a run with other settings.
    """
    tensors, metadata = _read_tensors(path)
    try:
        # Settings that did not exist when the run began had the value that is their default now.
        saved = {
            "model": metadata["model"],
            "training": {**asdict(TrainingConfig()), **metadata["training"]},
        }
        progress = _read_progress(metadata["progress"])
        if not isinstance(saved["model"], dict):
            raise TypeError("a config is a table")
    except (KeyError, TypeError, ValueError):
        raise CheckpointError(f"{path}: holds a model, not a run to go on with") from None
    for part, wanted in (("model", dict(model_data)), ("training", asdict(config))):
        for key in sorted(wanted.keys() | saved[part].keys()):
            here, there = wanted.get(key), saved[part].get(key)
            if here != there:
                raise CheckpointError(
                    f"{path}: a run with {key} {reprlib.repr(there)}, not {here!r}; go on with its"
                    " settings, or choose another --out"
                )
    model = _read_model(path, metadata, _under("model/", tensors))
    state = start_training(model, config)
    moments: dict[int, dict[str, Tensor]] = {}
    try:
        for name, tensor in _under("optimizer/", tensors).items():
            index, moment = name.split("/")
            moments.setdefault(int(index), {})[moment] = tensor
        state.optimizer.load_state_dict({**state.optimizer.state_dict(), "state": moments})
        best = _under("best/", tensors)
        if best:
            _compare_shapes(model.state_dict(), best, path)
        torch.Generator().set_state(tensors["random_state"])  # says whether it is one
    except (KeyError, ValueError, TypeError, RuntimeError) as error:
        raise (
            error
            if isinstance(error, CheckpointError)
            else CheckpointError(f"{path}: holds a damaged run; train it anew")
        ) from None
    return TrainingState(model, state.optimizer, progress, best, tensors["random_state"])


def _read_progress(data: Mapping[str, Any]) -> Progress:
    """Raises KeyError, TypeError or ValueError for what is none."""
    progress = Progress(**data)
    numbers = (
        progress.steps,
        progress.plateau_factor,
        progress.plateau_waited,
        progress.plateau_best or 0.0,
    )
    if (
        not all(isinstance(number, (int, float)) for number in numbers)
        or type(progress.steps) is not int
    ):
        raise TypeError("not a number")
    if [row["epoch"] for row in progress.epochs] != list(range(1, len(progress.epochs) + 1)):
        raise ValueError("epochs out of order")
    if progress.epochs and not all(
        isinstance(progress.best[name], (int, float))
        for name in ("epoch", "val_loss", "val_accuracy")
    ):
        raise TypeError("not a number")
    return progress


def _found(path: str | Path) -> Path:
    """The stem of a checkpoint's files: a path, or else a name among those that come with the
    course.
    """
    stem = _stem(path)
    if not stem.with_name(stem.name + ".safetensors").exists() and stem.parent == Path("."):
        stem = SHIPPED / stem.name
    return stem


def _stem(path: str | Path) -> Path:
    path = Path(path)
    return path.with_suffix("") if path.suffix in (".safetensors", ".json") else path


def _pack(tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> bytes:
    """The bytes of a safetensors file. Its header has one entry of ours: several would come in
    another order each time.
    """
    storable = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    return save(storable, {"nmt": json.dumps({"format": FORMAT, **about})})


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


def _read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    if not path.is_file():
        raise CheckpointError(
            f"{path}: no such file; `python -m nmt train --help` says how to make one"
        )
    try:
        with safe_open(path, framework="pt") as file:
            header = (file.metadata() or {}).get("nmt", "{}")
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118, it is no mapping
    except (SafetensorError, ValueError, OSError) as error:
        raise CheckpointError(f"{path}: not a whole safetensors file ({error})") from None
    try:
        metadata = dict(json.loads(header))
    except (TypeError, ValueError, RecursionError):
        metadata = {}
    if metadata.get("format") != FORMAT:
        raise CheckpointError(
            f"{path}: of format {metadata.get('format', 'unknown')!r}, while this version reads"
            f" {FORMAT!r}"
        )
    return tensors, metadata


def _read_model(path: Path, metadata: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Any:
    """The model that the file's config describes, with the file's weights.

    Shapes are compared before a model is made in memory, so that no config, however large, costs
    more than its file.
    """
    entries = sum(tensor.numel() for tensor in tensors.values())
    try:
        data = dict(metadata["model"])
        for key, value in data.items():
            if isinstance(value, int) and value > (
                len(tensors) if key.endswith("layers") else max(entries, 1_000)
            ):
                raise ValueError(f"{key} is {value}, more than there are weights")
        with torch.random.fork_rng(devices=[]), torch.device("meta"):
            expected = build_model(data).state_dict()
        _compare_shapes(expected, tensors, path)
        model = build_model(data)
        with torch.no_grad():
            model.load_state_dict(dict(tensors))
        return model
    except CheckpointError:
        raise
    except (
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        RuntimeError,
        ArithmeticError,
    ) as error:
        raise CheckpointError(
            f"{path}: no usable model config ({' '.join(str(error).split())[:200]})"
        ) from None


def _compare_shapes(
    expected: Mapping[str, Tensor], tensors: Mapping[str, Tensor], path: Path
) -> None:
    for name in sorted(expected.keys() | tensors.keys()):
        here = tuple(expected[name].shape) if name in expected else "nothing"
        there = tuple(tensors[name].shape) if name in tensors else "nothing"
        if here != there:
            raise CheckpointError(
                f"{path}: holds {there} for {name}, where its config asks for {here}"
            )
        if expected[name].is_floating_point() != tensors[name].is_floating_point():
            raise CheckpointError(
                f"{path}: holds {tensors[name].dtype} for {name}, where {expected[name].dtype} is"
                " expected"
            )
