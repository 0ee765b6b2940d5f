"""The process from which every answer's process is made: it has loaded torch and the course, and
then only forks.

Three generations. The zygote runs nothing of anybody. For each task it forks a keeper, which leaves
the machine's namespaces, forks the caged process, ends it when it is told to or when its time is
up, and says how it ended. Student code runs only in the last of the three.
"""

from __future__ import annotations

import array
import itertools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from course.grading import sandbox as cage
from course.grading.bubble import HOME, bubblewrap, control_group, works
from course.grading.refusals import refuse
from nmt import ROOT

HOMES = ("HOME", "TMPDIR", "MPLCONFIGDIR", "IPYTHONDIR")
MOST_PROCESSES = 64  # of one answer
START = 120.0  # seconds for Python to load torch, on a busy machine


def remove_all(folder: Path) -> None:
    """Remove a folder with all that an answer left in it: thousands of nested folders, and such as
    nobody may open. What can't be removed stays.
    """
    for command in (["chmod", "-R", "u+rwx"], ["rm", "-rf"]):
        works([*command, "--", str(folder)], seconds=None)


class Zygote:
    """The grader's handle on it; a context manager.

    Args:
        without: names of `course.grading.sandbox.WALLS` to do without, to try what else holds.
        memory: bytes for all processes together, where there is a control group.
    """

    def __init__(self, without: Collection[str] = (), memory: int = 1 << 30) -> None:
        group = [] if "group" in without else control_group(memory)
        bubble = [] if "bubblewrap" in without else bubblewrap(ROOT)
        outside = ["group"] * bool(group) + ["bubblewrap"] * bool(bubble)
        self._home = tempfile.TemporaryDirectory(prefix="nmt-grading-", ignore_cleanup_errors=True)
        home = HOME if bubble else self._home.name
        ours, theirs = socket.socketpair()
        code = (
            "import json, socket, sys; from course.grading.fork_server import serve;"
            " serve(socket.socket(fileno=int(sys.argv[1])), *json.loads(sys.argv[2]))"
        )
        walls = json.dumps([list(without), outside])
        python = [sys.executable, "-B", "-c", code, str(theirs.fileno()), walls]
        with theirs:
            self._process = subprocess.Popen(
                [*group, *bubble, *["--"] * bool(bubble), *python],
                cwd=self._home.name,
                env=_surroundings(home),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for the grader, which then decides
            )
        self._control = ours
        self._control.settimeout(START)
        answer = self._line()
        if not answer:
            raise RuntimeError("grading needs a Python of its own, which could not be started")
        self.strength = cage.Strength(**json.loads(answer))

    def _line(self) -> bytes:
        got = b""
        with suppress(OSError):
            while not got.endswith(b"\n"):
                more = self._control.recv(4096)
                if not more:
                    return b""
                got += more
        return got

    def fork(self, task: str, seconds: float, memory: int) -> tuple[socket.socket, socket.socket]:
        """A fresh caged process for a task: the socket to talk with it, and the one on which its
        keeper says how it ended.
        """
        work, caged = socket.socketpair()
        keeper, kept = socket.socketpair()
        order = {"task": task, "seconds": seconds, "memory": memory}
        with caged, kept:
            ends = array.array("i", [caged.fileno(), kept.fileno()])
            self._control.sendmsg(
                [json.dumps(order).encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, ends)]
            )
            if not self._line():
                raise RuntimeError("the process that starts the others has gone")
        return work, keeper

    def __enter__(self) -> Zygote:
        return self

    def __exit__(self, *_error: object) -> None:
        self._control.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        remove_all(Path(self._home.name))
        self._home.cleanup()


def _surroundings(home: str) -> dict[str, str]:
    """Nothing of the grader's surroundings, such as keys in variables, is handed on. Home is a
    folder that will be gone.
    """
    names = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "XDG_RUNTIME_DIR")  # the last: systemd's
    kept = {name: os.environ[name] for name in names if name in os.environ}
    # joblib would try semaphores, and complain
    own = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "JOBLIB_MULTIPROCESSING": "0"}
    return kept | dict.fromkeys(HOMES, home) | own


def serve(control: socket.socket, without: Collection[str], outside: Collection[str]) -> None:
    """The zygote's loop: one order, one fork, until the grader hangs up."""
    import torch

    torch.set_num_threads(1)
    from course.exercises import exercises
    from course.grading import worker  # noqa: F401

    exercises()  # their modules are loaded here, once, and so is what a caged process runs
    strength = cage.strength(without, outside)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the grader decides
    control.sendall(json.dumps(strength.__dict__).encode() + b"\n")
    while True:
        order, ends, _, _ = socket.recv_fds(control, 65536, 2)
        if not order:
            return
        if os.fork() == 0:
            control.close()
            _keep(json.loads(order), strength, *ends)
        for end in ends:
            os.close(end)
        control.sendall(b"forked\n")


def _keep(order: Mapping[str, Any], strength: cage.Strength, work: int, keeper: int) -> None:
    """The keeper: see the head of this file. Never returns."""
    said: dict[str, Any] = {"failed": "the keeper"}
    child = 0
    with suppress(BaseException):
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(nothing, standard)
        cage.become_reaper()
        scratch = Path(tempfile.mkdtemp(prefix="scratch-"))
        if strength.namespaces:
            cage.enter_namespaces(scratch)
        child = os.fork()
        if child == 0:
            os.close(keeper)
            _caged(order, strength, work, scratch)
        os.close(work)
        said = _watch(child, keeper, time.monotonic() + order["seconds"], order["memory"])
        _end_all(child)
        remove_all(scratch)
        with suppress(OSError):
            os.write(keeper, json.dumps(said).encode())
    os._exit(0)


def _watch(child: int, keeper: int, deadline: float, memory: int) -> dict[str, Any]:
    """Wait until the caged process ends, the grader hangs up, or time is up; or all that came from
    it takes too much.
    """
    for beat in itertools.count():
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            code = os.waitstatus_to_exitcode(status)
            return {"signal": -code} if code < 0 else {"exit": code}
        if select.select([keeper], [], [], 0.01)[0] or time.monotonic() > deadline:
            break
        if beat % 5 == 0 and sys.platform == "linux":
            processes, in_use = cage.in_all(os.getpid())
            if in_use > memory:
                return {"said": f"its processes took more than {memory >> 20} MB together"}
            if processes > MOST_PROCESSES:
                return {"said": f"it started more than {MOST_PROCESSES} processes"}
    return {"ended": True}


def _end_all(child: int) -> None:
    """End the caged process and all that came from it. In namespaces its end is theirs; else they
    come to us as orphans, one by one.
    """
    with suppress(OSError):
        os.kill(child, signal.SIGKILL)
    with suppress(OSError):
        os.killpg(child, signal.SIGKILL)
    for _ in range(1000):
        left: list[str] = []
        with suppress(OSError):
            left = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        for each in left:
            with suppress(OSError):
                os.kill(int(each), signal.SIGKILL)
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.002)
        except ChildProcessError:
            return


def _caged(order: Mapping[str, Any], strength: cage.Strength, work: int, scratch: Path) -> None:
    """The last of the three: locks itself in, then does its task. Never returns."""
    from course.grading.worker import TASKS

    status = 70
    with suppress(BaseException):
        os.setsid()
        os.dup2(work, 3)
        most = os.sysconf("SC_OPEN_MAX")
        os.closerange(4, min(most, 65536) if most >= 0 else 65536)
        os.chdir(scratch)
        os.environ |= dict.fromkeys(HOMES, str(scratch))
        tempfile.tempdir = None
        sys.stdin = open(os.devnull)  # noqa: SIM115, it lives as long as the process
        sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115
        end = socket.socket(fileno=3)
        cage.limit(order["seconds"], order["memory"], strength.namespaces)
        if strength.namespaces:
            if not strength.bubblewrap:
                cage.see_own_processes_alone()
            cage.drop_powers()
        elif not (strength.bubblewrap or strength.filter):
            cage.close_network()
        if strength.landlock:
            writable = [scratch, Path(os.devnull)]
            cage.lock_files(strength.landlock, cage.readable_paths(ROOT), writable)
        if strength.filter:
            refuse(about_files=not (strength.bubblewrap or strength.namespaces))
        TASKS[order["task"]](end)
        status = 0
    os._exit(status)
