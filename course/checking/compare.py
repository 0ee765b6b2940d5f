"""Where do two results part? Tensors, arrays, numbers, lists and words are compared part by part,
index by index.

Welcome as an answer: tensors of any kind of number with at least 32 bits, numpy arrays, numbers,
and nested lists of them; a list for a tuple, and the other way round. Numbers agree where they are
as close as the coarser of the two kinds of number allows.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import permutations
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

Kind = Literal[
    "nothing", "type", "parts", "axes", "shape", "not boolean", "coarse", "not a number", "value"
]
TOLERANCE = {torch.float64: (1e-6, 1e-8), torch.complex128: (1e-6, 1e-8)}
COARSE = (2e-4, 2e-5)  # float32


@dataclass(frozen=True)
class Difference:
    """The first place where two results part. `where` reads like Python: "weights[0, 2]"."""

    kind: Kind
    where: str
    yours: str
    expected: str
    yours_shape: tuple[int, ...] | None = None
    expected_shape: tuple[int, ...] | None = None
    differing: int = 0
    total: int = 0

    def sentence(self) -> str:
        """The difference in words."""
        where, yours, expected = self.where, self.yours, self.expected
        fixed = {
            "nothing": f"{where} is None: nothing came back.",
            "type": f"{where} is {yours}, where {expected} is expected.",
            "parts": f"{where} has {yours} entries, where {expected} are expected.",
            "axes": f"{where}: {yours}, where {expected} is expected.",
            "shape": f"{where} has the shape {self.yours_shape}, where {self.expected_shape} is"
            " expected.",
            "not boolean": f"{where} holds {yours}, where True and False are expected.",
            "coarse": f"{where} holds {yours}, where at least float32 is expected.",
        }
        if self.kind in fixed:
            return fixed[self.kind]
        line = f"{where} is {yours}, where {expected} is expected"
        if self.total > 1:
            line += (
                f"; {self.differing} of {self.total} entries differ. The shape is right:"
                f" {self.expected_shape}"
            )
        return line + "."

    def facts(self) -> dict[str, Any]:
        """The same as plain data."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in vars(self).items()}


def first_difference(
    expected: Any, yours: Any, where: str = "the result", parts: Sequence[str] = ()
) -> Difference | None:
    """The first difference between the right result and an answer's, or None where they agree.

    Args:
        expected: a tensor, number, string, None, or a tuple or list of such.
        yours: what an answer returned, in any of the welcome forms.
        where: what to call it in a sentence.
        parts: names for the parts of a tuple.
    """
    if yours is None and expected is not None:
        return Difference("nothing", where, "None", kind_of(expected))
    if isinstance(expected, Tensor):
        return _in_numbers(expected, yours, where)
    if isinstance(expected, (tuple, list)):
        return _in_sequence(expected, yours, where, parts)
    if isinstance(expected, (int, float, complex)):
        kind = torch.float64 if isinstance(expected, float) else None
        return _in_numbers(torch.tensor(expected, dtype=kind), yours, where)
    if expected is None and yours is not None:
        return Difference("value", where, _short(yours), "None")
    if type(expected) is not type(yours):
        return Difference("type", where, kind_of(yours), kind_of(expected))
    if expected == yours:
        return None
    return Difference("value", where, _short(yours), _short(expected))


def _in_sequence(
    expected: Sequence[Any], yours: Any, where: str, parts: Sequence[str]
) -> Difference | None:
    if isinstance(yours, (str, Mapping, Set)) or not hasattr(yours, "__len__"):
        return Difference("type", where, kind_of(yours), kind_of(expected))
    if isinstance(yours, (Tensor, np.ndarray)) and (parts or yours.ndim == 0):
        promised = f"a tuple of {len(expected)}: {', '.join(parts)}" if parts else "a list"
        return Difference("type", where, kind_of(yours), promised)
    if isinstance(expected, torch.Size) and len(yours) != len(expected):
        return Difference("axes", where, _short(tuple(yours)), _short(tuple(expected)))
    if len(yours) != len(expected):
        return Difference("parts", where, str(len(yours)), str(len(expected)))
    for place, (right, own) in enumerate(zip(expected, yours)):
        name = parts[place] if place < len(parts) else f"{where}[{place}]"
        if found := first_difference(right, own, name):
            return found
    return None


def _in_numbers(expected: Tensor, yours: Any, where: str) -> Difference | None:
    own = as_tensor(yours)
    if own is None:
        return Difference("type", where, kind_of(yours), kind_of(expected))
    shapes = tuple(own.shape), tuple(expected.shape)
    if own.shape != expected.shape:
        return Difference("shape", where, kind_of(yours), kind_of(expected), *shapes)
    if own.is_complex() and not expected.is_complex():
        return Difference("type", where, "made of complex numbers", "real ones", *shapes)
    kind = f"numbers of kind {str(own.dtype).removeprefix('torch.')}"
    if expected.dtype == torch.bool and own.dtype != torch.bool:
        return Difference("not boolean", where, kind, "bool", *shapes)
    if expected.is_floating_point() and own.dtype in (torch.float16, torch.bfloat16):
        return Difference("coarse", where, kind, "float32", *shapes)
    apart = ~close(expected, own)
    if not bool(apart.any()):
        return None
    index = tuple(apart.nonzero()[0].tolist())
    value, right = own[index], expected[index]
    lost = own.dtype.is_floating_point and bool(own.isnan().any())
    place = f"{where}[{', '.join(map(str, index))}]" if index else where
    how: Kind = "not a number" if lost and not bool(expected.isnan().any()) else "value"
    count = int(apart.sum())
    shown = _short(value), _short(right)
    if shown[0] == shown[1]:  # they part behind the digits that are shown
        shown = f"{value.item():.9g}", f"{right.item():.9g}"
    return Difference(how, place, *shown, *shapes, count, apart.numel())


def close(expected: Tensor, yours: Tensor) -> Tensor:
    """Entry by entry: do two tensors of one shape agree?"""
    both = expected.dtype, yours.dtype
    kinds = [each for each in both if each.is_floating_point or each.is_complex]
    if not kinds:
        return expected == yours
    relative, absolute = max(TOLERANCE.get(kind, COARSE) for kind in kinds)
    exact = torch.complex128 if expected.is_complex() or yours.is_complex() else torch.float64
    return torch.isclose(
        yours.to(exact), expected.to(exact), rtol=relative, atol=absolute, equal_nan=True
    )


def as_tensor(value: Any) -> Tensor | None:
    """A tensor, array, number or nested list of numbers as a tensor without gradient; None for
    anything else.
    """
    if isinstance(value, Tensor):
        return value.detach().cpu()
    try:
        if isinstance(value, (list, tuple)) and value:
            rows = [row for row in map(as_tensor, value) if row is not None]
            return torch.stack(rows) if len(rows) == len(value) else None
        if isinstance(value, (bool, int, float, complex, np.generic, np.ndarray)):
            return torch.as_tensor(np.asarray(value))
    except (RuntimeError, TypeError, ValueError):
        return None  # ragged rows, arrays of objects, numbers beyond 64 bits
    return None


def shape_clue(expected: Any, yours: Any) -> str:
    """What a wrong tensor has to do with the right one, if it is something plain: axes exchanged, a
    factor, a shift; else empty.
    """
    both_lists = all(isinstance(each, (tuple, list)) for each in (expected, yours))
    if both_lists and len(expected) == len(yours):
        for right, part in zip(expected, yours):
            if first_difference(right, part) is not None:
                return shape_clue(right, part)
        return ""
    own = as_tensor(yours)
    if not isinstance(expected, Tensor) or own is None:
        return ""
    if 2 <= expected.ndim <= 4 and sorted(own.shape) == sorted(expected.shape):
        orders = list(permutations(range(expected.ndim)))[1:]  # the first leaves all as it is
        for turned in (own.permute(order) for order in orders):
            if turned.shape == expected.shape and bool(close(expected, turned).all()):
                return "axes exchanged"
    if own.shape != expected.shape or not expected.numel():
        return ""
    if expected.dtype == torch.bool:
        return "True and False exchanged" if torch.equal(own, ~expected) else ""
    return _numeric_clue(expected, own)


def _numeric_clue(expected: Tensor, own: Tensor) -> str:
    both_real = expected.is_floating_point() and own.is_floating_point()
    if not (both_real and bool(own.isfinite().all())):
        return ""
    if not bool(own.any()):
        return "all zero"
    for axis in range(expected.ndim):
        length = expected.shape[axis]
        if length > 2:
            early, late = expected.narrow(axis, 0, length - 1), own.narrow(axis, 1, length - 1)
            if bool(close(early, late).all()) and bool(early.std() > 0):
                return "shifted by one"
    factor = (own.double() * expected.double()).sum() / expected.double().square().sum()
    if (
        abs(factor) > 1e-3
        and abs(factor - 1) > 1e-2
        and expected.numel() > 1
        and bool(close(factor * expected.double(), own).all())
    ):
        if factor < 0:
            return "the other sign" if abs(factor + 1) < 1e-2 else ""
        much = f"{max(factor, 1 / factor):.4g} times too"
        return f"{much} {'large' if factor > 1 else 'small'}"
    return ""


def _short(value: Any) -> str:
    if isinstance(value, Tensor):
        value = value.item()
    if isinstance(value, float):
        return f"{value:.6g}"
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "…"


def kind_of(value: Any) -> str:
    """A value in a few words: its type, and how large it is."""
    if isinstance(value, (Tensor, np.ndarray)):
        array = "tensor" if isinstance(value, Tensor) else "numpy array"
        return f"a {array} of shape {tuple(value.shape)}"
    if isinstance(value, (tuple, list)):
        return f"a {type(value).__name__} of {len(value)}"
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"
