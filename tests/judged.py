"""Exercises are judged in tests as their notebooks judge them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from course.checking.verdict import Verdict
from course.exercises import judge


@contextmanager
def numbers(kind: torch.dtype) -> Iterator[None]:
    """Inside the block this is torch's default kind of number."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(kind)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def judged(name: str, function: Callable[..., Any]) -> Verdict:
    """The verdict; notebooks 04 and 05 compute in float64 by default, and so do their checks."""
    precise = name.startswith(("discretization", "scans"))
    with numbers(torch.float64 if precise else torch.float32):
        return judge(name, function, seconds=60)
