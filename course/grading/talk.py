"""The judge's talk with one caged process: a question, an outcome, and words for every way in which
the process can misbehave.
"""

from __future__ import annotations

import json
import secrets
import signal
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import torch

from course.checking.running import Outcome
from course.grading.channel import Closed, Late, pending, receive, send
from course.grading.fork_server import Zygote
from course.grading.values import Malformed, decode_outcome, pack, unpack

GRACE = 2.0  # seconds that a process gets to stop by itself
_SIGNALS = {
    signal.SIGSEGV.value: "a segmentation fault",
    signal.SIGKILL.value: "it was killed",
    signal.SIGXCPU.value: "its processor time was used up",
}


class Misbehaved(Exception):
    """An answer's process did not do what it was asked to."""

    def __init__(self, status: str, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


def _not_ours(what: str, problem: Malformed) -> Misbehaved:
    said = f"what came out of {what} is not what our side of that process writes: {problem}"
    return Misbehaved("tampered", said)


class Process:
    """A caged process and the talk with it. Leaving the block ends it and all that came from it."""

    def __init__(self, zygote: Zygote, task: str, seconds: float, memory: int) -> None:
        self._end, self._keeper = zygote.fork(task, seconds, memory)
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
            raise _not_ours(what, problem) from None
        except Late:
            said = f"{what} did not come to an end and had to be killed"
            raise Misbehaved("timeout", said) from None
        except Closed:
            raise Misbehaved("crashed", f"the process died in {what}: {self._ending()}") from None

    def ask(self, request: Mapping[str, Any], seconds: float, what: str) -> Outcome:
        """Ask for an outcome. The ticket makes sure that what comes answers this question, and was
        not there before it.
        """
        if pending(self._end):
            raise Misbehaved("tampered", f"something came out of {what} before it was asked for")
        self._deadline = time.monotonic() + seconds + GRACE
        ticket = secrets.token_hex(8)
        self.tell(pack({**request, "ticket": ticket}))
        header, tensors = self.hear(what)
        if header.get("ticket") != ticket:
            said = f"what came out of {what} answers another question than the one that was asked"
            raise Misbehaved("tampered", said)
        try:
            return decode_outcome(header, tensors)
        except Malformed as problem:
            raise _not_ours(what, problem) from None

    def _ending(self) -> str:
        """How the process ended, in words, from its keeper."""
        self._keeper.settimeout(GRACE)
        try:
            said = json.loads(self._keeper.recv(4096) or b"{}")
        except (OSError, ValueError):
            said = {}
        if "said" in said:
            return str(said["said"])
        if "signal" in said:
            number = int(said["signal"])
            words = {each.value: each.name for each in signal.Signals} | _SIGNALS
            return words.get(number, f"signal {number}")
        return f"it left Python with status {said['exit']}" if "exit" in said else "it has gone"

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_error: object) -> None:
        self._end.close()
        self._keeper.settimeout(10.0)
        with suppress(OSError):  # the keeper sees it, ends everything, and closes its side
            self._keeper.shutdown(socket.SHUT_WR)
            while self._keeper.recv(4096):
                pass
        self._keeper.close()
