"""Run somebody's function: stopped when it takes too long, with what it prints kept short, its
errors kept as data, and the session left as it was.

A timer signal stops it, on Linux and macOS and in the main thread, where Jupyter runs cells. On
Windows and in other threads **there is no limit**: interrupt the kernel. The signal reaches Python
code between two of its steps: one single call into a library is stopped when it returns. Code that
catches everything, again and again, cannot be stopped from inside.
"""

import linecache
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from course.checking.surroundings import Kept, surroundings

AGAIN = 0.2  # seconds after which an interrupt that was caught is repeated
LONGEST = 600  # characters of an error's text


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

    @property
    def stub(self) -> bool:
        """Did it stop at a bare `raise NotImplementedError`? Torch's own errors of this kind have
        a text.
        """
        return isinstance(self.error, NotImplementedError) and not self.error.args


def run(function: Callable[[], Any], seconds: float, within: str = "") -> Outcome:
    """Call `function` and stop it after `seconds`, where the system can; see the head of this file.

    Errors become part of the outcome, `SystemExit` too; an interrupt by the reader
    (`KeyboardInterrupt`) goes through. `within` is the file name of the answer's code, to find the
    line that raised.
    """
    kept = Kept()
    try:
        with surroundings(kept), time_limit(seconds):
            value = function()
        return Outcome(value, printed=kept.shown())
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a student's SystemExit must not end the kernel
        place = place_of(error.__traceback__, within)
        return Outcome(error=error.with_traceback(None), place=place, printed=kept.shown())


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise `OutOfTime` inside the block once `seconds` have passed; timers and handlers that were
    set before come back. Without a timer signal there is no limit.
    """
    here = threading.current_thread() is threading.main_thread()
    if not (here and hasattr(signal, "setitimer")):
        yield
        return
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
            left = remaining - (time.monotonic() - began)
            signal.setitimer(signal.ITIMER_REAL, max(left, 1e-3), interval)


def text_of(error: BaseException) -> str:
    """What an error says, kept short; also where its text can't be made."""
    try:
        text = str(error).strip()
    except Exception:
        return "an error whose text can't be made"
    lines = [line.rstrip() for line in text.splitlines() if line.strip()][:3]
    text = "\n".join(lines) or "without a message"
    text = text.encode("utf-8", "replace").decode()  # a lone surrogate can't be shown or stored
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def place_of(traceback: TracebackType | None, within: str) -> Place | None:
    """The deepest line of the answer's own code, or of another cell of the notebook, in a
    traceback.
    """
    found = None
    while traceback is not None:
        code, line = traceback.tb_frame.f_code, traceback.tb_lineno
        file = code.co_filename
        if file == within or "ipykernel_" in file or file.startswith("<ipython-input"):
            source = linecache.getline(file, line).strip()
            found = Place(f"{_name(file)}, line {line}", line, source)
        traceback = traceback.tb_next
    return found


def _name(filename: str) -> str:
    """The name that Jupyter's own tracebacks give a cell, else the file's."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is not None and (named := shell.compile.format_code_name(filename)):
        return " ".join(named)
    cell = "ipykernel_" in filename or filename.startswith("<")
    return "your cell" if cell else Path(filename).name
