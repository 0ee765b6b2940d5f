"""The last line of `make test` names what failed or hung, and nothing that a step began is left."""

import os
import time

import run_tests
from run_tests import Step, main

TESTS = """
import threading

def test_right(): pass
def test_wrong(): assert 1 == 2
def test_waits(): threading.Event().wait()
"""


def test_all_steps_run_and_each_trouble_is_named(tmp_path, monkeypatch, capfd):
    path = tmp_path / "test_some.py"
    path.write_text(TESTS)
    options = "-m pytest -p no:xdist -p no:nbval --timeout=1 -c".split()
    pytest = [*options, os.devnull, str(path)]
    steps = {
        "lint": Step([["-c", "raise SystemExit(3)"], ["-c", "print('not run')"]], 60),
        "unit": Step([pytest], 60),
        "last": Step([["-c", "print('run all the same')"]], 60),
    }
    monkeypatch.setattr(run_tests, "STEPS", steps)
    assert main(["last"], []) == 0
    assert capfd.readouterr().out.splitlines()[-1].startswith("All passed: last ")
    assert main(list(steps), []) == 1
    out = capfd.readouterr().out
    assert "run all the same" in out and "not run" not in out
    said = out.splitlines()[-1]
    assert said.startswith("Failed (lint ") and "lint: -c raise SystemExit(3) failed" in said
    assert "test_some::test_wrong, " in said and "test_some::test_waits hung" in said
    assert "test_right" not in said


def test_a_step_that_hangs_is_ended_with_all_that_it_began(tmp_path, monkeypatch, capfd):
    pid = tmp_path / "pid"
    child = f"import os, time; open({str(pid)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    code = f"import faulthandler, subprocess, sys; faulthandler.enable();\
        subprocess.run([sys.executable, '-c', {child!r}])"
    monkeypatch.setattr(run_tests, "STEPS", {"slow": Step([["-c", code]], 5)})
    started = time.monotonic()
    assert main(["slow"], []) == 1
    said = capfd.readouterr()
    assert time.monotonic() - started < 20
    assert "hung and was ended" in said.out.splitlines()[-1] and "Current thread" in said.err
    for _ in range(100):
        if not os.path.exists(f"/proc/{pid.read_text()}"):
            break
        time.sleep(0.1)
    assert not os.path.exists(f"/proc/{pid.read_text()}")
