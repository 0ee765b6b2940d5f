"""The judge's side: one caged process for each answer, a verdict on each, and words for every way
in which a process can misbehave.
"""

from __future__ import annotations

import json
import secrets
import signal
import socket
import stat
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import torch

from course.checking.judging import SECONDS, verdict_of
from course.checking.running import Outcome, text_of
from course.checking.verdict import Verdict
from course.exercises.catalogue import find
from course.grading.channel import Closed, Late, pending, receive, send
from course.grading.fork_server import Zygote, remove_all
from course.grading.values import Malformed, decode_outcome, pack, unpack

LARGEST_FILE = 48 * 2**20  # bytes
GRACE = 2.0  # seconds that a process gets to stop by itself


@dataclass(frozen=True)
class Limits:
    """For one submission: seconds in all, seconds for one answer, and bytes of memory for each of
    its processes.
    """

    seconds: float = 120.0
    answer: float = SECONDS
    memory: int = 1 << 30


@dataclass
class Result:
    """How one exercise stands. `status` is one of STATUSES; `mistake` has a name where it is a
    known one.
    """

    exercise: str
    status: str
    message: str = ""
    mistake: str = ""
    question: str = ""
    remarks: list[str] = field(default_factory=list)


STATUSES = (
    "correct",
    "wrong",
    "error",
    "timeout",
    "crashed",
    "tampered",
    "not attempted",
    "missing",
    "unreadable",
)


@dataclass
class Graded:
    """A submission and its results, in the order of the course."""

    submission: str
    results: list[Result] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def correct(self) -> int:
        """How many exercises are right."""
        return sum(result.status == "correct" for result in self.results)


class Misbehaved(Exception):
    """An answer's process did not do what it was asked to."""

    def __init__(self, status: str, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


def grade(path: Path, zygote: Zygote, limits: Limits | None = None, name: str = "") -> Graded:
    """Grade one notebook. Whatever is in it, this returns.

    Args:
        path: the submission.
        zygote: from which its processes come.
        limits: time and memory.
        name: what to call it, by default its path.
    """
    began, limits = time.monotonic(), limits or Limits()
    graded = Graded(name or str(path))
    try:
        about = _read(path, zygote, limits)
        graded.remarks = [
            *about["changes"],
            *about["remarks"],
            *(f"there is no exercise {each!r}" for each in about["unknown"]),
        ]
        if not about["expected"]:
            raise Misbehaved(
                "unreadable",
                "it holds no exercise of this course: not one function is marked with @exercise",
            )
        for exercise in about["expected"]:
            left = limits.seconds - (time.monotonic() - began)
            graded.results.append(_one(exercise, about, zygote, limits, left))
    except Misbehaved as problem:
        graded.results = [Result("", "unreadable", problem.message)]
    graded.seconds = time.monotonic() - began
    return graded


def _read(path: Path, zygote: Zygote, limits: Limits) -> dict[str, Any]:
    """What stands in the notebook, found out by a caged process too: parsing strange text can be a
    burden.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise Misbehaved("unreadable", "it is no regular file")
        if (size := path.stat().st_size) > LARGEST_FILE:
            raise Misbehaved(
                "unreadable",
                f"it has {size / 2**20:.0f} MB, more than the {LARGEST_FILE >> 20} MB that are"
                " read: clear its outputs",
            )
        content = path.read_bytes()
    except OSError as error:
        raise Misbehaved("unreadable", f"it can't be opened: {error.strerror}") from None
    with _Process(zygote, "read", 30.0, limits.memory) as process:
        process.tell(
            max(len(content), 4).to_bytes(4, "big") + content.ljust(4)
        )  # JSON may end in blanks
        about, _ = process.hear("its text")
    if about["error"]:
        raise Misbehaved("unreadable", about["error"])
    return about


def _one(
    exercise: str, about: Mapping[str, Any], zygote: Zygote, limits: Limits, left: float
) -> Result:
    """The result of one exercise."""
    answer = about["answers"].get(exercise)
    if answer is None:
        return Result(exercise, "missing", f'no function is marked with @exercise("{exercise}")')
    if answer["error"]:
        return Result(exercise, "error", answer["error"])
    if answer["untouched"]:
        return Result(exercise, "not attempted")
    seconds = min(limits.answer, left)
    if seconds <= 0:
        return Result(
            exercise,
            "timeout",
            f"the {limits.seconds:g} seconds for this submission were used up by the exercises"
            " before",
        )
    try:
        verdict = _judged(exercise, answer, about["dtype"], zygote, seconds, limits.memory)
    except Misbehaved as problem:
        return Result(exercise, problem.status, problem.message)
    solved = find(exercise)
    told = set(solved.answer.__code__.co_names)  # the course's own answer may use them too
    solutions = {f"{each.__module__}.{each.__qualname__}" for each in solved.course}
    borrowed = [
        name
        for name in answer["borrowed"]
        if name in solutions and name.rpartition(".")[2] not in told
    ]
    remarks = [f"uses {each}, which is the solution" for each in borrowed]
    result = Result(
        exercise, verdict.status, verdict.message, verdict.mistake, verdict.question, remarks
    )
    if verdict.status == "correct":
        result.message = ""
        if about["changes"]:
            result.status, result.message = (
                "tampered",
                f"the numbers are right, but {about['changes'][0]}: look at it yourself",
            )
    return result


def _judged(
    exercise: str,
    answer: Mapping[str, Any],
    dtype: str,
    zygote: Zygote,
    seconds: float,
    memory: int,
) -> Verdict:
    """The verdict, with the answer in a process of its own."""
    before = torch.get_default_dtype()
    job = {name: answer[name] for name in ("statements", "function", "flags")} | {
        "exercise": exercise,
        "dtype": dtype,
        "seconds": seconds,
    }
    with _Process(zygote, "answer", seconds + 2 * GRACE, memory) as process:
        outcome = process.ask(job, seconds, "its cells")
        if outcome.error is not None:
            where = f"{outcome.place.where}: {outcome.place.source}\n" if outcome.place else ""
            if outcome.out_of_time:
                return Verdict(
                    exercise,
                    "timeout",
                    f"The cells that it needs were still running after {seconds:g} seconds.",
                )
            said = text_of(outcome.error).splitlines()[0]
            return Verdict(exercise, "error", f"{where}{type(outcome.error).__name__}: {said}")

        def attempt(place: int, gradients: bool, left: float) -> Outcome:
            request = {"place": place, "gradients": gradients, "seconds": left}
            return process.ask(request, left, "the answer")

        try:
            torch.set_default_dtype(getattr(torch, dtype))
            return verdict_of(find(exercise), attempt, seconds)
        finally:
            torch.set_default_dtype(before)


class _Process:
    """A caged process and the talk with it. Leaving the block ends it and all that came from it."""

    def __init__(self, zygote: Zygote, task: str, seconds: float, memory: int) -> None:
        self._end, self._keeper, self._scratch = zygote.fork(task, seconds, memory)
        self._deadline = time.monotonic() + seconds
        self._seconds = seconds

    def tell(self, message: bytes) -> None:
        """Send; that the other end has gone is noticed when it is listened to."""
        try:
            send(self._end, message, self._deadline)
        except (Closed, Late):
            return

    def hear(self, what: str) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
        """One message, or `Misbehaved` with the reason why none came."""
        try:
            return unpack(receive(self._end, self._deadline))
        except Malformed as problem:
            raise Misbehaved(
                "tampered",
                f"what came out of {what} is not what our side of that process writes: {problem}",
            ) from None
        except Late:
            raise Misbehaved(
                "timeout", f"{what} did not come to an end and had to be killed"
            ) from None
        except Closed:
            raise Misbehaved("crashed", f"the process died in {what}: {self._ending()}") from None

    def ask(self, request: Mapping[str, Any], seconds: float, what: str) -> Outcome:
        """Ask for an outcome. The ticket makes sure that what comes answers this question, and was
        not there before it.
        """
        if pending(self._end) and not self._gone():
            raise Misbehaved("tampered", f"something came out of {what} before it was asked for")
        self._deadline = time.monotonic() + seconds + GRACE
        ticket = secrets.token_hex(8)
        self.tell(pack({**request, "ticket": ticket}))
        header, tensors = self.hear(what)
        if header.get("ticket") != ticket:
            raise Misbehaved(
                "tampered",
                f"what came out of {what} answers another question than the one that was asked",
            )
        try:
            return decode_outcome(header, tensors)
        except Malformed as problem:
            raise Misbehaved(
                "tampered",
                f"what came out of {what} is not what our side of that process writes: {problem}",
            ) from None

    def _gone(self) -> bool:
        try:
            return self._end.recv(1, socket.MSG_PEEK) == b""
        except OSError:
            return True

    def _ending(self) -> str:
        """How the process ended, in words, from its keeper."""
        self._keeper.settimeout(GRACE)
        try:
            said = json.loads(self._keeper.recv(4096) or b"{}")
        except (OSError, ValueError):
            said = {}
        if "signal" in said:
            number = int(said["signal"])
            words = {
                signal.SIGSEGV: "a segmentation fault",
                signal.SIGKILL: "it was killed",
                signal.SIGXCPU: "its processor time was used up",
            }
            return (
                words.get(signal.Signals(number), signal.Signals(number).name)
                if number in set(signal.Signals)
                else f"signal {number}"
            )
        return f"it left Python with status {said['exit']}" if "exit" in said else "it has gone"

    def __enter__(self) -> _Process:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end.close()
        self._keeper.settimeout(10.0)
        try:
            self._keeper.shutdown(
                socket.SHUT_WR
            )  # the keeper sees it, ends everything, and closes its side
            while self._keeper.recv(4096):
                pass
        except OSError:
            pass
        self._keeper.close()
        remove_all(self._scratch)
