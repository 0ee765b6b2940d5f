"""What an answer finds around it while it is tried, and cannot change for good: streams, questions
to the reader, `exit()`, and the global settings of Python, numpy and torch.
"""

import builtins
import getpass
import io
import os
import random
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import Any, NoReturn

import numpy as np
import torch

KEPT = 1000  # characters of what is printed


class Kept(io.TextIOBase):
    """Takes any amount of text and keeps the first of it."""

    def __init__(self) -> None:
        self.text, self.cut, self.displays = "", False, 0

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        room = KEPT - len(self.text)
        self.text += text[:room]
        self.cut |= len(text) > room
        return len(text)

    def publish(self, *_: Any, **__: Any) -> None:
        """In place of Jupyter's displays, which are counted and not shown."""
        self.displays += 1

    def shown(self) -> str:
        text = self.text + ("\n[and more]" if self.cut else "")
        if self.displays:
            text += f"\n[displays that are not shown: {self.displays}]"
        return text.encode("utf-8", "replace").decode()


@contextmanager
def _replaced(place: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(place, name)
    setattr(place, name, value)
    try:
        yield
    finally:
        setattr(place, name, before)


def _no_questions(*_: Any, **__: Any) -> NoReturn:
    raise RuntimeError("a check asks nobody: all that is given stands in the arguments")


def _no_exit(*_: Any, **__: Any) -> NoReturn:
    raise SystemExit


@contextmanager
def surroundings(kept: Kept) -> Iterator[None]:
    """What the block prints goes to `kept`; afterwards the session is as it was."""
    with ExitStack() as stack:
        stack.enter_context(_settings())
        stack.enter_context(_figures())
        for name, place in (("input", builtins), ("getpass", getpass)):
            stack.enter_context(_replaced(place, name, _no_questions))
        stack.enter_context(_replaced(sys, "stdin", io.StringIO()))
        shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
        if shell is not None:
            stack.enter_context(_replaced(shell, "ask_exit", _no_exit))
            stack.enter_context(_replaced(shell.display_pub, "publish", kept.publish))
            if hasattr(kernel := getattr(shell, "kernel", None), "_allow_stdin"):
                stack.enter_context(_replaced(kernel, "_allow_stdin", False))
        stack.enter_context(redirect_stdout(kept))
        stack.enter_context(redirect_stderr(kept))
        yield


@contextmanager
def _settings() -> Iterator[None]:
    """Working directory, recursion limit, random numbers, and torch's global settings."""
    folder, depth = os.getcwd(), sys.getrecursionlimit()
    python, array, drawn = random.getstate(), np.random.get_state(), torch.get_rng_state()
    kind = torch.get_default_dtype()
    gradients = torch.is_grad_enabled()
    device = torch.get_default_device()
    threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    try:
        yield
    finally:
        with suppress(OSError):
            os.chdir(folder)
        with suppress(RecursionError):
            sys.setrecursionlimit(depth)
        random.setstate(python)
        np.random.set_state(array)
        torch.set_default_dtype(kind)
        torch.set_grad_enabled(gradients)
        if torch.get_default_device() != device:
            torch.set_default_device(device)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        if torch.are_deterministic_algorithms_enabled() != strict:
            torch.use_deterministic_algorithms(strict)
        torch.set_rng_state(drawn)


@contextmanager
def _figures() -> Iterator[None]:
    """Figures that the block opens are closed: Jupyter would show each, once for each input."""

    def opened() -> set[int]:
        plots = sys.modules.get("matplotlib.pyplot")
        return set(plots.get_fignums()) if plots else set()

    before = opened()
    try:
        yield
    finally:
        for number in opened() - before:
            sys.modules["matplotlib.pyplot"].close(number)
