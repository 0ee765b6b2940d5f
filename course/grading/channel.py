"""Messages over a socket, with a deadline and a largest size; for both ends."""

from __future__ import annotations

import select
import socket
import time

from course.grading.values import LARGEST, Malformed


class Closed(EOFError):
    """The other end has gone."""


class Late(TimeoutError):
    """Nothing, or only a part of a message, came in time."""


def send(end: socket.socket, message: bytes, deadline: float) -> None:
    """Send all of it. Raises `Closed`, or `Late` where the other end does not read."""
    view = memoryview(message)
    end.setblocking(False)
    while view:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([], [end], [], left)[1]:
            raise Late
        try:
            view = view[end.send(view) :]
        except BlockingIOError:
            continue
        except OSError:
            raise Closed from None


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
    end.setblocking(False)
    while len(got) < count:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([end], [], [], left)[0]:
            raise Late
        try:
            more = end.recv(min(count - len(got), 2**20))
        except BlockingIOError:
            continue
        except OSError:
            raise Closed from None
        if not more:
            raise Closed
        got += more
    return bytes(got)


def pending(end: socket.socket) -> bool:
    """Has anything come that nobody asked for? A socket at its end counts too."""
    return bool(select.select([end], [], [], 0)[0])
