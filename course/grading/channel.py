"""Messages over a socket, with a deadline and a largest size; for both ends."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

from course.grading.values import LARGEST, Malformed


class Closed(EOFError):
    """The other end has gone."""


class Late(TimeoutError):
    """Nothing, or only a part of a message, came in time."""


@contextmanager
def _until(deadline: float, end: socket.socket) -> Iterator[None]:
    """What the block does at this end is done by then, or raises `Late` or `Closed`."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise Late
    end.settimeout(left)
    try:
        yield
    except TimeoutError:
        raise Late from None
    except OSError:
        raise Closed from None


def send(end: socket.socket, message: bytes, deadline: float) -> None:
    """Send all of it. Raises `Closed`, or `Late` where the other end does not read."""
    with _until(deadline, end):
        end.sendall(message)


def receive(end: socket.socket, deadline: float) -> bytes:
    """One message as `course.grading.values.pack` makes it, without its first 4 bytes. Raises
    `Closed`, `Late` or `Malformed`.
    """
    size = int.from_bytes(_exactly(end, 4, deadline), "big")
    if not 4 <= size <= LARGEST:
        raise Malformed("its length is wrong")
    return _exactly(end, size, deadline)


def _exactly(end: socket.socket, count: int, deadline: float) -> bytes:
    got = bytearray()
    while len(got) < count:
        with _until(deadline, end):
            more = end.recv(min(count - len(got), 2**20))
        if not more:
            raise Closed
        got += more
    return bytes(got)


def pending(end: socket.socket) -> bool:
    """Has anything come that nobody asked for?"""
    end.setblocking(False)
    try:
        return end.recv(1, socket.MSG_PEEK) != b""
    except OSError:  # nothing has, or the other end has gone
        return False
