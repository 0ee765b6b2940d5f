"""What an answer may do to the session that checks it: loop, leave, print, ask, change settings."""

import json
import os
import signal
import sys
import threading
import time

import numpy as np
import pytest
import torch
from typed_answers import MASK, masked

from course.checking.running import OutOfTime, run, time_limit
from course.exercises import judge
from nmt.attention import causal_mask

ENDS = "raise SystemExit(3)", "raise GeneratorExit", "yield 1", "1 / 0", "return answer(1, 1)"


@pytest.mark.parametrize("body", ENDS)
def test_whatever_it_does_the_check_survives(body):
    verdict = masked(body)
    assert verdict.status in ("error", "wrong") and verdict.message
    json.dumps(verdict.as_data())


def test_an_interrupt_by_the_reader_goes_through():
    with pytest.raises(KeyboardInterrupt):
        masked("raise KeyboardInterrupt")


CATCHES_TWO = """caught = 0
while caught < 2:
    try:
        while True: pass
    except BaseException: caught += 1
while True: pass"""
LOOPS = [
    "while True: pass",
    "while True:\n    try:\n        queries += 1\n    except Exception: pass",
    "while True: print(queries)",
    CATCHES_TWO,
]


@pytest.mark.parametrize("body", LOOPS)
def test_an_endless_loop_is_stopped_and_its_line_named(body):
    handler, began = signal.getsignal(signal.SIGALRM), time.monotonic()
    others, _ = signal.getitimer(signal.ITIMER_REAL)  # such as that of the test run
    verdict = masked(body, seconds=0.3)
    assert verdict.status == "timeout"
    assert verdict.details["where"].endswith(f"line {verdict.details['line']}")
    assert time.monotonic() - began < 5
    assert signal.getsignal(signal.SIGALRM) == handler
    assert signal.getitimer(signal.ITIMER_REAL)[0] <= others
    time.sleep(0.25)  # a late interrupt would hit here
    assert judge(MASK, causal_mask).status == "correct"


def test_in_another_thread_it_runs_without_a_limit():
    found = []
    body = "time.sleep(0.3)\nreturn torch.ones(queries, keys).tril(keys - queries).bool()"
    thread = threading.Thread(target=lambda: found.append(masked(body, seconds=0.1)))
    thread.start()
    thread.join(30)
    assert [verdict.status for verdict in found] == ["correct"]


def test_a_timer_of_somebody_else_goes_on():
    rung = []
    before = signal.signal(signal.SIGALRM, lambda *_: rung.append(1))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.5)
        with pytest.raises(OutOfTime), time_limit(0.1):
            while True:
                pass
        time.sleep(0.7)
        assert rung == [1]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_prints_are_kept_short_and_shown_apart(capsys):
    verdict = masked('print("spam " * 1_000_000)\nreturn torch.ones(1)')
    assert capsys.readouterr().out == ""
    assert verdict.printed.startswith("spam spam") and len(verdict.printed) < 1100
    assert "spam" in repr(verdict) and "<details>" in verdict._repr_html_()
    errors = "import sys\nprint('y' * 10**7, file=sys.stderr)\nreturn 1"
    assert len(masked(errors).printed) < 1100


def test_run_tells_value_error_and_place():
    assert run(lambda: 3, 1.0).value == 3
    outcome = run(lambda: {}["x"], 1.0, within=__file__)
    assert isinstance(outcome.error, KeyError) and "lambda" in outcome.place.source


KEPT = [
    "torch.set_default_dtype(torch.float64)",
    "torch.set_grad_enabled(False)",
    "import os; os.chdir('/')",
    "import sys; sys.setrecursionlimit(900)",
    "import random, numpy; random.seed(1); numpy.random.seed(1)",
    "torch.set_default_device('meta')",
]


@pytest.mark.parametrize("line", KEPT)
def test_the_session_is_left_as_it_was(line):
    def settings():
        of_torch = torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_default_device()
        drawn = np.random.get_state()[1].tolist()
        return of_torch, os.getcwd(), sys.getrecursionlimit(), drawn

    before = settings()
    masked(f"{line}\nreturn 1")
    assert settings() == before


@pytest.mark.parametrize("ask", ["input()", "__import__('getpass').getpass()"])
def test_nobody_is_asked(ask):
    assert "a check asks nobody" in masked(f"return {ask}").message


def test_an_error_without_words_breaks_nothing():
    mute = "class Mute(Exception):\n    def __str__(self): raise ValueError\nraise Mute"
    assert "can't be made" in masked(mute).message
    verdict = masked('raise ValueError("\\udcff" + "x" * 5_000_000)')
    assert len(verdict.message) < 1500 and verdict.message.encode()
