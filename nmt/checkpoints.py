"""Models and runs on disk: one safetensors file each, with its record in the header. No pickle."""

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
from torch import Tensor
from torch.overrides import TorchFunctionMode

from nmt import ROOT
from nmt.decoding import Seq2Seq
from nmt.files import write_json as write_json  # others find it here
from nmt.files import write_whole as write_whole
from nmt.mamba import Mamba, MambaConfig
from nmt.training import Progress, TrainingConfig, TrainingState, start_training
from nmt.transformer import Transformer, TransformerConfig

FORMAT = "nmt-2"  # changes when older files can no longer be read
ENDING = ".safetensors"
SHIPPED = ROOT / "assets" / "checkpoints"
SPARE = 1_000_000  # numbers by which a file's settings may miss it and still be compared in full
KINDS: dict[str, tuple[type[Seq2Seq], type]] = {
    "transformer": (Transformer, TransformerConfig),
    "mamba": (Mamba, MambaConfig),
}


class CheckpointError(ValueError):
    """A checkpoint that can't be used; the message names the file and the reason."""


@dataclass(frozen=True)
class Checkpoint:
    """A trained model, in evaluation mode, and the record of the run that made it."""

    model: Any  # a `Seq2Seq`; `Any`, so that what only one kind has needs no cast
    record: dict[str, Any]


def build_model(data: Mapping[str, Any]) -> Any:
    """A model with fresh weights from its config as plain data, the reverse of `config_data()`.

    Raises:
        ValueError: for an unknown kind, an unknown key, or a value of the wrong type or size.
    """
    config = read_model_config(data)
    return KINDS[data["kind"]][0](config)


def read_model_config(data: Mapping[str, Any]) -> Any:
    """A model's config from plain data that names its "kind".

    Raises:
        ValueError: as `build_model`, but for sizes that do not fit together.
    """
    kind = data.get("kind")
    if kind not in KINDS:
        raise ValueError(f"unknown kind of model {kind!r}; choose one of {', '.join(KINDS)}")
    return read_config(KINDS[kind][1], {key: data[key] for key in data if key != "kind"})


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


def save_checkpoint(path: str | Path, model: Seq2Seq, record: Mapping[str, Any]) -> None:
    """Save a model as `path`.safetensors: its weights, its config, and the record of its run.

    Args:
        path: with or without the ending .safetensors.
        model: a model of the course.
        record: plain data about the run that made it.

    Raises:
        OSError: as `write_whole`.
    """
    about = {"model": model.config_data(), "record": record}
    write_whole(_with_ending(path), _pack(model.state_dict(), about))


def load_checkpoint(path: str | Path) -> Checkpoint:
    """Load a model with its record.

    Args:
        path: a file, with or without its ending, or the name of a checkpoint that comes with the
            course ("transformer-small").

    Raises:
        CheckpointError: naming the file and what is wrong: missing, truncated, damaged, of another
            format, with weights that do not fit its config.
    """
    file = _found(path)
    tensors, about = _unpack(file)
    if not isinstance(about.get("record"), dict):
        raise CheckpointError(f"{file}: holds no record of the run that made it")
    return Checkpoint(_model_from(file, about, tensors).eval(), about["record"])


def fingerprint(path: str | Path) -> str:
    """Twelve hexadecimal digits of a checkpoint's weights, by which records name them.

    Raises:
        CheckpointError: as `load_checkpoint`.
    """
    return _digest(_unpack(_found(path))[0])[:12]


def save_state(path: Path, state: TrainingState, config: TrainingConfig) -> None:
    """Save all that a run needs to go on after the last finished epoch, in one file."""
    tensors = {f"model/{name}": tensor for name, tensor in state.model.state_dict().items()}
    for index, moments in state.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{index}/{name}": tensor for name, tensor in moments.items()}
    tensors["random_state"] = state.random_state
    about = {
        "model": state.model.config_data(),
        "training": asdict(config),
        "progress": asdict(state.progress),
    }
    write_whole(path, _pack(tensors, about))


def load_state(path: Path, config: TrainingConfig, model_data: Mapping[str, Any]) -> TrainingState:
    """Read a run as `save_state` left it, to go on with the same settings, on any device.

    Raises:
        CheckpointError: if the file can't be read, or holds a run with other settings.
    """
    tensors, about = _unpack(path)
    try:
        # Settings that did not exist when the run began had the value that is their default now.
        training = {**asdict(TrainingConfig()), **about["training"]}
        progress, saved = _read_progress(about["progress"]), {**about["model"]}
    except (KeyError, TypeError, ValueError):
        raise CheckpointError(f"{path}: holds a model, not a run to go on with") from None
    _check_same(path, saved, dict(model_data))
    _check_same(path, {**training, "device": config.device}, asdict(config))

    model = _model_from(path, about, _under("model/", tensors))
    state = start_training(model, config)
    moments: dict[int, dict[str, Tensor]] = {}
    try:
        for name, tensor in _under("optimizer/", tensors).items():
            index, moment = name.split("/")
            moments.setdefault(int(index), {})[moment] = tensor
        state.optimizer.load_state_dict({**state.optimizer.state_dict(), "state": moments})
        torch.Generator().set_state(tensors["random_state"])  # says whether it is one
    except (KeyError, ValueError, TypeError, RuntimeError):
        raise CheckpointError(f"{path}: holds a damaged run; train it anew") from None
    return TrainingState(model, state.optimizer, progress, tensors["random_state"])


def _check_same(path: Path, there: Mapping[str, Any], here: Mapping[str, Any]) -> None:
    for key in sorted(here.keys() | there.keys()):
        if here.get(key) != there.get(key):
            raise CheckpointError(
                f"{path}: a run with {key} {reprlib.repr(there.get(key))}, not {here.get(key)!r};"
                " go on with its settings, or choose another --out"
            )


def _read_progress(data: Mapping[str, Any]) -> Progress:
    """Raises KeyError, TypeError or ValueError for what is none."""
    progress = Progress(**{key: value for key, value in data.items() if key != "best"})  # older
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
        isinstance(progress.epochs[-1][name], (int, float)) for name in ("val_loss", "val_accuracy")
    ):
        raise TypeError("not a number")
    return progress


def _found(path: str | Path) -> Path:
    """A checkpoint's file: a path, or else a name among those that come with the course."""
    file = _with_ending(path)
    return file if file.exists() or file.parent != Path(".") else SHIPPED / file.name


def _with_ending(path: str | Path) -> Path:
    path = Path(path)
    return path if path.suffix == ENDING else path.with_name(path.name + ENDING)


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


def _digest(tensors: Mapping[str, Tensor]) -> str:
    """A checksum of names and numbers."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _pack(tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> bytes:
    """The bytes of a safetensors file. Its header has one entry of ours: several would come in
    another order each time.
    """
    storable = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    header = {"format": FORMAT, "sha256": _digest(storable), **about}
    return save(storable, {"nmt": json.dumps(header, ensure_ascii=False)})


def _unpack(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors of a file and what its header says about them."""
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
        about = dict(json.loads(header))
    except (TypeError, ValueError, RecursionError):
        about = {}
    if about.get("format") != FORMAT:
        raise CheckpointError(
            f"{path}: of format {about.get('format', 'unknown')!r}, while this version reads"
            f" {FORMAT!r}"
        )
    if about.get("sha256") != _digest(tensors):
        raise CheckpointError(f"{path}: damaged; its numbers are not those that were written")
    return tensors, about


class _AtMost(TorchFunctionMode):
    """Makes room for so many numbers; more is a `ValueError`."""

    def __init__(self, numbers: int) -> None:
        super().__init__()
        self.left = numbers

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        if func is torch.empty:  # where a layer makes room for its weights
            self.left -= made.numel()
            if self.left < 0:
                raise ValueError("its settings ask for far more numbers than it holds")
        return made


def _model_from(path: Path, about: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Any:
    """The model that the file's config describes, with the file's weights; none much larger."""
    try:
        with _AtMost(SPARE + sum(tensor.numel() for tensor in tensors.values())):
            model = build_model(dict(about["model"]))
        model.load_state_dict(tensors)
        return model
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:300]
        raise CheckpointError(f"{path}: no usable model ({reason})") from None
