"""The command that starts grading's forking process inside bubblewrap, and in a control group of
its own, where the machine has them. bwrap(1), systemd-run(1).
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from course.grading.sandbox import SYSTEM, TMPFS_BYTES, own_paths

HOME = "/tmp/home"  # inside


def bubblewrap(course: Path) -> list[str]:
    """The command in front of Python's; empty where `bwrap` is missing or may make no namespaces.

    Inside there is a read-only system, Python, the course, an empty /tmp of 128 MB, a /proc that
    shows what is inside, and no network; no home folder, no /run, no submission.
    """
    found = shutil.which("bwrap")
    if found is None:
        return []
    command = [found, "--unshare-all", "--die-with-parent", "--new-session"]
    command += [part for path in SYSTEM for part in ("--ro-bind-try", path, path)]
    command += ["--proc", "/proc", "--dev", "/dev", "--size", str(TMPFS_BYTES), "--tmpfs", "/tmp"]
    for path in map(str, own_paths(course)):
        command += ["--ro-bind-try", path, path]
    command += ["--dir", HOME, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", HOME]
    return command if works([*command, "--", "true"]) else []


def control_group(memory: int) -> list[str]:
    """The command that puts a limit on all processes together; empty where systemd grants none.

    Args:
        memory: bytes for all of them; what the forking process itself needs comes on top.
    """
    found = shutil.which("systemd-run")
    if found is None:
        return []
    limits = (f"MemoryMax={memory + 2 * 2**30}", "MemorySwapMax=0", "TasksMax=512")
    for whose in (["--user"], []):
        command = [found, *whose, "--scope", "--quiet"]
        command += [part for each in limits for part in ("-p", each)]
        if works([*command, "--", "true"]):
            return [*command, "--"]
    return []


def works(command: Sequence[str], seconds: float | None = 10) -> bool:
    """Does it run, in silence, and end well?"""
    try:
        nothing = subprocess.DEVNULL
        return not subprocess.run(
            command, stdin=nothing, stdout=nothing, stderr=nothing, timeout=seconds, check=False
        ).returncode
    except (OSError, subprocess.TimeoutExpired):
        return False
