"""Several submissions at the same time: a few judges, each a process with a forking process of its
own.
"""

from __future__ import annotations

import multiprocessing
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.util import Finalize
from pathlib import Path

import torch

from course.grading.fork_server import Zygote
from course.grading.grader import Graded, Limits, Result, grade


@dataclass(frozen=True)
class Job:
    """A submission to be graded, and its place in the class."""

    place: int
    path: Path
    student: str
    digest: str
    limits: Limits
    only: tuple[str, ...]


def graded_in_turn(jobs: Sequence[Job], most: int) -> Iterator[tuple[int, Graded, str]]:
    """Grade them, `most` at a time, and give each result when it is there: its place, the result,
    and what held the answers in. Leaving the loop early ends the judges.
    """
    if not jobs:
        return
    count = min(most, len(jobs))
    memory = max(job.limits.memory for job in jobs)
    context = multiprocessing.get_context("fork")
    with context.Pool(count, initializer=_begin, initargs=(memory,)) as judges:
        yield from judges.imap_unordered(_judge, jobs)
        judges.close()
        judges.join()


_zygotes: list[Zygote] = []


def _begin(memory: int) -> None:
    """In a judge: a forking process, and an end in good order. Ctrl-C is for the first process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    torch.set_num_threads(1)
    _zygotes.append(Zygote(memory=memory))
    Finalize(None, _end, exitpriority=10)


def _end() -> None:
    while _zygotes:
        _zygotes.pop().__exit__(None, None, None)


def _judge(job: Job) -> tuple[int, Graded, str]:
    zygote = _zygotes[-1]
    try:
        graded = grade(job.path, zygote, job.limits, only=job.only)
    except RuntimeError as problem:  # an answer has ended the process that starts the others
        graded = Graded(str(job.path), [Result("", "unreadable", f"grading broke off: {problem}")])
        _end()
        zygote = Zygote(memory=job.limits.memory)
        _zygotes.append(zygote)
    graded.student, graded.digest = job.student, job.digest
    return job.place, graded, zygote.strength.sentence()
