"""The judge's side: one caged process for each answer, and a verdict on each."""

from __future__ import annotations

import stat
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from course.checking.judging import SECONDS, verdict_of
from course.checking.recognition import rewritten
from course.checking.running import Outcome, text_of
from course.checking.verdict import Verdict
from course.exercises.catalogue import find
from course.grading.fork_server import Zygote
from course.grading.talk import GRACE, Misbehaved, Process

LARGEST_FILE = 48 * 2**20  # bytes


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
    text: str = ""  # of a long answer: the same where two differ in spaces and comments alone


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
    student: str = ""
    digest: str = ""

    @property
    def correct(self) -> int:
        """How many exercises are right."""
        return sum(result.status == "correct" for result in self.results)


def grade(
    path: Path, zygote: Zygote, limits: Limits | None = None, only: Collection[str] = ()
) -> Graded:
    """Grade one notebook. Whatever is in it, this returns.

    Args:
        path: the submission.
        zygote: from which its processes come.
        limits: time and memory.
        only: exercises to grade; without any, all.
    """
    began, limits = time.monotonic(), limits or Limits()
    graded = Graded(str(path))
    try:
        about = _read(path, zygote, limits)
        graded.remarks = [
            *about["changes"],
            *about["remarks"],
            *(f"there is no exercise {each!r}" for each in about["unknown"]),
        ]
        if not about["expected"]:
            said = "it holds no exercise of this course: not one function is marked with @exercise"
            raise Misbehaved("unreadable", said)
        for exercise in about["expected"]:
            if only and exercise not in only:
                continue
            left = limits.seconds - (time.monotonic() - began)
            graded.results.append(_one(exercise, about, zygote, limits, left))
            answer = about["answers"].get(exercise) or {}
            graded.results[-1].text = answer.get("text", "")
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
            most = f"more than the {LARGEST_FILE >> 20} MB that are read: clear its outputs"
            raise Misbehaved("unreadable", f"it has {size / 2**20:.0f} MB, {most}")
        content = path.read_bytes()
    except OSError as error:
        raise Misbehaved("unreadable", f"it can't be opened: {error.strerror}") from None
    with Process(zygote, "read", 30.0, limits.memory) as process:
        content = content.ljust(4)  # JSON may end in blanks
        process.tell(len(content).to_bytes(4, "big") + content)
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
        given = f"the {limits.seconds:g} seconds for this submission"
        return Result(exercise, "timeout", f"{given} were used up by the exercises before")
    try:
        verdict = _judged(exercise, about, zygote, seconds, limits.memory)
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
    if verdict.status != "correct":
        said = verdict.message, verdict.mistake, verdict.question
        return Result(exercise, verdict.status, *said, remarks)
    if about["changes"]:
        message = f"the numbers are right, but {about['changes'][0]}: look at it yourself"
        return Result(exercise, "tampered", message, remarks=remarks)
    return Result(exercise, "correct", remarks=remarks)


def _judged(
    exercise: str, about: Mapping[str, Any], zygote: Zygote, seconds: float, memory: int
) -> Verdict:
    """The verdict, with the answer in a process of its own."""
    before, asked, answer = torch.get_default_dtype(), find(exercise), about["answers"][exercise]
    job = {name: answer[name] for name in ("statements", "function", "flags")}
    job |= {"exercise": exercise, "dtype": about["dtype"], "seconds": seconds}
    written = "".join(each["source"] for each in answer["statements"] if each["marked"])
    with Process(zygote, "answer", seconds + 2 * GRACE, memory) as process:
        outcome = process.ask(job, seconds, "its cells")
        if outcome.error is not None:
            where = f"{outcome.place.where}: {outcome.place.source}\n" if outcome.place else ""
            if outcome.out_of_time:
                said = f"The cells that it needs were still running after {seconds:g} seconds."
                return Verdict(exercise, "timeout", said)
            said = text_of(outcome.error).splitlines()[0]
            return Verdict(exercise, "error", f"{where}{type(outcome.error).__name__}: {said}")

        def attempt(place: int, gradients: bool, left: float) -> Outcome:
            request = {"place": place, "gradients": gradients, "seconds": left}
            return process.ask(request, left, "the answer")

        try:
            torch.set_default_dtype(getattr(torch, about["dtype"]))
            return verdict_of(asked, attempt, seconds, rewritten(asked, written))
        finally:
            torch.set_default_dtype(before)
