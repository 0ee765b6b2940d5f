"""Results on their way between processes: JSON for the form, safetensors for the numbers. Reading
them runs nobody's code; no pickle.
"""

from __future__ import annotations

import builtins
import json
import re
from collections.abc import Mapping
from typing import Any

import einops
import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from course.checking.exercise import Unfit
from course.checking.running import Outcome, OutOfTime, Place, text_of

LARGEST = 64 * 2**20  # bytes of one message
DEEPEST, MOST, LONGEST = 20, 50_000, 20_000  # levels, parts and characters of one result
_SAID = (str, int, float, type(None))  # what an error may say
_RAISED: Mapping[str, type[BaseException]] = {
    "EinopsError": einops.EinopsError,
    "_LinAlgError": torch.linalg.LinAlgError,
    "Unfit": Unfit,
}


class Malformed(ValueError):
    """Bytes that no worker of ours writes."""


def pack(header: Mapping[str, Any], tensors: Mapping[str, Tensor] | None = None) -> bytes:
    """One message: its length, its header's length (4 bytes each), the header as JSON, the tensors
    as safetensors.
    """
    words = json.dumps(header).encode()
    numbers = save(dict(tensors)) if tensors else b""
    content = len(words).to_bytes(4, "big") + words + numbers
    return len(content).to_bytes(4, "big") + content


def unpack(message: bytes) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The header and tensors of a message without its first 4 bytes.

    Raises:
        Malformed: for anything that `pack` does not write.
    """
    size = int.from_bytes(message[:4], "big")
    if len(message) < 4 or size > len(message) - 4:
        raise Malformed("its length is wrong")
    try:
        header = json.loads(message[4 : 4 + size])
        tensors = load(bytes(message[4 + size :])) if len(message) > 4 + size else {}
    except (ValueError, RecursionError, SafetensorError, TypeError, KeyError) as error:
        raise Malformed(f"it can't be read ({type(error).__name__})") from None
    if not isinstance(header, dict):
        raise Malformed("its header is no table")
    return header, tensors


def encode(value: Any) -> tuple[Any, dict[str, Tensor]]:
    """What an answer returned as plain data and tensors. What is neither becomes its type's name
    and the beginning of its `repr`.
    """
    tensors: dict[str, Tensor] = {}
    left = [MOST, LARGEST // 2]

    def tensor(own: Tensor) -> dict[str, Any]:
        own = own.detach().cpu()
        is_complex = own.is_complex()
        plain = torch.view_as_real(own.resolve_conj()) if is_complex else own
        left[1] -= plain.numel() * plain.element_size()
        if left[1] < 0:
            said = f"a tensor of shape {tuple(own.shape)}, too large to be looked at"
            return {"object": ["Tensor", said]}
        name = str(len(tensors))
        tensors[name] = plain.contiguous().clone()
        save({name: tensors[name]})  # raises for kinds of number that have no place in a file
        return {"tensor": name} | ({"complex": True} if is_complex else {})

    def form(own: Any, level: int) -> Any:
        left[0] -= 1
        if left[0] < 0 or level > DEEPEST:
            return {"object": [type(own).__name__, "too large to be looked at"]}
        if own is None or isinstance(own, bool):
            return own
        if isinstance(own, str):
            return own[:LONGEST]
        if isinstance(own, float):
            return float(own)
        if isinstance(own, int) and own.bit_length() < 2000:
            return int(own)
        if isinstance(own, complex):
            return {"complex": [own.real, own.imag]}
        if isinstance(own, Tensor):
            return tensor(own)
        if isinstance(own, (np.ndarray, np.generic)) and np.asarray(own).dtype.kind in "biufc":
            return tensor(torch.from_numpy(np.array(own))) | {"array": True}
        if isinstance(own, Mapping):
            pairs = [[form(part, level + 1) for part in pair] for pair in own.items()]
            return {"dict": pairs}
        for name, kind in (("list", list), ("tuple", tuple), ("set", (set, frozenset))):
            if isinstance(own, kind):
                return {name: [form(each, level + 1) for each in own]}
        return {"object": [type(own).__name__, repr(own)[:100]]}

    return form(value, 0), tensors


def decode(form: Any, tensors: Mapping[str, Tensor], level: int = 0) -> Any:
    """The reverse of `encode`, made only of plain values.

    Raises:
        Malformed: for what `encode` does not make.
    """
    if level > DEEPEST + 1:
        raise Malformed("it is nested too deeply")
    if form is None or isinstance(form, (bool, int, float, str)):
        return form
    if not isinstance(form, dict) or not form:
        raise Malformed("a part of it is of no known kind")
    kind, inner = next(iter(form.items()))
    try:
        if kind == "tensor":
            own = tensors[inner]
            own = torch.view_as_complex(own) if form.get("complex") else own
            return own.numpy() if form.get("array") else own
        if kind == "complex":
            return complex(*map(float, inner))
        if kind == "dict":
            pairs = [[decode(part, tensors, level + 1) for part in pair] for pair in inner]
            return dict(pairs)
        if kind in ("list", "tuple", "set"):
            parts = [decode(each, tensors, level + 1) for each in inner]
            return {"list": list, "tuple": tuple, "set": set}[kind](parts)
        if kind == "object":
            return _stand_in(*inner)
    except Malformed:
        raise
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise Malformed(f"a part of it is broken ({type(error).__name__})") from None
    raise Malformed("a part of it is of no known kind")


def encode_outcome(outcome: Outcome) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """An outcome as a header and tensors; a result that can't be looked at, because looking raises,
    becomes an error.
    """
    place = outcome.place
    header: dict[str, Any] = {
        "printed": outcome.printed,
        "place": [place.where, place.line, place.source[:200]] if place else None,
    }
    if outcome.error is None:
        try:
            header["value"], tensors = encode(outcome.value)
            return header, tensors
        except Exception as error:
            outcome = Outcome(error=error)
    raised = outcome.error
    assert raised is not None
    said = [each[:LONGEST] if isinstance(each, str) else each for each in raised.args]
    if not all(isinstance(each, _SAID) for each in said):
        said = [text_of(raised)]
    late = isinstance(raised, OutOfTime)
    return header | {"error": type(raised).__name__, "args": said, "late": late}, {}


def decode_outcome(header: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Outcome:
    """The reverse of `encode_outcome`. Raises `Malformed`."""
    place, printed = header.get("place"), header.get("printed")
    if not isinstance(printed, str) or not (place is None or isinstance(place, list)):
        raise Malformed("it says nothing of where and what")
    if place is not None:
        if [type(part) for part in place] != [str, int, str]:
            raise Malformed("its place is none")
        place = Place(*place)
    printed = printed[:2000]
    if "value" in header:
        return Outcome(decode(header["value"], tensors), printed=printed)
    late = header.get("late") is True
    error = OutOfTime() if late else _error(header.get("error"), header.get("args"))
    return Outcome(error=error, place=place, printed=printed)


def _error(name: Any, said: Any) -> BaseException:
    if not isinstance(name, str) or not isinstance(said, list):
        raise Malformed("it holds neither a value nor an error")
    if not all(isinstance(each, _SAID) for each in said):
        raise Malformed("its error says no words")
    kind = _RAISED.get(name) or getattr(builtins, name, None)
    if not (isinstance(kind, type) and issubclass(kind, BaseException)):
        kind = type(_named(name), (Exception,), {})
    try:
        return kind(*said)
    except Exception:  # some errors want arguments of their own
        return type(_named(name), (Exception,), {})(*said)


def _stand_in(name: str, shown: str) -> Any:
    """A value of which nothing is known but its type's name and its `repr`."""
    text = str(shown)[:100]
    return type(_named(str(name)), (), {"__repr__": lambda self: text})()


def _named(name: str) -> str:
    return re.sub(r"\W", "_", name)[:60] or "object"
