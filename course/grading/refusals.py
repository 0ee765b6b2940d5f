"""Which system calls the kernel refuses an answer: seccomp(2), on Linux, asked for by any user.

Landlock covers opening files, and not their rights and times; it covers TCP, and not the sockets
that have a path. Here both are refused, with or without namespaces.
"""

from __future__ import annotations

import ctypes
import platform
import struct
from typing import Any

# Name → its number on x86-64 and on AArch64 (0: not there). Sockets, and what gets round a filter,
# reads other processes, takes memory that belongs to no process, or changes mounts.
_ALWAYS = {
    "socket": (41, 198),
    "io_uring_setup": (425, 425),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "mount_setattr": (442, 442),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
}
# Rights, owners, times and attributes of files; where the system is mounted read-only, an answer
# may change its own.
_ABOUT_FILES = {
    "chmod": (90, 0),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, 0),
    "fchown": (93, 55),
    "lchown": (94, 0),
    "fchownat": (260, 54),
    "utime": (132, 0),
    "utimes": (235, 0),
    "futimesat": (261, 0),
    "utimensat": (280, 88),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "setxattrat": (463, 463),
    "removexattrat": (466, 466),
    "file_setattr": (469, 469),
}
_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06  # instructions of classic BPF
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050001  # the latter: EPERM, "Operation not permitted"
_OTHER_NUMBERS = 0x40000000  # the x32 calls of x86-64 begin here
NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER = 38, 22, 2


def c_library() -> Any:
    """The system's, with its error numbers kept."""
    return ctypes.CDLL(None, use_errno=True)


def available() -> bool:
    """Is this a machine whose numbers are known, with a kernel that filters?"""
    libc = c_library()
    # With no program, a kernel that filters answers EFAULT (14), one that doesn't EINVAL.
    refused = libc.prctl(_SET_SECCOMP, _FILTER, None, 0, 0) < 0 and ctypes.get_errno() == 14
    return platform.machine() in _MACHINES and refused


def refuse(about_files: bool) -> None:
    """From now on, for this process and its children, these calls fail. For good.

    Args:
        about_files: also those that change the rights, owners and times of files.

    Raises:
        OSError: if the kernel takes no filter.
    """
    column, architecture = _MACHINES[platform.machine()]
    names = _ALWAYS | (_ABOUT_FILES if about_files else {})
    numbers = [each[column] for each in names.values() if each[column]]
    steps = [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, architecture), (_RETURN, 0, 0, _REFUSE)]
    steps += [(_LOAD, 0, 0, 0), (_AT_LEAST, len(numbers) + 1, 0, _OTHER_NUMBERS)]
    for place, number in enumerate(numbers):
        steps.append((_EQUAL, len(numbers) - place, 0, number))
    steps += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _REFUSE)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code))
    libc = c_library()
    if (
        libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0) < 0
        or libc.prctl(_SET_SECCOMP, _FILTER, program, 0, 0) < 0
    ):
        raise OSError(ctypes.get_errno(), "seccomp")
