"""Models and runs on disk: safetensors for the numbers, JSON for the words, each file whole or not there at all. No pickle."""

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from nmt.mamba import Mamba, MambaConfig
from nmt.training import Progress, TrainingConfig, TrainingState, start_training
from nmt.transformer import Transformer, TransformerConfig

FORMAT = "nmt-1"  # changes when older files can no longer be read
SHIPPED = Path(__file__).resolve().parent.parent / "assets" / "checkpoints"
KINDS: dict[str, tuple[type[nn.Module], type]] = {"transformer": (Transformer, TransformerConfig), "mamba": (Mamba, MambaConfig)}


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
    return model_class(read_config(config_class, {key: value for key, value in data.items() if key != "kind"}))


def read_config(config_class: type, data: Mapping[str, Any]) -> Any:
    """A config dataclass from plain data, every key and type checked.

    Raises:
        ValueError: naming the key, and what was expected.
    """
    types = {item.name: type(item.default) for item in fields(config_class)}
    checked: dict[str, Any] = {}
    for key, value in data.items():
        if key not in types:
            raise ValueError(f"unknown key {key!r}; {config_class.__name__} has {', '.join(sorted(types))}")
        if types[key] is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if type(value) is not types[key]:
            raise ValueError(f"{key} must be of type {types[key].__name__}, but is {value!r}")
        checked[key] = value
    return config_class(**checked)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that nobody ever sees a part of it: to a temporary name beside it, then renamed.

    Raises:
        OSError: if the disk is full or the folder can't be written; what stood there before is untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Write plain data as JSON, whole or not at all."""
    write_whole(path, (json.dumps(data, indent=1, ensure_ascii=False) + "\n").encode())


def save_checkpoint(path: str | Path, model: Any, record: Mapping[str, Any]) -> None:
    """Save a model as `path`.safetensors (weights and config) and its record as `path`.json, which holds the first file's checksum.

    Args:
        path: with or without the ending .safetensors.
        model: a model of the course.
        record: plain data about the run that made it.
    """
    stem = _stem(path)
    weights = _pack(model.state_dict(), {"model": model.config_data()})
    write_whole(stem.with_name(stem.name + ".safetensors"), weights)
    write_json(stem.with_name(stem.name + ".json"), {**record, "weights_sha256": hashlib.sha256(weights).hexdigest()})


def load_checkpoint(path: str | Path) -> Checkpoint:
    """Load a model with its record.

    Args:
        path: a file, with or without its ending, or the name of a checkpoint that comes with the course ("transformer-small").

    Raises:
        CheckpointError: naming the file and what is wrong: missing, truncated, of another format, weights and record not of one run.
    """
    stem = _stem(path)
    if not stem.with_name(stem.name + ".safetensors").exists() and stem.parent == Path("."):
        stem = SHIPPED / stem.name
    weights, record_file = stem.with_name(stem.name + ".safetensors"), stem.with_name(stem.name + ".json")
    tensors, metadata = _read_tensors(weights)
    try:
        record = json.loads(record_file.read_text(encoding="utf-8"))
        checksum = record.pop("weights_sha256")
    except FileNotFoundError:
        raise CheckpointError(f"{record_file}: no such file; a checkpoint is a .safetensors and a .json file side by side") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise CheckpointError(f"{record_file}: not the record of a checkpoint") from None
    if checksum != hashlib.sha256(weights.read_bytes()).hexdigest():
        raise CheckpointError(f"{record_file}: belongs to other weights than {weights.name}; take both files from one run")
    model = _read_model(weights, metadata)
    _load_tensors(model, tensors, weights)
    return Checkpoint(model.eval(), record)


def save_state(path: Path, state: TrainingState, config: TrainingConfig) -> None:
    """Save all that a run needs to go on after the last finished epoch, in one file."""
    tensors = {f"model/{name}": tensor for name, tensor in state.model.state_dict().items()}
    tensors |= {f"best/{name}": tensor for name, tensor in state.best_weights.items()}
    for index, moments in state.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{index}/{name}": tensor for name, tensor in moments.items()}
    tensors["random_state"] = state.random_state
    metadata = {"model": state.model.config_data(), "training": asdict(config), "progress": asdict(state.progress)}
    write_whole(path, _pack(tensors, metadata))


def load_state(path: Path, config: TrainingConfig, model_data: Mapping[str, Any]) -> TrainingState:
    """Read a run as `save_state` left it, to go on with the same settings.

    Raises:
        CheckpointError: if the file can't be read, or holds a run with other settings.
    """
    tensors, metadata = _read_tensors(path)
    try:
        # Settings that did not exist when the run began had the value that is their default now.
        saved = {"model": metadata["model"], "training": {**asdict(TrainingConfig()), **metadata["training"]}}
        progress = Progress(**metadata["progress"])
    except (KeyError, TypeError):
        raise CheckpointError(f"{path}: holds a model, not a run to go on with") from None
    for part, wanted in (("model", dict(model_data)), ("training", asdict(config))):
        for key in sorted(wanted.keys() | saved[part].keys()):
            here, there = wanted.get(key), saved[part].get(key)
            if here != there:
                raise CheckpointError(f"{path}: a run with {key} {there!r}, not {here!r}; go on with its settings, or choose another --out")
    model = _read_model(path, metadata)
    _load_tensors(model, _under("model/", tensors), path)
    state = start_training(model, config)
    moments: dict[int, dict[str, Tensor]] = {}
    for name, tensor in _under("optimizer/", tensors).items():
        index, moment = name.split("/")
        moments.setdefault(int(index), {})[moment] = tensor
    state.optimizer.load_state_dict({**state.optimizer.state_dict(), "state": moments})
    return TrainingState(model, state.optimizer, progress, _under("best/", tensors), tensors["random_state"])


def _stem(path: str | Path) -> Path:
    path = Path(path)
    return path.with_suffix("") if path.suffix in (".safetensors", ".json") else path


def _pack(tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> bytes:
    """The bytes of a safetensors file. Its header has one entry of ours: several would come in another order each time."""
    storable = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    return save(storable, {"nmt": json.dumps({"format": FORMAT, **about})})


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file; `python -m nmt train --help` says how to make one")
    try:
        with safe_open(path, framework="pt") as file:
            header = (file.metadata() or {}).get("nmt", "{}")
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118, it is no mapping
    except (SafetensorError, ValueError, OSError) as error:
        raise CheckpointError(f"{path}: not a whole safetensors file ({error})") from None
    try:
        metadata = dict(json.loads(header))
    except (TypeError, ValueError):
        metadata = {}
    if metadata.get("format") != FORMAT:
        raise CheckpointError(f"{path}: of format {metadata.get('format', 'unknown')!r}, while this version reads {FORMAT!r}")
    return tensors, metadata


def _read_model(path: Path, metadata: Mapping[str, Any]) -> Any:
    try:
        return build_model(metadata["model"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(f"{path}: no usable model config ({error})") from None


def _load_tensors(model: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    expected = model.state_dict()
    for name in sorted(expected.keys() | tensors.keys()):
        here = tuple(expected[name].shape) if name in expected else "nothing"
        there = tuple(tensors[name].shape) if name in tensors else "nothing"
        if here != there:
            raise CheckpointError(f"{path}: holds {there} for {name}, where its config asks for {here}")
    with torch.no_grad():
        model.load_state_dict(dict(tensors))
