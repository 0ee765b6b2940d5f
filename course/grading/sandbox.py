"""What a caged process can't do. On Linux by the kernel, where it lets an ordinary user ask for it;
elsewhere limits alone. docs/grading.md has the table.

References: user_namespaces(7), landlock(7), seccomp(2), setrlimit(2), capabilities(7).
"""

from __future__ import annotations

import ctypes
import os
import site
import socket
import struct
import sys
import sysconfig
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from course.grading.refusals import NO_NEW_PRIVILEGES, available, c_library

# user, mount, pid, network, ipc
NAMESPACES = 0x10000000 | 0x00020000 | 0x20000000 | 0x40000000 | 0x08000000
_RECURSIVE_PRIVATE = 0x4000 | 0x40000
_SUBREAPER = 36
# Landlock's system calls, and mount_setattr: the same on every processor.
_CREATE, _ADD, _RESTRICT, _SET_MOUNT = 444, 445, 446, 442
_READ = 0b1101  # execute, read a file, read a folder
_FOR_FILES = 0b1100000000000111  # what applies to a single file
TMPFS_BYTES = 128 * 2**20
# Of the system, what may be read: nothing of anybody's own.
SYSTEM = (
    *("/usr", "/lib", "/lib64", "/bin", "/opt", "/etc/ld.so.cache", "/etc/localtime"),
    *("/etc/nsswitch.conf", "/etc/passwd", "/etc/fonts", "/etc/alternatives", "/etc/mime.types"),
)
WALLS = ("bubblewrap", "namespaces", "landlock", "filter", "group")


@dataclass(frozen=True)
class Strength:
    """What this machine grants."""

    bubblewrap: bool = False
    namespaces: bool = False  # of processes, network and mounts, for each answer
    landlock: int = 0  # its version; 0: none
    filter: bool = False  # of system calls
    group: bool = False  # a control group: memory for all of them together
    counted: bool = True  # memory and processes, from outside

    def sentence(self) -> str:
        """For people: what held, and what did not."""
        apart = self.bubblewrap or self.namespaces
        walls = {
            "no network": apart or self.filter,
            "nothing of yours to read or change": self.bubblewrap
            or (self.landlock > 0 and (self.namespaces or self.filter)),
            "no process of yours to see": apart,
            "none to signal": apart or self.landlock >= 6,
            "a limit on memory for each answer's processes together": self.counted or self.group,
        }
        held = [name for name, holds in walls.items() if holds]
        lost = [name for name, holds in walls.items() if not holds]
        where = "in bubblewrap" if self.bubblewrap else "without bubblewrap"
        said = f"Answers ran {where}: {', '.join(held) or 'limits on time alone'}."
        if lost:
            said += f" Weaker than it could be; not ensured: {', '.join(lost)}."
        return said if self.bubblewrap and not lost else f"{said} See docs/grading.md."


def strength(without: Collection[str] = (), outside: Collection[str] = ()) -> Strength:
    """What there is, tried in a child that ends at once.

    Args:
        without: walls to do without, to try what else holds.
        outside: those that stand around this process already.
    """
    around = {name: True for name in ("bubblewrap", "group") if name in outside}
    if sys.platform != "linux":
        return Strength(**around, counted=False)
    ask_version = ctypes.c_size_t(0), ctypes.c_uint32(1)
    version = max(int(c_library().syscall(_CREATE, None, *ask_version)), 0)
    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            enter_namespaces(Path("/"))
            os._exit(0)
        os._exit(1)
    granted = os.waitpid(child, 0)[1] == 0
    return Strength(
        namespaces=granted and "namespaces" not in without,
        landlock=0 if "landlock" in without else version,
        filter="filter" not in without and available(),
        **around,
    )


def enter_namespaces(scratch: Path) -> None:
    """Leave the machine's processes (from the next child on), network and mounts; all is read-only
    from now on, but the scratch folder, which becomes a small memory disk.

    Raises:
        OSError: where the system does not let this user do so.
    """
    libc, user, group = c_library(), os.getuid(), os.getgid()
    _asked(libc.unshare(NAMESPACES), "unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    _asked(libc.mount(b"none", b"/", None, _RECURSIVE_PRIVATE, None), "mount")
    read_only = struct.pack("QQQQ", 1, 0, 0, 0)
    everywhere = (-100, b"/", 0x8000, read_only, ctypes.c_size_t(len(read_only)))
    _asked(libc.syscall(_SET_MOUNT, *everywhere), "mount_setattr")
    if scratch != Path("/"):
        size = f"size={TMPFS_BYTES},nr_inodes=4096,mode=700".encode()
        _asked(libc.mount(b"scratch", os.fsencode(scratch), b"tmpfs", 0, size), "mount")
        with suppress(OSError):  # sockets of services live here
            _asked(libc.mount(b"nothing", b"/run", b"tmpfs", 1, b"size=4096"), "mount")


def see_own_processes_alone() -> None:
    """In new namespaces: a /proc that shows this process and its children, or, where that is not
    granted, none at all.
    """
    libc = c_library()
    _asked(libc.unshare(0x00020000), "unshare")  # the keeper goes on seeing what it saw
    if libc.mount(b"proc", b"/proc", b"proc", 0xE, None) < 0:
        _asked(libc.mount(b"nothing", b"/proc", b"tmpfs", 1, b"size=4096"), "mount")


def drop_powers() -> None:
    """In its own namespaces a process may do what an administrator may; no more."""
    c_library().capset(struct.pack("Ii", 0x20080522, 0), bytes(24))


def in_all(keeper: int) -> tuple[int, int]:
    """How many processes come from this one, and how much memory they have in all, in bytes. Each
    has as much as they were born with for nothing: it is shared.
    """
    count, total, own, waiting = 0, 0, _memory(keeper), [keeper]
    while waiting:
        for file in Path(f"/proc/{waiting.pop()}/task").glob("*/children"):
            with suppress(OSError):
                for child in map(int, file.read_text().split()):
                    waiting.append(child)
                    count, total = count + 1, total + max(_memory(child) - own, 0)
    return count, total


def _memory(process: int) -> int:
    """Bytes that belong to no file."""
    with suppress(OSError, ValueError):
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
        parts = [line.split() for line in lines if line.startswith(("RssAnon", "RssShmem"))]
        return sum(int(number) for _, number, _ in parts) * 1024
    return 0


def become_reaper() -> None:
    """Whatever a child leaves behind becomes ours, to be ended. Linux only."""
    if sys.platform == "linux":
        c_library().prctl(_SUBREAPER, 1, 0, 0, 0)


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
    if namespaces:  # counted in this one alone; elsewhere all of the user's processes would count
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
    libc = c_library()
    every = (1 << (13 + (version >= 2) + (version >= 3) + (version >= 5))) - 1
    attributes = struct.pack("QQQ", every, 3 if version >= 4 else 0, 3 if version >= 6 else 0)
    attributes = attributes[: 8 if version < 4 else 16 if version < 6 else 24]
    size, no_flags = ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0)
    rules = _asked(libc.syscall(_CREATE, attributes, size, no_flags), "landlock")
    for paths, rights in ((readable, _READ & every), (writable, every)):
        for path in paths:
            try:
                place = os.open(path, os.O_PATH | os.O_CLOEXEC)
            except OSError:
                continue
            allowed = rights if os.path.isdir(path) else rights & (_FOR_FILES | 1 << 14)
            rule = struct.pack("=Qi", allowed & every, place)
            _asked(libc.syscall(_ADD, rules, 1, rule, 0), "landlock")
            os.close(place)
    _asked(libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0), "prctl")
    _asked(libc.syscall(_RESTRICT, rules, 0), "landlock")
    os.close(rules)


def own_paths(course: Path) -> list[Path]:
    """Python, its libraries, and the course's parts; no folder that is on the path by chance."""
    libraries = [path for name, path in sysconfig.get_paths().items() if name.endswith("lib")]
    libraries += [each for each in (site.getusersitepackages(),) if each in sys.path]
    own = {Path(each) for each in (sys.prefix, sys.base_prefix, *libraries)}
    own |= {Path(os.path.realpath(each)) for each in own}
    own |= {course / part for part in ("nmt", "course", "data", "assets")}
    system = set(map(Path, SYSTEM))
    return sorted(each for each in own if not (own | system) & set(each.parents))


def readable_paths(course: Path) -> list[Path]:
    """What may be read: no home folder, no other submission."""
    system = (*SYSTEM, "/proc", "/sys", "/dev/urandom", "/dev/zero")
    return [*own_paths(course), *map(Path, system)]


def _asked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result
