"""What runs in a caged process: reading a notebook (nothing of it is run), or running an answer and
nothing else of the notebook.
"""

from __future__ import annotations

import linecache
import socket
import sys
import time
from collections.abc import Callable, Mapping
from itertools import zip_longest
from types import ModuleType
from typing import Any

import torch

from course.checking.judging import attempts
from course.checking.running import Outcome, run
from course.exercises.catalogue import find
from course.grading.channel import Closed, Late, receive, send
from course.grading.reading import read_notebook
from course.grading.values import encode_outcome, pack, unpack

PATIENCE = 3600.0  # seconds; the keeper ends us long before


def read(end: socket.socket) -> None:
    """The task "read": a notebook's bytes come, what was found in it goes back."""
    content = receive(end, time.monotonic() + PATIENCE)
    send(end, pack(read_notebook(content)), time.monotonic() + PATIENCE)


def answer(end: socket.socket) -> None:
    """The task "answer": statements come and are run; then the answer is tried on one input after
    another, as it is asked for.
    """
    job, _ = unpack(receive(end, time.monotonic() + PATIENCE))
    torch.set_default_dtype({"float32": torch.float32, "float64": torch.float64}[job["dtype"]])
    torch.manual_seed(0)
    exercise = find(job["exercise"])
    made = job["statements"], job["function"], job["flags"]
    outcome = run(lambda: _function(*made), job["seconds"])
    function, ready = outcome.value, Outcome(None, outcome.error, outcome.place, outcome.printed)
    _reply(end, job["ticket"], ready)
    if outcome.error is not None:
        return
    attempt = attempts(exercise, function)
    while True:
        try:
            request, _ = unpack(receive(end, time.monotonic() + PATIENCE))
        except (Closed, Late):
            return
        try:
            outcome = attempt(request["place"], request["gradients"], request["seconds"])
        except BaseException as error:  # such as KeyboardInterrupt, which is no reader's here
            outcome = Outcome(error=error)
        _reply(end, request["ticket"], outcome)


def _reply(end: socket.socket, ticket: str, outcome: Outcome) -> None:
    header, tensors = encode_outcome(outcome)
    send(end, pack(header | {"ticket": ticket}, tensors), time.monotonic() + PATIENCE)


def _function(statements: list[Mapping[str, Any]], name: str, flags: int) -> Callable[..., Any]:
    """Run the statements in order, as the notebook's cells would be; the function that the marked
    one makes.
    """
    module = ModuleType("__main__")  # where dataclasses and the like look for their names
    sys.modules["__main__"] = module
    namespace = module.__dict__
    namespace |= {"display": _nothing, "get_ipython": lambda: _Shell()}  # what Jupyter puts there
    found: Any = None
    for statement in statements:
        file = f"cell {statement['cell']}"
        source = "\n" * (statement["line"] - 1) + statement["source"]
        _remember(file, source.splitlines(keepends=True))
        code = compile(source, file, "exec", flags, dont_inherit=True)
        exec(code, namespace)  # this is the one place where student code runs
        if statement["marked"]:
            found = namespace.get(name)
    if not callable(found):
        raise TypeError(f"{name} is no function once its cell has run")
    answer: Callable[..., Any] = found
    return answer


def _nothing(*_: Any, **__: Any) -> None:
    """In place of displays and magics."""


class _Shell:
    """What `get_ipython()` returns where there is no Jupyter: it does nothing."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return _nothing


def _remember(file: str, lines: list[str]) -> None:
    """Lines of a cell, for messages about errors in them; a cell's statements come one by one."""
    known = linecache.cache.get(file)
    before: list[str] = known[2] if known is not None and len(known) == 4 else []
    both = zip_longest(lines, before, fillvalue="")
    linecache.cache[file] = (0, None, [own if own.strip() else old for own, old in both], file)


TASKS = {"read": read, "answer": answer}
