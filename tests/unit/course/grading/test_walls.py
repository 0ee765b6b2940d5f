"""What each wall stops, with and without bubblewrap; and that the last line says what held."""

import json
import os
import select
import socket
import sys
import time
from pathlib import Path

import pytest
from class_of_notebooks import MASK, mask_with, notebook

from course.grading import Limits, Zygote, bubble, grade
from course.grading.sandbox import Strength

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the walls are Linux's")
# What an answer tries; FOLDER is the teacher's, and holds `secret` and the socket `door`.
TRIES = {
    "read": "open('FOLDER/secret').read()",
    "list": "os.listdir('FOLDER')",
    "write": "open('FOLDER/new', 'w')",
    "chmod": "os.chmod('FOLDER/secret', 0o777)",
    "chown": "os.chown('FOLDER/secret', os.getuid(), os.getgid())",
    "utime": "os.utime('FOLDER/secret', (1, 1))",
    "xattr": "os.setxattr('FOLDER/secret', 'user.x', b'x')",
    "door": "socket.socket(socket.AF_UNIX).connect('FOLDER/door')",
    "abstract": "socket.socket(socket.AF_UNIX).connect(chr(0) + 'nmt-PID')",
    "tcp": "socket.create_connection(('127.0.0.1', PORT), 1)",
    "udp": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', PORT))",
    "see": "open('/proc/PID/cmdline', 'rb').read()",
    "signal": "os.kill(PID, 0)",
}
BODY = """import os, socket
through = []
for name, text in TRIES.items():
    try:
        exec(text)
    except OSError:
        continue
    through.append(name)
open("mine", "w").write("an answer has a folder of its own")
raise OSError("through: " + " ".join(through) + ".")
"""
FILES = {"read", "list", "write", "chmod", "chown", "utime", "xattr", "door"}
NETWORK = {"abstract", "tcp", "udp"}
MODES = {
    "all": (),
    "no bubblewrap": ("bubblewrap",),
    "bubblewrap alone": ("namespaces", "landlock", "filter"),
    "no namespaces": ("bubblewrap", "namespaces"),
    "no filter": ("bubblewrap", "namespaces", "filter"),
    "Landlock missing": ("bubblewrap", "landlock"),
}


def result_of(path, body, zygote, limits):
    path.write_text(notebook(mask_with(body)))
    return next(each for each in grade(path, zygote, limits).results if each.exercise == MASK)


def expected(strength):
    """What must get through, by what this machine grants; the rest must not."""
    apart, through = strength.bubblewrap or strength.namespaces, set()
    closed = strength.bubblewrap or strength.landlock
    through |= set() if closed else {"read", "list"}
    if not apart and not strength.filter:
        through |= {"chmod", "chown", "utime", "xattr"} | ({"write"} if not closed else set())
    through |= set() if apart else {"see"}
    if not apart and strength.landlock < 6:
        through.add("signal")
    if not strength.bubblewrap and not strength.filter and strength.namespaces:
        through.add("door")
    return through


@pytest.mark.parametrize("mode", MODES)
def test_what_each_wall_stops_and_that_it_is_said(mode, tmp_path):
    (tmp_path / "secret").write_text("of the class")
    os.utime(tmp_path / "secret", (1000, 1000))
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.socket(socket.AF_UNIX) as door,
        socket.socket(socket.AF_UNIX) as abstract,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mailbox,
        Zygote(MODES[mode]) as zygote,
    ):
        door.bind(str(tmp_path / "door"))
        abstract.bind(f"\0nmt-{os.getpid()}")
        door.listen(), abstract.listen(), mailbox.bind(server.getsockname())
        strength = zygote.strength
        tries = json.dumps(TRIES).replace("FOLDER", str(tmp_path))
        tries = tries.replace("PORT", str(server.getsockname()[1])).replace("PID", str(os.getpid()))
        result = result_of(tmp_path / "a.ipynb", f"TRIES = {tries}\n{BODY}", zygote, Limits(60, 20))
        # to one's own 127.0.0.1 all may send
        arrived = bool(select.select([mailbox], [], [], 0)[0])
    assert result.status == "error" and "through: " in result.message, result
    through = set(result.message.split("through: ")[-1].split(".")[0].split())
    through = through - {"udp"} | ({"udp"} if arrived else set())
    assert through == expected(strength)
    said = strength.sentence()
    assert ("in bubblewrap" in said) == strength.bubblewrap
    held = said.split("Weaker")[0]
    assert "no network" not in held or not through & NETWORK
    assert "nothing of yours" not in held or not through & FILES
    assert ("no process of yours to see" in held) == ("see" not in through)
    assert ("none to signal" in held) == ("signal" not in through)
    assert ((tmp_path / "secret").stat().st_mtime == 1000) == ("utime" not in through)


HOARD = """import os, time
for _ in range(3):
    if os.fork() == 0:
        mine = bytearray(os.urandom(1)) * (300 << 20)
        time.sleep(30)
time.sleep(8)
return 1"""
CROWD = """import os, time
for _ in range(90):
    if os.fork() == 0:
        time.sleep(30)
time.sleep(8)
return 1"""
CHILD = """import os
if os.fork() == 0:
    os.setsid()
    os.execvp("sleep", ["sleep", "431.5"])
raise OSError("left")"""


@pytest.mark.parametrize("without", [(), ("bubblewrap", "namespaces")])
def test_memory_and_processes_are_limited_in_all_and_nothing_is_left(without, tmp_path):
    with Zygote(without) as zygote:
        path, limits = tmp_path / "a.ipynb", Limits(90, 20, 700 << 20)
        result = result_of(path, HOARD, zygote, limits)
        assert result.status == "crashed" and "700 MB together" in result.message, result
        result = result_of(path, CROWD, zygote, limits)
        words = "more than 64 processes|Resource temporarily unavailable".split("|")
        assert any(each in result.message for each in words), result
        assert "left" in result_of(path, CHILD, zygote, limits).message
    time.sleep(0.2)
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert b"431.5" not in file.read_bytes()
        except OSError:
            continue


def stand_in(folder, name, text, monkeypatch):
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_a_bubblewrap_that_may_make_no_namespaces_is_not_used(tmp_path, monkeypatch):
    stand_in(tmp_path, "bwrap", "echo No permissions >&2; exit 1", monkeypatch)
    assert bubble.bubblewrap(tmp_path) == []
    stand_in(tmp_path, "bwrap", "exit 0", monkeypatch)
    command = bubble.bubblewrap(tmp_path)
    assert command[0] == str(tmp_path / "bwrap") and "--unshare-all" in command
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert bubble.bubblewrap(tmp_path) == [] == bubble.control_group(1 << 30)


def test_a_control_group_is_taken_where_systemd_grants_one(tmp_path, monkeypatch):
    stand_in(tmp_path, "systemd-run", "exit 1", monkeypatch)
    assert bubble.control_group(1 << 30) == []
    only_root = '[ "$1" = --user ] && exit 1; while [ "$1" != -- ]; do shift; done; shift; "$@"'
    stand_in(tmp_path, "systemd-run", only_root, monkeypatch)
    command = bubble.control_group(1 << 30)
    assert "--user" not in command and f"MemoryMax={3 << 30}" in command


def test_what_holds_is_said():
    best = Strength(bubblewrap=True, namespaces=True, landlock=7, filter=True).sentence()
    assert best.startswith("Answers ran in bubblewrap: no network") and "Weaker" not in best
    other = Strength(counted=False).sentence()
    assert "limits on time alone" in other and "not ensured: no network" in other
