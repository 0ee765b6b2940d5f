"""Run somebody's function: stopped when it takes too long, with what it prints kept short, and its
errors kept as data.

On Linux and macOS, in the main thread (where Jupyter runs cells), a timer signal interrupts. In
another thread, and on Windows, a watchdog thread asks Python to raise in the running one. Both can
stop Python code only between two of its steps: one single call into a library that takes hours is
stopped when it returns. Code that catches everything, again and again, cannot be stopped from
inside; interrupt the kernel.
"""

from __future__ import annotations

import ctypes
import io
import linecache
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

KEPT = 1000  # characters of what is printed
AGAIN = 0.2  # seconds after which an interrupt that was caught is repeated


class OutOfTime(BaseException):
    """Raised inside code that runs too long; no `Exception`, so that `except Exception` does not
    swallow it.
    """


@dataclass(frozen=True)
class Place:
    """A line of somebody's code."""

    where: str  # such as "Cell In[5], line 3"
    line: int
    source: str


@dataclass(frozen=True)
class Outcome:
    """What came of one run: a value, or what was raised and at which line, or neither in time."""

    value: Any = None
    error: BaseException | None = None
    place: Place | None = None
    printed: str = field(default="", compare=False)

    @property
    def out_of_time(self) -> bool:
        return isinstance(self.error, OutOfTime)


class _Kept(io.TextIOBase):
    """Takes any amount of text and keeps the first of it."""

    def __init__(self) -> None:
        self.text, self.cut = "", False

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        room = KEPT - len(self.text)
        self.text += text[:room]
        self.cut |= len(text) > room
        return len(text)

    def shown(self) -> str:
        return self.text + ("\n[and more]" if self.cut else "")


def run(function: Callable[[], Any], seconds: float, within: str = "") -> Outcome:
    """Call `function` and stop it after `seconds`.

    Errors become part of the outcome, `SystemExit` too; an interrupt by the reader
    (`KeyboardInterrupt`) goes through. `within` is the file name of the answer's code, to find the
    line that raised.
    """
    kept = _Kept()
    try:
        with redirect_stdout(kept), time_limit(seconds):
            value = function()
        return Outcome(value, printed=kept.shown())
    except KeyboardInterrupt:
        raise
    except (
        BaseException
    ) as error:  # a student's SystemExit must not end the kernel, OutOfTime is ours
        place = place_of(error.__traceback__, within)
        return Outcome(error=error.with_traceback(None), place=place, printed=kept.shown())


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise `OutOfTime` inside the block once `seconds` have passed; timers and handlers that were
    set before come back.
    """
    main = threading.current_thread() is threading.main_thread()
    if main and hasattr(signal, "setitimer"):
        with _signal_limit(seconds):
            yield
    else:
        with _watchdog_limit(seconds):
            yield


@contextmanager
def _signal_limit(seconds: float) -> Iterator[None]:
    armed = True

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        if armed:
            raise OutOfTime

    began = time.monotonic()
    handler = signal.signal(signal.SIGALRM, interrupt)
    remaining, interval = signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-3), AGAIN)
    try:
        yield
    finally:
        armed = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if remaining:  # somebody else's timer was running: let it go on
            signal.setitimer(
                signal.ITIMER_REAL, max(remaining - (time.monotonic() - began), 1e-3), interval
            )


@contextmanager
def _watchdog_limit(seconds: float) -> Iterator[None]:
    thread, lock, done = threading.get_ident(), threading.Lock(), threading.Event()

    def watch() -> None:
        pause = seconds
        while not done.wait(pause):
            with lock:
                if not done.is_set():
                    _raise_in(thread, OutOfTime)
            pause = AGAIN

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        done.set()
        with lock:
            _raise_in(thread, None)  # one that was asked for and not yet raised is called off


def _raise_in(thread: int, kind: type[BaseException] | None) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread), ctypes.py_object(kind) if kind else None
    )


def place_of(traceback: TracebackType | None, within: str) -> Place | None:
    """The deepest line of the answer's own code, or of another cell of the notebook, in a
    traceback.
    """
    found = None
    while traceback is not None:
        code, line = traceback.tb_frame.f_code, traceback.tb_lineno
        if _theirs(code.co_filename, within):
            found = Place(
                f"{_name(code.co_filename)}, line {line}",
                line,
                linecache.getline(code.co_filename, line).strip(),
            )
        traceback = traceback.tb_next
    return found


def _theirs(filename: str, within: str) -> bool:
    return filename == within or "ipykernel_" in filename or filename.startswith("<ipython-input")


def _name(filename: str) -> str:
    """The name that Jupyter's own tracebacks give a cell, else the file's."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is not None and (named := shell.compile.format_code_name(filename)):
        return " ".join(named)
    return (
        "your cell" if "ipykernel_" in filename or filename.startswith("<") else Path(filename).name
    )
