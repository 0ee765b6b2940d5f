"""What a caged process can't do. On Linux by the kernel, where it lets an ordinary user ask for it;
elsewhere limits alone.

| | Linux, namespaces allowed | Linux, Landlock only | macOS |
| --- | --- | --- | --- |
| other processes | none to be seen or signalled | out of reach (kernel 6.12) | the user's own |
| what is left running | killed by the kernel | killed by its parent | killed with its group |
| network | none | no TCP (kernel 6.7), else refused by Python | refused by Python |
| files | read Python and the course, write the scratch folder | the same | the user's own |
| memory, time, file size, core files | limited | limited | time and file size |

References: user_namespaces(7), landlock(7), setrlimit(2).
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

NAMESPACES = (
    0x10000000 | 0x00020000 | 0x20000000 | 0x40000000 | 0x08000000
)  # user, mount, pid, network, ipc
_RECURSIVE_PRIVATE = 0x4000 | 0x40000
_NO_NEW_PRIVILEGES, _SUBREAPER = 38, 36
_CREATE, _ADD, _RESTRICT = 444, 445, 446  # landlock's system calls, the same on every processor
_READ, _FOR_FILES = (
    0b1101,
    0b1100000000000111,
)  # execute, read a file, read a folder; what applies to a single file
_TMPFS_BYTES = 128 * 2**20


@dataclass(frozen=True)
class Strength:
    """What this machine grants: process, network and mount namespaces, and the version of Landlock
    (0: none).
    """

    namespaces: bool
    landlock: int

    def sentence(self) -> str:
        """For people: what holds, and what does not."""
        if self.namespaces and self.landlock:
            return (
                "Answers ran without network, saw no other process, and could write in their"
                " scratch folder alone."
            )
        missing = [] if self.landlock else ["files of this user were writable"]
        missing += (
            []
            if self.namespaces
            else [
                "the network was only refused by Python",
                "other processes of this user could be signalled",
            ]
        )
        return (
            f"Weaker than it could be on this machine: {'; '.join(missing)}. See docs/grading.md."
        )


def _libc() -> Any:
    return ctypes.CDLL(None, use_errno=True)


def strength(namespaces: bool = True) -> Strength:
    """Try it in a child that ends at once. With `namespaces` False, do without them."""
    if sys.platform != "linux":
        return Strength(False, 0)
    version = max(int(_libc().syscall(_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(1))), 0)
    if not namespaces:
        return Strength(False, version)
    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            enter_namespaces(Path("/"))
            os._exit(0)
        os._exit(1)
    granted = os.waitpid(child, 0)[1] == 0
    return Strength(granted, version)


def enter_namespaces(scratch: Path) -> None:
    """Leave the machine's processes (from the next child on), network and mounts; the scratch
    folder becomes a small memory disk.

    Raises:
        OSError: where the system does not let this user do so.
    """
    libc, user, group = _libc(), os.getuid(), os.getgid()
    _asked(libc.unshare(NAMESPACES), "unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    _asked(libc.mount(b"none", b"/", None, _RECURSIVE_PRIVATE, None), "mount")
    if scratch != Path("/"):
        size = f"size={_TMPFS_BYTES},nr_inodes=4096,mode=700".encode()
        _asked(libc.mount(b"scratch", os.fsencode(scratch), b"tmpfs", 0, size), "mount")
        with suppress(OSError):  # sockets of services live here
            _asked(libc.mount(b"nothing", b"/run", b"tmpfs", 1, b"size=4096"), "mount")


def become_reaper() -> None:
    """Whatever a child leaves behind becomes ours, to be ended. Linux only."""
    if sys.platform == "linux":
        _libc().prctl(_SUBREAPER, 1, 0, 0, 0)


def limit(seconds: float, memory: int, namespaces: bool) -> None:
    """Limits that only get tighter: CPU seconds, bytes of memory beyond what is in use now, file
    size, open files, no core files.
    """
    import resource

    def at_most(what: int, most: int) -> None:
        _, hard = resource.getrlimit(what)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        with suppress(ValueError, OSError):
            resource.setrlimit(what, (most, most))

    at_most(resource.RLIMIT_CPU, int(seconds) + 2)
    at_most(resource.RLIMIT_FSIZE, 64 * 2**20)
    at_most(resource.RLIMIT_NOFILE, 256)
    at_most(resource.RLIMIT_CORE, 0)
    with suppress(OSError, IndexError, ValueError):
        in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        at_most(resource.RLIMIT_AS, in_use + memory)
    if (
        namespaces
    ):  # counted in this namespace alone; elsewhere it would count all of the user's processes
        at_most(resource.RLIMIT_NPROC, 64)


def close_network() -> None:
    """Refuse sockets in Python: a sign on the door, for machines where the kernel keeps no lock."""

    def refused(*_: object, **__: object) -> NoReturn:
        raise PermissionError("the network is closed while answers are graded")

    for name in ("socket", "create_connection", "getaddrinfo", "create_server", "gethostbyname"):
        setattr(socket, name, refused)


def lock_files(version: int, readable: Iterable[Path], writable: Iterable[Path]) -> None:
    """From now on this process and its children read and write below these paths alone, open no
    TCP, signal nobody outside. For good.

    Raises:
        OSError: if the kernel refuses.
    """
    libc = _libc()
    every = (1 << (13 + (version >= 2) + (version >= 3) + (version >= 5))) - 1
    attributes = struct.pack("QQQ", every, 3 if version >= 4 else 0, 3 if version >= 6 else 0)
    attributes = attributes[: 8 if version < 4 else 16 if version < 6 else 24]
    rules = _asked(
        libc.syscall(_CREATE, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0)),
        "landlock",
    )
    for paths, rights in ((readable, _READ & every), (writable, every)):
        for path in paths:
            try:
                place = os.open(path, os.O_PATH | os.O_CLOEXEC)
            except OSError:
                continue
            allowed = rights if os.path.isdir(path) else rights & (_FOR_FILES | 1 << 14)
            _asked(
                libc.syscall(_ADD, rules, 1, struct.pack("=Qi", allowed & every, place), 0),
                "landlock",
            )
            os.close(place)
    _asked(libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0), "prctl")
    _asked(libc.syscall(_RESTRICT, rules, 0), "landlock")
    os.close(rules)


def readable_paths(course: Path) -> list[Path]:
    """Python, its libraries, the system's, and the course; no home folder, no other submission."""
    own = {Path(each) for each in (sys.prefix, sys.base_prefix, sys.executable)} | {
        Path(each).resolve() for each in sys.path if each
    }
    parts = {course / part for part in ("nmt", "course", "data", "assets")}
    system = {
        Path(each)
        for each in (
            "/usr",
            "/lib",
            "/lib64",
            "/bin",
            "/etc",
            "/proc",
            "/sys",
            "/dev/urandom",
            "/dev/zero",
            "/opt",
        )
    }
    return sorted(
        (own - {course}) | parts | system | {each.resolve() for each in own - {course}} - {course}
    )


def _asked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result
